"""Reusable panes that know core's types and nothing else."""
