"""Cases of several outputs by hand, and what they are judged by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from cohort_selection.cases import Case
from cohort_selection.task.declaration import MULTICLASS, MULTILABEL, ORDINAL, Task
from evaluator.disclosure.earlier import Earlier
from evaluator.disclosure.rule import Disclosure
from evaluator.scoring.analysis_plan import AnalysisPlan
from evaluator.tasks.kinds import Judged
from evaluator.tasks.released import Rules
from evaluator.tasks.scored_cases import ScoredCases
from tests.support.hand_made import COHORT, submission

FINDINGS = Task(MULTILABEL, findings=("effusion", "mass", "nodule"))
SEVERITY = Task(ORDINAL, "severity", lowest=0, highest=8, cuts=(2, 4, 6))
TYPES = Task(MULTICLASS, "type", classes=("normal", "bacterial", "viral"))
PLAN = AnalysisPlan(
    subgroups=("sex", "site"),
    minimum_cases=2,
    minimum_per_class=1,
    replicates=0,
    smooth_calibration="none",
)


def judged_by(task: Task, plan: AnalysisPlan = PLAN, minimum: int = 10) -> Judged:
    return Judged(
        task=task,
        plan=plan,
        plan_digest="sha256:" + "0" * 64,
        threshold=0.5,
        weights=lambda given: None,
        minimum=minimum,
    )


def rules(*earlier: Earlier) -> Rules:
    return Rules(
        submission=submission(), cohort_digest=COHORT, disclosure=Disclosure(), earlier=earlier
    )


def cases_of(
    task: Task,
    targets: NDArray[np.float64],
    outputs: NDArray[np.float64],
    attributes: Mapping[str, Sequence[str] | NDArray[np.str_]],
) -> ScoredCases:
    """One case a patient; the label is that of the rule of each kind."""
    first = 1 if task.kind == MULTICLASS else 0
    labels = (np.nan_to_num(targets[:, first:]) == 1.0).any(axis=1)
    columns = {name: np.array(levels) for name, levels in attributes.items()}
    cases = tuple(
        Case(
            f"case-{number:04d}",
            f"patient-{number:04d}",
            (),
            int(label),
            {name: str(column[number]) for name, column in columns.items()},
            dict(zip(task.outputs, row, strict=True)),
        )
        for number, (label, row) in enumerate(zip(labels, targets.tolist(), strict=True))
    )
    return ScoredCases(
        cases=cases,
        labels=labels,
        scores=outputs[:, 0],
        patients=np.array([case.patient_id for case in cases]),
        attributes=columns,
        outputs=outputs,
        targets=targets,
    )


def graded(
    reference: NDArray[np.float64], grade: NDArray[np.float64], sex: Sequence[str]
) -> ScoredCases:
    """Grades of one case a patient; positive from grade 4 on."""
    n = len(reference)
    given = cases_of(
        SEVERITY,
        reference[:, None].astype(np.float64),
        np.round(grade, 6)[:, None].astype(np.float64),
        {"sex": sex, "site": ["A"] * n},
    )
    labels = reference >= 4
    cases = tuple(
        replace(case, label=int(label)) for case, label in zip(given.cases, labels, strict=True)
    )
    return replace(given, labels=labels, cases=cases)


def scores_for(targets: NDArray[np.float64], task: Task, seed: int) -> NDArray[np.float64]:
    """Probabilities that tell each target to some degree; six decimals, as a container's."""
    rng = np.random.default_rng(seed)
    odds = rng.normal(0.0, 1.0, targets.shape) + 1.5 * (np.nan_to_num(targets, nan=0.5) - 0.5)
    if task.kind == MULTICLASS:
        p = np.exp(odds)
        return np.asarray(np.round(p / p.sum(axis=1, keepdims=True), 6))
    return np.asarray(np.round(1.0 / (1.0 + np.exp(-odds)), 6))


def some_findings(n: int, seed: int) -> ScoredCases:
    """Findings, unknown in one case of five, by sex and site."""
    rng = np.random.default_rng(seed)
    targets = (rng.random((n, 3)) < (0.4, 0.3, 0.35)).astype(np.float64)
    targets[rng.random((n, 3)) < 0.2] = np.nan
    sex = rng.choice(["F", "M"], n)
    site = rng.choice(["A", "B", "C"], n)
    scores = scores_for(targets, FINDINGS, seed + 1)
    return cases_of(FINDINGS, targets, scores, {"sex": sex, "site": site})


def classes_by_site(table: Mapping[str, Sequence[int]], seed: int = 1) -> ScoredCases:
    """As many cases of each class at each site as ``table`` says; sexes by turns."""
    of_class = [c for counts in table.values() for c, n in enumerate(counts) for _ in range(n)]
    site = [name for name, counts in table.items() for _ in range(sum(counts))]
    sex = ["F" if number % 2 else "M" for number in range(len(site))]
    targets = np.eye(3)[of_class]
    scores = scores_for(targets, TYPES, seed)
    return cases_of(TYPES, targets, scores, {"sex": sex, "site": site})
