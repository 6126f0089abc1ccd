"""Compares the submissions of a board with one another, at declared times alone.

**Freeze**: to compare all that is released, once, and keep what came of it. **Covered**: released
when a freeze was made, whether the submission took part or not.

Order of reading: ``due``, ``looks``, ``alike``, ``answers``, ``compared``, ``gathering``,
``freezing``, ``chosen``.
"""
