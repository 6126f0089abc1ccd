"""Figures of masks over the cases of a group, each with its interval over patients.

A figure is the mean of a measure over the cases that count by the benchmark's rules for empty
masks. Its variance is that of a mean over patients within the strata of the sampling design
(``linearised``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from metrics.arrays import Bools, Floats, Ints
from metrics.estimate import Estimate, Interval, UndefinedMetric
from metrics.figure_name import SURFACE_SHARE
from metrics.group import Group, part_of
from metrics.intervals import linearised
from metrics.intervals.mover import Part, combine
from metrics.intervals.near_limits import equal_patients, logit_share
from metrics.masks.empty_rules import EmptyRules
from metrics.masks.measures import PairMeasures, State

DISTANCES = ("hd95", "hd", "assd", "masd")
MISSED_MASKS = "missed_masks"
FALSE_MASKS = "false_masks"
VOLUME_DIFFERENCE = "mean_volume_difference"


@dataclass(frozen=True, slots=True)
class MaskMeasures:
    """Measures of the cases of a group, in its order, the tolerances, and the rules for empties."""

    pairs: tuple[PairMeasures, ...]
    tolerances_mm: tuple[float, ...]
    rules: EmptyRules

    @classmethod
    def of(
        cls, pairs: Sequence[PairMeasures], tolerances_mm: Sequence[float], rules: EmptyRules
    ) -> MaskMeasures:
        """Put cases together; raises ValueError where a case has another number of tolerances."""
        if any(len(pair.nsd) != len(tolerances_mm) for pair in pairs):
            raise ValueError(f"each case needs a surface share at {len(tolerances_mm)} tolerances")
        return cls(tuple(pairs), tuple(tolerances_mm), rules)

    def part(self, member: Bools | Ints) -> MaskMeasures:
        """The cases that are a ``member`` (cases,), or those at some places (kept cases,)."""
        kept = tuple(self.pairs[place] for place in np.arange(len(self.pairs))[member].tolist())
        return MaskMeasures(kept, self.tolerances_mm, self.rules)


def mask_figures(per_case: MaskMeasures, group: Group, confidence: float) -> dict[str, Estimate]:
    """Every figure of masks by name; one without a case that counts says so.

    ``mean_dice``, ``mean_iou``, ``mean_nsd_at_tolerance_<mm>``: means of shares, logit scale,
    with the variance of ``near_limits.mixed_variance``, which allows for rare failures that a
    small group has not shown; where cases with and without a lesion count, MOVER of both.
    ``mean_hd95``, ``mean_hd``, ``mean_assd``, ``mean_masd``: mean distances in mm, skewness
    allowed for (Hall 1992). ``mean_volume_difference``: drawn less reference, in mm3 (mm2 in
    the plane). ``missed_masks``: share of the cases with a reference mask in which nothing was
    drawn; ``false_masks``: share of the cases without one in which something was. Undefined
    where the rules leave every case out.
    """
    _refuse_unlike(per_case, group)
    return {
        name: _estimate(group, values, interval, confidence)
        for name, (values, interval) in _measured(per_case).items()
    }


def mask_influences(per_case: MaskMeasures, group: Group) -> dict[str, Floats]:
    """How far each case (cases,) moves each figure; 0 for the cases that are left out."""
    _refuse_unlike(per_case, group)
    found = {}
    for name, (values, _) in _measured(per_case).items():
        kept = ~np.isnan(values)
        n = max(1, int(np.count_nonzero(kept)))
        mean = float(values[kept].sum()) / n
        found[name] = np.where(kept, (values - mean) / n, 0.0)
    return found


def mask_values(per_case: MaskMeasures) -> dict[str, Floats]:
    """What each case (cases,) counts in each figure; NaN for the cases that are left out."""
    return {name: values for name, (values, _) in _measured(per_case).items()}


_MakeInterval = Callable[[Group, Floats, float], Interval]


def _measured(per_case: MaskMeasures) -> dict[str, tuple[Floats, _MakeInterval]]:
    """Values of each figure (cases,), NaN where a case is left out, and how it gets an interval."""
    pairs, rules = per_case.pairs, per_case.rules
    states = np.array([pair.state for pair in pairs], dtype=object)
    shares: dict[str, Floats] = {
        "mean_dice": _row(rules.share(pair, pair.dice) for pair in pairs),
        "mean_iou": _row(rules.share(pair, pair.iou) for pair in pairs),
    }
    for place, tolerance in enumerate(per_case.tolerances_mm):
        name = f"{SURFACE_SHARE}_{tolerance:g}"
        shares[name] = _row(rules.share(pair, pair.nsd[place]) for pair in pairs)
    found: dict[str, tuple[Floats, _MakeInterval]] = {
        name: (values, _of_classes) for name, values in shares.items()
    }
    penalised = (states == State.FALSE) | (states == State.MISSED)
    for name in DISTANCES:
        values = _row(rules.distance(pair, getattr(pair, name)) for pair in pairs)
        found[f"mean_{name}"] = values, _distance_interval(penalised, values, rules)
    difference = _row(pair.prediction_size - pair.reference_size for pair in pairs)
    found[VOLUME_DIFFERENCE] = difference, _of_difference
    has_mask = (states == State.BOTH) | (states == State.MISSED)
    missed = np.where(has_mask, states == State.MISSED, np.nan).astype(np.float64)
    false = np.where(has_mask, np.nan, states == State.FALSE).astype(np.float64)
    found[MISSED_MASKS] = missed, _of_share
    found[FALSE_MASKS] = false, _of_share
    return found


def _estimate(group: Group, values: Floats, interval: _MakeInterval, confidence: float) -> Estimate:
    kept = ~np.isnan(values)
    if not kept.any():
        return group.undefined("no case counts: the rules for empty masks leave every one out")
    own = group if kept.all() else part_of(group, kept)
    counted = values[kept]
    value = float(counted.mean())
    try:
        low, high, method = interval(own, counted, confidence)
    except UndefinedMetric as reason:
        return own.estimate(value, (None, None), f"no interval: {reason}")
    return own.estimate(value, (low, high), method)


def _of_share(group: Group, values: Floats, confidence: float) -> Interval:
    value, known = float(values.mean()), _error(group, values)
    low, high = logit_share(value, known, equal_patients(group.patient), confidence)
    return Interval(low, high, "mean over patients, logit, t")


def _of_classes(group: Group, values: Floats, confidence: float) -> Interval:
    """Interval of a share that cases with and without a lesion both count in.

    Both classes fail in their own way, and a class that shows no failure has no variance of its
    own: each gets the interval of a share, and MOVER adds them. The share of cases with a lesion
    is fixed by design or has an interval too.
    """
    y = group.y
    n = int(np.count_nonzero(y))
    if not 0 < n < y.size:
        return _of_share(group, values, confidence)
    classes = []
    for member in (y, ~y):
        part = part_of(group, member, fixed=group.fixed)
        low, high, _ = _of_share(part, values[member], confidence)
        classes.append(Part(float(values[member].mean()), low, high))
    moved = [np.where(m, values - values[m].mean(), 0.0) / values[m].size for m in (y, ~y)]
    together = linearised.correlation(group, *moved) if group.clustered else 0.0
    lesion = n / y.size
    if group.fixed:
        whole = combine(lambda a, b: lesion * a + (1.0 - lesion) * b, classes, (together,))
        return Interval(*whole.bounds, "MOVER of both classes' means over patients, logit, t")
    drawn = Part(lesion, *_of_share(group, y.astype(np.float64), confidence)[:2])
    whole = combine(lambda q, a, b: q * a + (1.0 - q) * b, (drawn, *classes), (0.0, 0.0, together))
    return Interval(
        *whole.bounds, "MOVER of both classes' means and their shares over patients, logit, t"
    )


def _of_difference(group: Group, values: Floats, confidence: float) -> Interval:
    value, known = float(values.mean()), _error(group, values)
    _refuse_no_variance(values)
    reach = known.reach(confidence)
    return Interval(value - reach, value + reach, "mean over patients, t")


def _distance_interval(penalised: Bools, values: Floats, rules: EmptyRules) -> _MakeInterval:
    """Interval of a mean distance; with a declared penalty, of what the penalty adds too."""
    counted = penalised[~np.isnan(values)]
    penalty = rules.distance_penalty_mm

    def measured(group: Group, distance: Floats, confidence: float) -> Interval:
        value = float(distance.mean())
        _refuse_no_variance(distance)
        below, above = _error(group, distance).skewed_reach(confidence)
        low = max(0.0, value - below)
        return Interval(low, value + above, "mean over patients, skewness allowed for, t")

    def with_penalty(group: Group, distance: Floats, confidence: float) -> Interval:
        assert penalty is not None
        failed = counted.astype(np.float64)
        share = Part(float(failed.mean()), *_of_share(group, failed, confidence)[:2])
        drawn = distance[~counted]
        if not drawn.size:
            raise UndefinedMetric("every case that counts has a false or a missed mask")
        own = measured(part_of(group, ~counted), drawn, confidence)
        mean = Part(float(drawn.mean()), own.low, own.high)
        whole = combine(lambda q, m: q * penalty + (1.0 - q) * m, (share, mean))
        method = "MOVER of the penalised share and the mean of the other cases, over patients, t"
        return Interval(max(0.0, whole.low), whole.high, method)

    return measured if penalty is None else with_penalty


def _error(group: Group, values: Floats) -> linearised.Error:
    known = linearised.error(group, (values - values.mean()) / values.size, skewed=True)
    if known.standard_error > 0.0:
        return known
    return linearised.Error(0.0, max(1.0, group.n_patients - 1.0))


def _refuse_no_variance(values: Floats) -> None:
    if not np.ptp(values) > 0.0:
        raise UndefinedMetric("the cases show no variance")


def _row(values: Iterable[float]) -> Floats:
    return np.fromiter(values, dtype=np.float64)


def _refuse_unlike(per_case: MaskMeasures, group: Group) -> None:
    if len(per_case.pairs) != group.y.size:
        raise ValueError(f"{len(per_case.pairs)} measured cases for a group of {group.y.size}")
