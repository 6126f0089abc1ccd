"""The [analysis] table, scores, results, the code's version.

**Plan**: the [analysis] table. **Evaluation**: all figures of one submission before disclosure
control.

Order of reading: ``analysis_plan``, ``results``, ``groups``, ``declared_gaps``, ``score``,
``curves``, ``target_population``, ``score_tables``, ``one_thread``,
``code_version``.
"""
