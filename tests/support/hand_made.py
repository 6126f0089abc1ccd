"""Evaluations written by hand, for disclosure control and the pages that show releases."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from evaluator.disclosure.control import Release, release
from evaluator.disclosure.rule import Disclosure
from evaluator.scoring.results import OVERALL, Curve, CurvePoint, Evaluation, Result
from metrics.estimate import Estimate
from submissions.submission import State, Submission

Counts = tuple[int, int]
"""Cases and positives; every case is a patient of its own."""

COHORT = "sha256:" + "c0" * 32
SPREAD = {
    "auroc": 0.30,
    "average_precision": 0.35,
    "brier": 0.20,
    "ece": 0.25,
    "calibration_slope": 1.40,
    "calibration_intercept": 1.60,
    "sensitivity": 0.50,
    "specificity": 0.50,
    "ppv": 0.48,
    "npv": 0.48,
}
METHOD = {
    "auroc": "DeLong, logit scale",
    "sensitivity": "Wilson",
    "specificity": "Wilson",
    "ppv": "Wilson",
    "npv": "Wilson",
}
TYPICAL = {
    "auroc": 0.8514,
    "average_precision": 0.8377,
    "brier": 0.1573,
    "ece": 0.0462,
    "calibration_slope": 0.9137,
    "calibration_intercept": -0.1246,
    "sensitivity": 0.8133,
    "specificity": 0.7467,
    "ppv": 0.7625,
    "npv": 0.8000,
}
TABLES: dict[str, dict[str, Counts]] = {
    "sex": {"Female": (152, 74), "Male": (148, 76)},
    "age_group": {"0-39": (61, 20), "40-59": (104, 49), "60-79": (97, 57), "80+": (38, 24)},
    "race": {
        "White": (164, 83),
        "Black or African American": (88, 45),
        "Asian": (23, 11),
        "American Indian or Alaska Native": (4, 2),
        "Not Reported": (21, 9),
    },
    "site": {"A": (120, 60), "B": (110, 55), "C": (70, 35)},
    "race x sex": {
        "White x Female": (80, 40),
        "White x Male": (84, 43),
        "Black or African American x Female": (48, 23),
        "Black or African American x Male": (40, 22),
        "Asian x Female": (12, 6),
        "Asian x Male": (11, 5),
        "American Indian or Alaska Native x Female": (2, 1),
        "American Indian or Alaska Native x Male": (2, 1),
        "Not Reported x Female": (10, 4),
        "Not Reported x Male": (11, 5),
    },
}


def estimate(
    value: float | None, n: int, positive: int, *, spread: float = 0.5, method: str = "bootstrap"
) -> Estimate:
    """An estimate whose standard error is ``spread`` over the root of ``n``."""
    if value is None:
        reason = f"insufficient data: {n} cases, {positive} positive"
        return Estimate(
            value=None,
            low=None,
            high=None,
            n_cases=n,
            n_patients=n,
            n_positive=positive,
            method=method,
            undefined=reason,
        )
    half = 1.96 * spread / n**0.5
    low, high = value - half, value + half
    if spread <= 0.5:  # a share of something
        low, high = max(low, 0.0), min(high, 1.0)
    return Estimate(
        value=value, low=low, high=high, n_cases=n, n_patients=n, n_positive=positive, method=method
    )


def evaluation(
    tables: Mapping[str, Mapping[str, Counts]] = TABLES,
    *,
    overall: Counts = (300, 150),
    values: Mapping[str, float] = TYPICAL,
    least: int = 20,
    curves: bool = True,
) -> Evaluation:
    """Score every group alike but for a small shift; groups under ``least`` cases are undefined."""
    n, positive = overall
    results = [
        Result.named(
            m,
            *OVERALL,
            estimate(
                v, n, positive, spread=SPREAD[m], method=METHOD.get(m, "bootstrap, 2000 replicates")
            ),
        )
        for m, v in values.items()
    ]
    for attribute, levels in tables.items():
        for place, (level, (cases, positives)) in enumerate(levels.items()):
            enough = cases >= least and min(positives, cases - positives) >= 10
            for m, v in values.items():
                shifted = v + (0.013 * (place - 1)) * (-1 if m in ("auroc", "sensitivity") else 1)
                made = estimate(
                    shifted if enough else None,
                    cases,
                    positives,
                    spread=SPREAD[m],
                    method=METHOD.get(m, "bootstrap, 2000 replicates"),
                )
                results.append(Result.named(m, attribute, level, made))
        gap = estimate(0.026, n, positive, spread=0.4, method="bootstrap, bias-corrected")
        results.append(Result.named("auroc_gap", attribute, "max - min", gap))
    return Evaluation(
        plan_digest="sha256:" + "ab" * 32,
        code_version="0.1.0",
        n_cases=n,
        n_patients=n,
        n_positive=positive,
        results=tuple(results),
        curves=(roc(), reliability()) if curves else (),
    )


def roc() -> Curve:
    """Sensitivity 1 - (1 - x)^5 on a grid of 0.01, with a band of five points."""
    points = []
    for step in range(101):
        x = step / 100
        y = 1 - (1 - x) ** 5
        low, high = max(0.0, y - 0.06 * (1 - x)), min(1.0, y + 0.06 * (1 - x))
        points.append(CurvePoint(x, y, low, high, 150))
    return Curve("roc", *OVERALL, tuple(points))


def reliability() -> Curve:
    """Ten bins of thirty cases, a little overconfident at both ends."""
    observed = (1, 3, 4, 9, 12, 16, 20, 24, 28, 28)
    bins = []
    for place, hits in enumerate(observed):
        y = hits / 30
        half = 1.96 * (max(y * (1 - y), 0.03) / 30) ** 0.5
        x = 0.03 + 0.103 * place
        bins.append(CurvePoint(x, y, max(0.0, y - half), min(1.0, y + half), 30))
    return Curve("reliability", *OVERALL, tuple(bins))


def submission(
    name: str = "s-0001",
    *,
    team: str = "Radiology Group North",
    model: str = "DenseNet-121, 128 px",
    day: int = 3,
) -> Submission:
    """A released submission received in January 2026."""
    return Submission(
        submission_id=name,
        team=team,
        model=model,
        benchmark="chest-opacity",
        image_digest="sha256:" + "1f" * 32,
        threshold=0.5,
        state=State.RELEASED,
        received=datetime(2026, 1, day, 9, 30, tzinfo=UTC),
    )


def released(
    name: str = "s-0001",
    *,
    team: str = "Radiology Group North",
    model: str = "DenseNet-121, 128 px",
    day: int = 3,
    scored: Evaluation | None = None,
    rule: Disclosure | None = None,
) -> Release:
    """The release of ``scored``, or of the typical evaluation."""
    return release(
        scored or evaluation(),
        submission=submission(name, team=team, model=model, day=day),
        cohort_digest=COHORT,
        rule=rule or Disclosure(),
    )
