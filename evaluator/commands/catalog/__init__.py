"""The command that makes a catalog of a commons."""
