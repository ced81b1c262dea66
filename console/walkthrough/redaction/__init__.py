"""Secrets kept out of everything that is stored or shown."""
