"""Tables of several readers: read strictly, compared, sealed, written as a document.

**Reads**: what each reader said of each case, as a score or a call; a table has one row a reader
and case, and with several modalities one row a reader, case and modality. **Panel**: readers whose
reads are sealed with a cohort.

Order of reading: ``labelled``, ``reads_table``, ``study``, ``words``, ``document``,
``declaration``, ``sealed_reads``, ``shown_panel``,
``panel_words``.
"""
