"""The console: everything but what is drawn."""
