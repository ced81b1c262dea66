"""Placeholders found, answered, put into commands, and a step assessed."""
