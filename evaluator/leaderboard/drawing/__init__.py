"""Bars, charts and numbers of the pages and the report.

Order of reading: ``numbers``, ``cells``, ``bars``, ``palette``, ``svg``, ``chart``, ``axes``,
``levels``, ``released_points``, ``curve_charts``, ``marks_chart``,
``group_charts``, ``plots``.
"""
