"""Board, report, pages; ``drawing`` has the plots.

**Board**: submissions of one benchmark by rank. **Report**: all figures of one submission.

Order of reading: ``published``, ``ranking``, ``compared``, ``kept``, ``columns``, ``view``,
``selection``, ``rows``, ``terminal``, ``pages``, ``about``, ``answers``, ``web``, ``report``,
``population``, ``group_tables``, ``gap_rows``, ``fact_sheet_block``, ``own_scores``.
"""
