"""System files read into core's objects; every error names file and line."""
