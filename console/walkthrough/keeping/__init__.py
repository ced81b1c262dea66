"""A step's process: its keeper, its pseudo-terminal, the shell state it carries on, and its end."""
