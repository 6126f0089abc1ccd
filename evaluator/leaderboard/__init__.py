"""Boards and pages; ``board`` ranks and finds rows, ``reports`` has the report of one result.

**Board**: submissions of one benchmark by rank. **Report**: all figures of one submission.

Order of reading: ``published``, ``printed``, ``pages``, ``about``, ``task_words``, ``answers``,
``web``,
``comparison_page``, ``draws_page``, ``own_scores``, ``claims_block``.
"""
