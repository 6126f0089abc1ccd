"""The one reader of tables: text, gzip, Parquet, spreadsheets.

**Unknown**: a cell whose word stands for no value, such as NA.

Order of reading: ``text_table``, ``cell_words``, ``column_names``, ``packed_tables``.
"""
