"""Whether intervals hold the truth and tests keep their level, by simulation: ``make coverage``.

A cell is one kind of cohort. Each of its runs draws such a cohort, with a seed of its own, scores
it as a steward would, and counts what the intervals held or the tests rejected. Counts are kept in
``perf/coverage.json`` after each chunk of a cell; the tables of docs/intervals.md are made from it.
"""
