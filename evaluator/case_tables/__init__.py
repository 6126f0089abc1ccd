"""Tables of scores and labels for ``score``.

**Case**: one row of the table of scores.

Order of reading: ``scoring_input``, ``case_table``, ``labels``.
"""
