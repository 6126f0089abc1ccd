"""Weights that bring a cohort to its target population.

**Raking**: weights that meet the margins of several attributes in turn.

Order of reading: ``raking``, ``weighted``, ``divergence``.
"""
