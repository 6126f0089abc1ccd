"""Figures of classes that exclude each other, from a probability for each class."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np

from metrics.arrays import PROBABILITY_FLOOR, Bools, Floats, Ints
from metrics.calibration.ece_interval import interval_of_ece
from metrics.calibration.errors import ece
from metrics.estimate import Estimate, Interval, UndefinedMetric
from metrics.group import Group
from metrics.intervals import linearised
from metrics.intervals.near_limits import equal_patients, logit_share
from metrics.outputs.mean_areas import Dichotomy, MeanArea, area_interval, mean_auroc

HAND_TILL = "hand_till_auroc"
MACRO_AUROC = "macro_auroc"
ACCURACY = "multiclass_accuracy"
MACRO_SENSITIVITY = "macro_sensitivity"
KAPPA = "cohen_kappa"
LOG_LOSS = "multiclass_log_loss"
BRIER = "multiclass_brier"
TOP_LABEL = "top_label_calibration_error"


@dataclass(frozen=True, slots=True, eq=False)
class Classified:
    """Cases of a group in its order: the class of each (cases,), probabilities (cases, classes).

    Probabilities of a case are brought to a sum of 1. The called class is the most probable one,
    the first of those that share the largest probability. Raises UndefinedMetric for arrays that
    do not fit.
    """

    of_class: Ints
    p: Floats
    names: tuple[str, ...]

    @classmethod
    def of(cls, of_class: Ints, p: Floats, names: Sequence[str]) -> Classified:
        """Check the arrays and bring each case to a sum of 1."""
        if p.ndim != 2 or p.shape != (of_class.size, len(names)) or len(names) < 2:
            raise UndefinedMetric(
                f"classes {of_class.shape} need probabilities (cases, {len(names)}); got {p.shape}"
            )
        if of_class.size and not (of_class.min() >= 0 and of_class.max() < len(names)):
            raise UndefinedMetric(f"classes must be whole numbers 0 to {len(names) - 1}")
        total = p.sum(axis=1, keepdims=True)
        if p.size and not (p.min() >= 0.0 and total.min() > 0.0):
            raise UndefinedMetric("probabilities of classes must not be negative, nor all 0")
        return cls(of_class.astype(np.int64), p / total, tuple(names))

    @property
    def called(self) -> Ints:
        """The class that each case is called."""
        return self.p.argmax(axis=1).astype(np.int64)

    @property
    def right(self) -> Bools:
        """Whether each case is called its own class."""
        return np.asarray(self.called == self.of_class)

    @property
    def n_classes(self) -> int:
        """How many classes the task has, in this group or not."""
        return len(self.names)


@dataclass(frozen=True, slots=True, eq=False)
class _Moved:
    """A figure, how far each case moves it, and the function that gives its interval."""

    value: float
    influence: Floats
    interval: Callable[[float], Interval]


def class_figures(
    cases: Classified, group: Group, confidence: float, fewest: int = 1, seed: int = 0
) -> dict[str, Estimate]:
    """Every figure of a group by name; each with an interval over patients within the strata.

    ``hand_till_auroc`` (Hand & Till 2001), ``macro_auroc`` of each class against the rest, and
    ``macro_sensitivity``, the balanced accuracy: insufficient data unless ``fewest`` patients of
    every class are there. ``multiclass_accuracy``, ``cohen_kappa`` (Cohen 1960; variance as
    Fleiss, Cohen & Everitt 1969), ``multiclass_log_loss`` in nats, ``multiclass_brier``, the sum
    over classes of Brier 1950 from 0 to 2, and ``top_label_calibration_error`` in 10 bins of equal
    width (Guo et al. 2017) take the classes that are there.
    """
    figures: dict[str, Estimate] = {}
    for name, make in _FIGURES.items():
        try:
            if name in _EVERY_CLASS:
                _refuse_few(cases, group, fewest)
            moved = make(cases, group)
        except UndefinedMetric as reason:
            figures[name] = group.undefined(str(reason))
            continue
        figures[name] = _estimate(group, moved.value, moved.interval, confidence)
    figures[TOP_LABEL] = _top_label(cases, group, confidence, seed)
    return figures


def class_influences(cases: Classified, group: Group, fewest: int = 1) -> dict[str, Floats]:
    """How far each case (cases,) of a group moves a figure; without those that are undefined."""
    influences = {}
    for name, make in _FIGURES.items():
        try:
            if name in _EVERY_CLASS:
                _refuse_few(cases, group, fewest)
            influences[name] = make(cases, group).influence
        except UndefinedMetric:
            continue
    return influences


def hand_till(cases: Classified, group: Group) -> MeanArea:
    """Hand & Till's M over pairs of classes, with the influence of each case.

    Formula: mean over pairs i < j of (A(i | j) + A(j | i)) / 2. Undefined where a class has no
    case. Source: Hand & Till 2001.
    """
    curves = []
    for i, j in combinations(range(cases.n_classes), 2):
        rows = np.flatnonzero((cases.of_class == i) | (cases.of_class == j))
        for own in (i, j):
            curves.append(Dichotomy(rows, cases.of_class[rows] == own, cases.p[rows, own]))
    return mean_auroc(curves, group)


def one_against_rest(cases: Classified, group: Group) -> MeanArea:
    """Mean AUROC of each class against the rest, with the influence of each case.

    Undefined where a class has no case. Source: Provost & Domingos 2001.
    """
    rows = np.arange(cases.of_class.size)
    curves = [Dichotomy(rows, cases.of_class == c, cases.p[:, c]) for c in range(cases.n_classes)]
    return mean_auroc(curves, group)


def cohen_kappa(of_class: Ints, called: Ints, n_classes: int) -> tuple[float, Floats]:
    """Agreement beyond chance of called and true class, and how far each case (cases,) moves it.

    Formula: (o - e) / (1 - e), o the share of cases called right and e = sum_c p_c q_c that of the
    margins; a case moves it by [(a - o) - (1 - kappa)(q_true + p_called - 2 e)] / (n (1 - e)).
    Undefined where all cases have, and are called, one class. Source: Cohen 1960; Fleiss, Cohen &
    Everitt 1969.
    """
    n = of_class.size
    if not n:
        raise UndefinedMetric("kappa needs at least one case")
    right = (of_class == called).astype(np.float64)
    true = np.bincount(of_class, minlength=n_classes) / n
    called_shares = np.bincount(called, minlength=n_classes) / n
    observed, expected = float(right.mean()), float(true @ called_shares)
    if not expected < 1.0:
        raise UndefinedMetric("kappa is undefined: all cases have, and are called, one class")
    kappa = (observed - expected) / (1.0 - expected)
    by_chance = called_shares[of_class] + true[called] - 2.0 * expected
    influence = ((right - observed) - (1.0 - kappa) * by_chance) / (n * (1.0 - expected))
    return kappa, influence


def _areas(make: Callable[[Classified, Group], MeanArea]) -> Callable[[Classified, Group], _Moved]:
    def moved(cases: Classified, group: Group) -> _Moved:
        area = make(cases, group)
        return _Moved(area.value, area.influence, lambda c: area_interval(area, group, c))

    return moved


def _accuracy(cases: Classified, group: Group) -> _Moved:
    right = _some(cases.right.astype(np.float64))
    value = float(right.mean())
    influence = (right - value) / right.size
    return _share(group, value, influence, equal_patients(group.patient))


def _macro_sensitivity(cases: Classified, group: Group) -> _Moved:
    right = cases.right.astype(np.float64)
    k = cases.n_classes
    influence, values, inverse = np.zeros(right.size), [], 0.0
    for c in range(k):
        own = cases.of_class == c
        value = float(right[own].mean())
        influence[own] = (right[own] - value) / (k * np.count_nonzero(own))
        values.append(value)
        inverse += 1.0 / equal_patients(group.patient[own])
    return _share(group, float(np.mean(values)), influence, k**2 / inverse)


def _kappa(cases: Classified, group: Group) -> _Moved:
    kappa, influence = cohen_kappa(cases.of_class, cases.called, cases.n_classes)

    def interval(confidence: float) -> Interval:
        half = _share(group, (1.0 + kappa) / 2.0, influence / 2.0, equal_patients(group.patient))
        low, high, _ = half.interval(confidence)
        return Interval(2.0 * low - 1.0, 2.0 * high - 1.0, "influence over patients, Fisher's z, t")

    return _Moved(kappa, influence, interval)


def _share(group: Group, value: float, influence: Floats, n: float) -> _Moved:
    def interval(confidence: float) -> Interval:
        known = linearised.error(group, influence)
        if not known.standard_error > 0.0:
            known = linearised.Error(0.0, max(1.0, n - 1.0))
        low, high = logit_share(min(1.0, max(0.0, value)), known, n, confidence)
        return Interval(low, high, "influence over patients, logit, t")

    return _Moved(value, influence, interval)


def _log_loss(cases: Classified, group: Group) -> _Moved:
    own = cases.p[np.arange(cases.of_class.size), cases.of_class]
    return _loss(group, -np.log(np.clip(own, PROBABILITY_FLOOR, 1.0)), math.inf)


def _brier(cases: Classified, group: Group) -> _Moved:
    true = np.eye(cases.n_classes)[cases.of_class]
    return _loss(group, np.asarray(((cases.p - true) ** 2).sum(axis=1)), 2.0)


def _loss(group: Group, loss: Floats, most: float) -> _Moved:
    value = float(_some(loss).mean())
    influence = (loss - value) / loss.size

    def interval(confidence: float) -> Interval:
        if not np.ptp(loss) > 0.0:
            raise UndefinedMetric("the cases show no variance")
        below, above = linearised.error(group, influence, skewed=True).skewed_reach(confidence)
        low, high = max(0.0, value - below), min(most, value + above)
        return Interval(low, high, "mean over patients, skewness allowed for (Hall), t")

    return _Moved(value, influence, interval)


def _top_label(cases: Classified, group: Group, confidence: float, seed: int) -> Estimate:
    top = np.minimum(cases.p.max(axis=1, initial=0.0), 1.0)
    of_top = replace(group, y=cases.right, s=top)
    try:
        value = ece(of_top.y, of_top.s, _BINS)
    except UndefinedMetric as reason:
        return group.undefined(str(reason))

    def interval(at: float) -> Interval:
        low, high, method = interval_of_ece(of_top, _BINS, at, seed)
        return Interval(low, high, f"{_BINS} equal-width bins (lo, hi]; {method}")

    return _estimate(group, value, interval, confidence)


_BINS = 10


def _estimate(
    group: Group, value: float, interval: Callable[[float], Interval], confidence: float
) -> Estimate:
    try:
        low, high, method = interval(confidence)
    except UndefinedMetric as reason:
        return group.estimate(value, (None, None), f"no interval: {reason}")
    return group.estimate(value, (low, high), method)


def _some(values: Floats) -> Floats:
    if not values.size:
        raise UndefinedMetric("the figure needs at least one case; got 0")
    return values


def _refuse_few(cases: Classified, group: Group, fewest: int) -> None:
    for number, name in enumerate(cases.names):
        patients = np.unique(group.patient[cases.of_class == number]).size
        if patients < max(1, fewest):
            raise UndefinedMetric(
                f"insufficient data: {patients} patients of the class {name}; {max(1, fewest)} of "
                f"every class are needed"
            )


_FIGURES: dict[str, Callable[[Classified, Group], _Moved]] = {
    HAND_TILL: _areas(hand_till),
    MACRO_AUROC: _areas(one_against_rest),
    ACCURACY: _accuracy,
    MACRO_SENSITIVITY: _macro_sensitivity,
    KAPPA: _kappa,
    LOG_LOSS: _log_loss,
    BRIER: _brier,
}
_EVERY_CLASS = frozenset({HAND_TILL, MACRO_AUROC, MACRO_SENSITIVITY})
