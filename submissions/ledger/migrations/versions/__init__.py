"""The steps, in the order of their numbers.

Order of reading: ``m0001_first_tables``, ``m0002_service``, ``m0003_comparisons``, ``m0004_votes``,
``m0005_exposures``, ``m0006_board_rows``, ``m0007_verdicts``.
"""
