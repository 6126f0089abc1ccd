"""Tasks of other kinds than binary in tables of one's own, as `score --task` judges them.

Order of reading: ``graded``, ``declared``, ``tables``, ``own_task``.
"""
