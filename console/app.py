"""The console on a terminal: the Textual application."""
