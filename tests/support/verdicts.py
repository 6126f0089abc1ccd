"""Verdicts by hand: what a study of two claims came to, with its bounds."""

from __future__ import annotations

from typing import Any

from evaluator.claims.verdict import ClaimVerdict, JudgedPart, StudyVerdict
from metrics.claims.claim import Bound, Part
from metrics.claims.procedures import Verdict

DIGEST = "sha256:" + "c1a1" * 16
SEALED = "2026-01-02T08:00:00+00:00"


def judged(
    figure: str,
    goal: float,
    value: float,
    found: float,
    *,
    positive: int = 217,
    cases: int = 717,
    patients: int | None = None,
    at: float = 0.025 / 3,
    **part: Any,
) -> JudgedPart:
    """A part whose figure is ``value`` and whose bound is ``found``."""
    return JudgedPart(
        part=Part(figure=figure, goal=goal, **part),
        bound=Bound(
            figure=figure,
            value=value,
            bound=found,
            level=at,
            n_cases=cases,
            n_positive=positive,
            n_patients=cases if patients is None else patients,
            method="by hand",
        ),
    )


def claim(
    name: str, verdict: Verdict, *parts: JudgedPart, level: float = 0.025 / 3, **more: Any
) -> ClaimVerdict:
    """A claim of these parts, tested at ``level``."""
    return ClaimVerdict(name=name, verdict=verdict, level=level, parts=parts, **more)


MET = claim("Sensitivity above 0.85", Verdict.MET, judged("sensitivity", 0.85, 0.912, 0.874))
NOT_SHOWN = claim(
    "AUROC above 0.90", Verdict.NOT_SHOWN, judged("auroc", 0.9, 0.9123, 0.884, positive=200)
)


def verdict(*claims: ClaimVerdict, **changes: Any) -> StudyVerdict:
    """The verdict of look 1 of 3, on a met claim and one that was not shown unless given others."""
    found: dict[str, Any] = {
        "claims": claims or (MET, NOT_SHOWN),
        "claims_digest": DIGEST,
        "declared": SEALED,
        "look": 1,
        "looks": 3,
        "level": 0.025 / 3,
        "alpha": 0.025,
        "procedure": "fixed-sequence",
        "spending": "equal",
    }
    return StudyVerdict(**(found | changes))
