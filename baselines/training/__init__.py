"""Trains and calibrates."""
