"""Reads a benchmark file."""
