"""Entering, showing and withdrawing submissions, for the JSON routes and the pages alike.

Order of reading: ``entering``, ``looks``, ``own``.
"""
