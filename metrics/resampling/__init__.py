"""Replicates, permutations and their compiled loops."""
