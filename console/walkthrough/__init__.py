"""Markdown runbooks: read, run, record."""
