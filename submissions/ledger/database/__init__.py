"""The rows of a ledger: its tables, what guards them, how they are read and verified.

**Append-only**: triggers refuse a change or a removal of a row. **Audit chain**: entries, each with
the digest of the one before it.

Order of reading: ``records``, ``tables``, ``append_only``, ``audit_chain``, ``opening``,
``reading``, ``signed``, ``verification``, ``locks``.
"""
