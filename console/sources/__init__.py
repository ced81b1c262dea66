"""What the console reads: one module an outside thing."""
