"""Rates at one threshold, net benefit.

**Operating point**: the declared threshold; a case at or above it is called positive.

Order of reading: ``rates``, ``utility``, ``intervals``.
"""
