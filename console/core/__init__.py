"""Pure rules: no input or output, no clock of their own."""
