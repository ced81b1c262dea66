"""Textual screens, one stylesheet each."""
