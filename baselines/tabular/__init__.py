"""Baselines that see no picture: the prevalence, attributes, headers.

**Field**: one column of the table that a model reads, of levels or of numbers.

Order of reading: ``fields``, ``learning``.
"""
