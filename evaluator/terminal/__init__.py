"""What the commands print.

Order of reading: ``printing``, ``sealed_claims``, ``score_screen``, ``task_screen``, ``dry_run``,
``comparing``, ``verdicts``, ``held``, ``report_files``, ``readers_screen``.
"""
