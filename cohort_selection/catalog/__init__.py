"""The index: inventory, linkage, LOINC.

**Inventory**: what each file of the commons holds. **Catalog**: studies joined with clinical
records. **Quarantine**: files that cannot be a case's image, each with its reason.

Order of reading: ``inventory``, ``grouping``, ``loinc``, ``harmonisation``, ``joining``,
``appending``, ``former``, ``catalog``, ``loinc_faults``, ``reader_version``.
"""
