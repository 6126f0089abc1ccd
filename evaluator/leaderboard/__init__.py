"""Board, report, pages; ``board`` ranks and finds rows, ``drawing`` has the plots.

**Board**: submissions of one benchmark by rank. **Report**: all figures of one submission.

Order of reading: ``published``, ``pages``, ``about``, ``answers``, ``web``, ``comparison_page``,
``report``, ``footing``, ``findings``, ``population``, ``group_tables``, ``gap_rows``,
``fact_sheet_block``, ``own_scores``.
"""
