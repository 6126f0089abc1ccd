"""The index: inventory, harmonisation, studies joined to records.

**Inventory**: what each file of the commons holds. **Catalog**: studies joined with clinical
records. **Quarantine**: files that cannot be a case's image, each with its reason.

Order of reading: ``inventory``, ``grouping``, ``harmonisation``, ``joining``, ``appending``,
``former``, ``annotations``, ``catalog``, ``reader_version``.
"""
