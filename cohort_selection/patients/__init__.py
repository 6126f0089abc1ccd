"""The patients of a commons: one id each, what contradicts, who has no record.

Order of reading: ``linkage``, ``patient_doubts``, ``disagreements``, ``unlinked``, ``doubt_list``.
"""
