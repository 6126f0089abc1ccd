"""Agreement of ordinal grades.

**Grade**: a whole number on a declared scale, such as mRALE 0 to 24.

Order of reading: ``agreement``, ``influences``, ``intervals``, ``figures``.
"""
