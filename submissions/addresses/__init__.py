"""Addresses of databases, engines and trackers.

**Patience**: the longest wait for an answer.

Order of reading: ``parts``, ``engine``, ``database``, ``tracker``, ``patience``.
"""
