"""Tells teams by mail or web hook what became of their submissions.

Order of reading: ``notices``, ``channels``.
"""
