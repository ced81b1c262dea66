"""Programs that stand in for real ones on the PATH of a practice world: what they do is done in this world alone."""
