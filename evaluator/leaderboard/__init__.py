"""Boards and pages; ``board`` ranks and finds rows, ``reports`` has the report of one result.

**Board**: submissions of one benchmark by rank. **Report**: all figures of one submission.

Order of reading: ``published``, ``printed``, ``pages``, ``about``, ``answers``, ``web``,
``comparison_page``, ``own_scores``, ``claims_block``.
"""
