"""The one reader of tables: text, gzip, Parquet, spreadsheets."""
