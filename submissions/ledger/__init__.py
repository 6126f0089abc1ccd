"""The store that only grows, and its audit chain.

**Entry**: one line of the audit chain. **Head**: the newest entry, whose digest covers all
before it.

Order of reading: ``ledger``, ``records``, ``tables``, ``append_only``, ``opening``, ``schema``,
``reading``, ``writing``, ``board_rows``, ``before_the_run``, ``locks``, ``audit_chain``,
``verification``, ``signed``, ``comparisons``, ``exposures``, ``retirement``.
"""
