"""JSON routes under /api/v1.

Order of reading: ``api``, ``documents``, ``benchmarks``, ``signing_in``, ``account``,
``submissions``.
"""
