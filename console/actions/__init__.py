"""What the console changes."""
