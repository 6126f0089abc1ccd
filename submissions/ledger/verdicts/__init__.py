"""Verdicts of declared claims: the looks of each allowance at a cohort, and what a team is told.

**Look**: an image at a threshold, judged by the claims of a cohort; it costs a share of the
allowance's level for the life of the cohort. **Allowance**: a team and the teams that share its
people.

Order of reading: ``allowances``, ``told``, ``account``, ``sentences``.
"""
