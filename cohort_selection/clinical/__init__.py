"""Clinical tables: columns, words, records, age bands.

**Record**: one row of a clinical table. **Level**: one value of an attribute, such as Female.

Order of reading: ``records``, ``columns``, ``table_lines``, ``joining``, ``record``,
``vocabulary``, ``levels``, ``age_bands``.
"""
