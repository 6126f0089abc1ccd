"""The table of studies: its columns, its parts on disk, and what is known of each study.

**Part**: some of the studies, as one Parquet file. **Known**: what is known of every study under
one name, as codes into distinct values.

Order of reading: ``schema``, ``parts``, ``study_values``, ``study_rows``, ``commons``.
"""
