"""The systems that ship with the console, as data."""
