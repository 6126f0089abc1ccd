"""The report of one result: its sentences, tables and charts on one page.

**Footing**: what kind of report it is, sealed or self-scored. **Findings**: what heads it.

Order of reading: ``report``, ``footing``, ``findings``, ``population``, ``group_tables``,
``gap_rows``, ``parts_block``, ``fact_sheet_block``, ``verdict_block``.
"""
