"""Reusable panes: they draw slices of the picture and know core's types and nothing else."""
