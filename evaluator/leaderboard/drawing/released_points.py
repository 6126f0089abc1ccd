"""What the curves of a release tell beside what they draw: nothing that is not released."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from evaluator.disclosure.control import Release
from evaluator.disclosure.rounding import nearest
from evaluator.scoring.results import OVERALL, CurvePoint


def points_of(release: Release, name: str) -> tuple[CurvePoint, ...]:
    """The points of a curve over all cases; none where it is not released."""
    for curve in release.curves:
        if (curve.name, curve.attribute, curve.level) == (name, *OVERALL):
            return curve.points
    return ()


def prevalence(release: Release) -> float | None:
    """Share of positive cases; None where it is withheld."""
    if release.n_positive is None or not 0 < release.n_positive < release.n_cases:
        return None
    return release.n_positive / release.n_cases


def precision_recall(
    roc: Sequence[CurvePoint], share: float, between: int = 4
) -> list[tuple[float, float]]:
    """Recall and precision along the straight pieces of a released ROC curve.

    Precision is TPR x p / (TPR x p + FPR x (1 - p)) at the prevalence p. Between two points of the
    grid the ROC curve is a straight line, which is no straight line here (Davis & Goadrich 2006),
    so ``between`` points are put on each piece.
    """
    found = []
    for start, end in pairwise(roc):
        for step in range(between + 1):
            t = step / (between + 1)
            found.append((start.x + t * (end.x - start.x), start.y + t * (end.y - start.y)))
    found += [(point.x, point.y) for point in roc[-1:]]
    made = [
        (up, up * share / (up * share + across * (1.0 - share)))
        for across, up in found
        if up > 0.0 or across > 0.0
    ]
    # On the straight piece that leaves (0, 0), precision stays what it is at its end.
    return [(0.0, made[0][1]), *made] if made and between else made


@dataclass(frozen=True, slots=True)
class Block:
    """Bins that the isotonic fit holds at one height."""

    low: float
    high: float
    height: float


def isotonic(bins: Sequence[CurvePoint]) -> list[Block]:
    """The isotonic fit of the bins' observed shares, weighted by their cases.

    The pool-adjacent-violators algorithm (Ayer 1955), as the CORP reliability diagram of
    Dimitriadis, Gneiting & Jordan 2021 has it, on the bins and not on single cases.
    """
    blocks: list[tuple[float, float, float, float]] = []  # first, last, sum, weight
    for point in bins:
        weight = max(point.n, 1)
        block = (point.x, point.x, point.y * weight, float(weight))
        while blocks and blocks[-1][2] / blocks[-1][3] >= block[2] / block[3]:
            before = blocks.pop()
            block = (before[0], block[1], before[2] + block[2], before[3] + block[3])
        blocks.append(block)
    return [Block(first, last, total / weight) for first, last, total, weight in blocks]


@dataclass(frozen=True, slots=True)
class Shares:
    """Of one bin of scores: its mean score, and the share of each class that lies in it."""

    x: float
    positive: float
    negative: float


def classes_by_bin(bins: Sequence[CurvePoint]) -> list[Shares]:
    """How the cases of each class lie over the bins; empty where a class has none."""
    positive = [point.n * point.y for point in bins]
    negative = [point.n * (1.0 - point.y) for point in bins]
    if not sum(positive) or not sum(negative):
        return []
    return [
        Shares(point.x, p / sum(positive), n / sum(negative))
        for point, p, n in zip(bins, positive, negative, strict=True)
    ]


@dataclass(frozen=True, slots=True)
class Calls:
    """The 2 x 2 table at the threshold, its counts rounded as the rule says."""

    true_positive: int
    false_negative: int
    false_positive: int
    true_negative: int


def calls(release: Release) -> Calls | None:
    """Counts from the released sensitivity and specificity; None without them."""
    sensitivity, specificity = release.find("sensitivity"), release.find("specificity")
    if release.n_positive is None or sensitivity is None or specificity is None:
        return None
    if sensitivity.value is None or specificity.value is None:
        return None
    n_negative = release.n_cases - release.n_positive
    hit = round(sensitivity.value * release.n_positive)
    right = round(specificity.value * n_negative)
    step = release.rule.count_step
    return Calls(
        nearest(hit, step),
        nearest(release.n_positive - hit, step),
        nearest(n_negative - right, step),
        nearest(right, step),
    )
