"""How dangerous shell text is: its commands found by syntax, wrappers taken off, each judged by its tool's rules."""
