"""Differences between subgroups: sizes, tests, power, several gaps.

**Gap**: the difference of one figure between levels of one attribute. **Declared**: named in
the plan before any score is seen; only declared gaps are tested.

Order of reading: ``differences``, ``fairness``, ``tests``, ``means``, ``multiplicity``, ``power``.
"""
