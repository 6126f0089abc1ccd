"""The [cohort] table and target files.

**Target**: the wanted share of each level of an attribute.

Order of reading: ``cohort_plan``, ``target_tables``.
"""
