"""Cube method, raking, joint tables, random streams."""
