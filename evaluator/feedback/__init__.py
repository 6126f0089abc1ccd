"""Feedback of one figure or of claims alone, and who has seen what of a cohort.

**Look**: a charged run on sequestered cases. **Step**: a look whose AUROC is told, since the data
support that it is better than the team's best so far. **Load factor**: how many looks read a case,
as a mean over a cohort.

Order of reading: ``answering``, ``ladder``, ``thresholdout``, ``exposure``, ``looks``,
``load_factor``, ``claims_judged``, ``probed_claims``, ``met_cases``, ``claims_shown``.
"""
