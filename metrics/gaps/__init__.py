"""Differences between subgroups: sizes, tests, power, several gaps."""
