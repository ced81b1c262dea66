"""Observe, evaluate, decide, act: one loop and its frozen picture."""
