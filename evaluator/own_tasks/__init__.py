"""Tasks of several outputs in tables of one's own, as `score --task` judges them.

Order of reading: ``declared``, ``tables``, ``own_task``.
"""
