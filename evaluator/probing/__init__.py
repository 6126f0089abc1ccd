"""Predictions that set single cases apart, so that a figure would read their labels.

Order of reading: ``set_apart``.
"""
