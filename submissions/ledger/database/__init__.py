"""The database of a ledger: its tables and rows, what guards them, how it is opened.

**Append-only**: triggers refuse a change or a removal of a row. **Audit chain**: entries, each with
the digest of the one before it.

Order of reading: ``records``, ``tables``, ``append_only``, ``audit_chain``, ``opening``,
``schema``, ``locks``.
"""
