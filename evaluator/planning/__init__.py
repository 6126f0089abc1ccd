"""Plans a study: the cases that its claims need, the cohort that a pool gives, and its power.

What is assumed comes from options, the claim, the study, the [analysis] table, the target or the
pool, and is shown with its source beside every number. The numbers are those of
``metrics.planning``, by the bounds and the procedure that decide.

**Plan**: sizes and powers of a study before anybody is drawn. **Assumption**: a value taken to be
true, with where it was said.

Order of reading: ``assumptions_of``, ``options``, ``shape``, ``study_plan``, ``errors``,
``drawing``, ``document``, ``printed``, ``beside_drawn``.
"""
