"""What the ledger keeps beside releases: board rows, comparisons, who saw what.

**Exposure**: a team saw figures of a cohort. **Spent**: a cohort that takes no further looks.

Order of reading: ``board_rows``, ``comparisons``, ``exposures``, ``retirement``.
"""
