"""Simulated studies for the error of a claim on an AUROC: DeLong against a loop of AUROCs."""

from __future__ import annotations

import numpy as np
from sklearn.metrics import roc_auc_score

from metrics.claims import kernels
from metrics.claims.at_goal import Assumed, at_goal
from metrics.claims.claim import Part
from metrics.claims.studies import Counts, Truth, scores
from perf.timing import Program, Timed, side_by_side

OURS = "Sequestra: AUROC + DeLong, all studies at once"
STUDIES = 20_000
CASES = 1_000
_SHARE = 20
"""One in so many studies goes through the loop, and its time is multiplied."""


def run(prevalences: tuple[float, ...] = (0.5, 0.1)) -> list[Timed]:
    """Time both ways on given scores, one process each, and the whole check of a level."""
    found: list[Timed] = []
    for prevalence in prevalences:
        found += _given(prevalence)
    return [*found, *_whole()]


def _counts(prevalence: float) -> Counts:
    return Counts.of(np.arange(CASES) < round(prevalence * CASES))


def _given(prevalence: float) -> list[Timed]:
    counts = _counts(prevalence)
    drawn = scores(np.random.default_rng(1), STUDIES, counts, 0.8, Truth())
    m, n = counts.positive.size, counts.negative.size
    y = np.repeat([1, 0], [m, n])
    some = np.concatenate([each[: STUDIES // _SHARE] for each in drawn], axis=1)

    def loop() -> list[float]:
        return [roc_auc_score(y, s) for s in some]

    work = f"{STUDIES:,} studies of {m} + {n} cases, scores given, one process"
    programs = [
        Program(OURS, lambda: kernels.areas(drawn), rounds=3),
        Program(
            "scikit-learn roc_auc_score in a loop",
            loop,
            "scikit-learn",
            factor=_SHARE,
            rounds=3,
            note=f"{STUDIES // _SHARE:,} studies, times {_SHARE}",
        ),
    ]
    return side_by_side(work, programs)


def _whole() -> list[Timed]:
    counts, part = _counts(0.5), Part(figure="auroc", goal=0.8)

    def check() -> object:
        return at_goal(part, counts, STUDIES, Assumed(), seed=1)

    work = f"3 x {STUDIES:,} studies of 500 + 500 cases drawn and scored, on every processor"
    name = "Sequestra: distribution at the goal, three spreads"
    return side_by_side(work, [Program(name, check, rounds=3)])
