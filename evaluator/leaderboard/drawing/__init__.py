"""Bars, plots and numbers of the pages and the report.

Order of reading: ``numbers``, ``bars``, ``plots``.
"""
