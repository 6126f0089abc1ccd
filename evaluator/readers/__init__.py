"""Tables of several readers: read strictly, compared, written as a document.

**Reads**: what each reader said of each case, as a score or a call; a table has one row a reader
and case, and with several modalities one row a reader, case and modality.

Order of reading: ``labelled``, ``reads_table``, ``study``, ``words``,
``document``.
"""
