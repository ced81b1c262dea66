"""Ways to move traffic to a new version and back: one module a strategy."""
