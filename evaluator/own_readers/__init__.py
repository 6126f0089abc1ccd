"""Reader studies of one's own, as `score --readers` analyses them: read, compared, written.

Order of reading: ``page``, ``own_study``.
"""
