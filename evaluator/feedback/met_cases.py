"""Figures apart for cases that a team met before and never met (FDA's CADe guidance, part V.B).

A team met a case where one of its runs read the case in another draw. The runs of teams that share
its allowance count too.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cohort_selection.sealing.cohort import Cohort
from evaluator.claims.judging import Cases
from evaluator.claims.verdict import MET_BEFORE, NEVER_MET, CasesApart
from evaluator.disclosure.rounding import INSUFFICIENT
from evaluator.stores import case_loads
from evaluator.stores.enclave import Enclave
from metrics.claims.bounds import bound
from metrics.claims.claim import FIGURES, CaseData, Part
from metrics.estimate import UndefinedMetric
from submissions.ledger.ledger import Ledger
from submissions.submission import Submission

EVERY_CASE = "every case was met before, so the figure is that of all cases"
_ANY_LEVEL = 0.025
"""The figure is wanted, and no bound of it."""


def met(
    ledger: Ledger, enclave: Enclave, submission: Submission, cohort: Cohort, cases: Cases
) -> NDArray[np.bool_]:
    """Which cases the allowance of a team met before; (n,) in the order of the cohort."""
    teams = ledger.verdicts.sharing(submission.team)
    runs = {each.submission_id for each in ledger.submissions_of(teams)}
    known = case_loads.met_before(enclave, cohort, runs)
    known_cases = np.array([case.case_id in known for case in cohort.cases()], dtype=np.bool_)
    assert known_cases.shape == cases.labels.shape
    return known_cases


def figures(
    cases: Cases, known_cases: NDArray[np.bool_], threshold: float, minimum: int
) -> tuple[CasesApart, ...]:
    """AUROC, sensitivity and specificity on cases that were met and on those that were not.

    Empty where no case was met. Where all were, it is said and no figure is repeated. Where one
    of the two parts has fewer than ``minimum`` patients, positives or negatives, neither has a
    figure or a count: the whole would tell it.
    """
    if not known_cases.any():
        return ()
    if known_cases.all():
        return tuple(_none(figure, MET_BEFORE, EVERY_CASE) for figure in FIGURES)
    parts = {MET_BEFORE: known_cases, NEVER_MET: ~known_cases}
    enough = all(_enough(cases, members, minimum) for members in parts.values())
    return tuple(
        _figure(cases, members, threshold, figure, name) if enough else _none(figure, name)
        for name, members in parts.items()
        for figure in FIGURES
    )


def _enough(cases: Cases, members: NDArray[np.bool_], minimum: int) -> bool:
    n_positive = int((cases.labels & members).sum())
    n_patients = np.unique(cases.patients[members]).size
    return min(n_positive, int(members.sum()) - n_positive, n_patients) >= minimum


def _figure(
    cases: Cases, members: NDArray[np.bool_], threshold: float, figure: str, name: str
) -> CasesApart:
    data = CaseData(
        labels=cases.labels[members],
        scores=cases.scores[members],
        patients=cases.patients[members],
        threshold=threshold,
    )
    try:
        estimate = bound(Part(figure=figure, goal=0.5), data, _ANY_LEVEL)
    except UndefinedMetric:
        return _none(figure, name)
    return CasesApart(
        figure=figure,
        cases=name,
        value=estimate.value,
        n_cases=estimate.n_cases,
        n_positive=estimate.n_positive,
    )


def _none(figure: str, name: str, reason: str = INSUFFICIENT) -> CasesApart:
    return CasesApart(
        figure=figure, cases=name, value=None, n_cases=0, n_positive=0, undefined=reason
    )
