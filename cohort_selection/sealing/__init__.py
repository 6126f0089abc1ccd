"""Encrypts a cohort and opens it.

**Seal**: the digest of a cohort's encrypted files and of the plan. **Blinded**: without label,
under an id of one run.

Order of reading: ``cohort``, ``reference_table``, ``key``.
"""
