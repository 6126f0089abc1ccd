"""The index: inventory, linkage, LOINC, study values.

**Inventory**: what each file of the commons holds. **Catalog**: studies joined with clinical
records. **Quarantine**: files that cannot be a case's image, each with its reason.

Order of reading: ``inventory``, ``study_values``, ``linkage``, ``linking``, ``loinc``,
``harmonisation``, ``catalog``, ``parquet``, ``unlinked``, ``loinc_faults``, ``reader_version``.
"""
