"""The store that only grows, and its audit chain.

**Entry**: one line of the audit chain. **Head**: the newest entry, whose digest covers all
before it.

Order of reading: ``ledger``, ``schema``, ``writing``, ``before_the_run``, ``chain``.
"""
