"""Clinical tables: columns, words, records, age bands."""
