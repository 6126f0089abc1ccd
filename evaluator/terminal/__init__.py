"""What the commands print.

Order of reading: ``printing``, ``score_screen``, ``dry_run``, ``comparing``, ``verdicts``,
``held``.
"""
