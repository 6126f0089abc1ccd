"""Figures of several outputs a case: findings that occur together, classes that exclude each other.

Words: a *finding* is present, absent or unknown in a case, whatever its other findings. A *class*
is the one that a case belongs to.

Order of reading: ``mean_areas``, ``findings``, ``classes``.
"""
