"""Intervals of figures of the 2x2 table at one threshold.

Sensitivity and specificity are rates of their own class and get Wilson's interval. Every other
figure of the table is a formula of these two and the prevalence, and gets its interval from theirs
(MOVER). Where the number of positives was set by design the prevalence is a constant; where it was
left to chance it has an interval too, and what is a rate of the cases (PPV, accuracy ...) is one.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from metrics import arrays, edges
from metrics.arrays import Bools, Floats
from metrics.estimate import Estimate, UndefinedMetric
from metrics.group import Group
from metrics.intervals import linearised, mover, proportions
from metrics.intervals.mover import Part
from metrics.operating_points import rates, utility

WILSON = "Wilson"
CLUSTERED = "Wilson, effective number of cases (patient-clustered)"
MOVER = "from the intervals of sensitivity and specificity (MOVER)"


@dataclass(frozen=True, slots=True)
class Table:
    """The calls of one group at one threshold, and the rates that its other figures are made of."""

    group: Group
    called: Bools
    confidence: float
    counts: rates.Confusion[float]
    sensitivity: Part
    specificity: Part
    correlation: float

    @property
    def odds_against(self) -> float:
        """Negative cases a positive one."""
        return (self.counts.fp + self.counts.tn) / (self.counts.tp + self.counts.fn)

    @property
    def prevalence(self) -> Part:
        """Share of positive cases; without an interval where the design set it.

        Where patients repeat, the design set how many of them are positive, and how many cases
        these have is chance.
        """
        share = self.group.prevalence
        if not self.group.fixed:
            return rate(self.group, np.ones_like(self.called), self.group.y, self.confidence)
        if not self.group.clustered:
            return Part(share, share, share)
        error = linearised.error(self.group, (self.group.y - share) / self.group.y.size)
        return Part(share, *proportions.logit_bounds(share, error.reach(self.confidence)))

    def rate(self, over: Bools, counted: Bools) -> Estimate:
        """Share of the cases ``over`` that are ``counted`` too, with Wilson's interval."""
        found = rate(self.group, over, counted, self.confidence)
        method = CLUSTERED if self.group.clustered else WILSON
        return self.group.estimate(found.value, found.bounds, method)

    def made_of(self, figure: Callable[[float, float, float], float]) -> Part:
        """Interval of a figure of sensitivity, specificity and prevalence."""
        parts = (self.sensitivity, self.specificity, self.prevalence)
        return mover.combine(figure, parts, (self.correlation, 0.0, 0.0))

    def at(self, prevalence: float, figure: Callable[[float, float, float], float]) -> Part:
        """The same, at a prevalence that is given."""
        return mover.combine(
            lambda se, sp: figure(se, sp, prevalence),
            (self.sensitivity, self.specificity),
            (self.correlation,),
        )


def table_of(group: Group, threshold: float, confidence: float) -> Table:
    """Call the cases and find the two rates; undefined with one class only."""
    called = edges.called(group.s, threshold)
    counts = rates.confusion(group.y, group.s, threshold)
    arrays.both_classes("the 2x2 table", counts.tp + counts.fn, counts.fp + counts.tn)
    correlation = 0.0
    if group.clustered:
        correlation = linearised.correlation(
            group, _influence(group.y, called), _influence(~group.y, ~called)
        )
    return Table(
        group,
        called,
        confidence,
        counts,
        rate(group, group.y, called, confidence),
        rate(group, ~group.y, ~called, confidence),
        correlation,
    )


def rate(group: Group, over: Bools, counted: Bools, confidence: float) -> Part:
    """Share of the cases ``over`` (cases,) that are ``counted`` (cases,), with Wilson's interval.

    Where patients repeat, the number of cases is divided by the design effect: the jackknife
    variance over patients to the binomial variance (Rao & Scott 1992), never below 1, and the
    normal quantile gives way to Student's with the effective number of patients. Where every case
    counts, or none, there is no variance to compare: the number of cases is then the one that it
    would be if the cases of a patient were all alike, (sum m)^2 / sum m^2 (Kish 1965). Undefined
    without cases.
    """
    hits = counted[over]
    n = hits.size
    if n == 0:
        raise UndefinedMetric("a rate needs at least one case; got 0")
    count = int(np.count_nonzero(hits))
    if not group.clustered:
        return Part(count / n, *proportions.wilson(count, n, confidence))
    patient = group.patient[over]
    size = np.bincount(patient, minlength=group.n_patients).astype(np.float64)
    if size.max() <= 1:
        return Part(count / n, *proportions.wilson(count, n, confidence))
    p = count / n
    alike = arrays.kish_effective_n(size)
    if count in (0, n):
        return Part(p, *proportions.wilson(p * alike, alike, confidence))
    k = int(np.count_nonzero(size))
    moved = (np.bincount(patient, hits, group.n_patients) - p * size) / np.maximum(n - size, 0.5)
    variance = (k - 1) / k * float(moved @ moved)
    effective = min(n, p * (1.0 - p) / variance) if variance > 0 else float(n)
    freedom = linearised.effective_patients(patient, group.n_patients) - 1.0
    z = linearised.quantile(confidence, freedom)
    return Part(p, *proportions.score_bounds(p, effective, z))


def at_prevalence(table: Table, prevalence: Part, *, positive: bool) -> Part:
    """PPV or NPV in a population of the prevalence, by the ratio that Bayes' theorem asks.

    Formula: PPV = 1 / (1 + FPR / Se (1 - pi) / pi); NPV = 1 / (1 + FNR / Sp pi / (1 - pi)).
    Undefined where nothing would be called, or cleared.
    """
    share = prevalence if positive else prevalence.turned()
    odds = Part(*(_odds_against(end) for end in (share.value, share.high, share.low)))
    if positive:
        wrong, right = table.specificity.turned(), table.sensitivity
    else:
        wrong, right = table.sensitivity.turned(), table.specificity
    ratio = mover.ratio(wrong, right, -table.correlation)
    if odds.low == odds.high:
        return Part(*(_bayes_rule(end, odds.value) for end in (ratio.value, ratio.high, ratio.low)))
    combined = mover.combine(_bayes_rule, (ratio, odds))
    return Part(combined.value, max(0.0, combined.low), min(1.0, combined.high))


def _odds_against(share: float) -> float:
    """The odds against, at least 1e-300, at most 1e300: bounds come as near to 0 and 1 as that."""
    return min(1e300, max(1e-300, (1.0 - share) / max(share, 1e-300)))


def _bayes_rule(ratio: float, odds: float) -> float:
    return 1.0 / (1.0 + ratio * odds)


def influence_of(metric: str, group: Group, threshold: float) -> Floats | None:
    """How far each case (cases,) moves a rate; None where the figure is no rate of its cases."""
    y, called = group.y, edges.called(group.s, threshold)
    every = np.ones_like(y)
    of: dict[str, tuple[Bools, Bools]] = {
        "sensitivity": (y, called),
        "specificity": (~y, ~called),
        "false_positive_rate": (~y, called),
        "false_negative_rate": (y, ~called),
        "ppv": (called, y),
        "selection_rate": (every, called),
    }
    return _influence(*of[metric]) if metric in of else None


Maker = Callable[[Table], Estimate]


def makers(threshold: float, prevalences: tuple[float, ...], common: float) -> dict[str, Maker]:
    """Each figure of the table by name, in the order they are shown.

    ``prevalences`` are declared ones that figures are given at too; ``common`` is the prevalence
    of the whole cohort, at which groups can be compared.
    """
    by_name: dict[str, Maker] = {
        "sensitivity": lambda t: t.rate(t.group.y, t.called),
        "specificity": lambda t: t.rate(~t.group.y, ~t.called),
        "ppv": lambda t: _predictive(t, positive=True),
        "npv": lambda t: _predictive(t, positive=False),
        "accuracy": lambda t: _share(t, t.called == t.group.y, _accuracy),
        "selection_rate": lambda t: _share(t, t.called, _selection_rate),
        "false_positive_rate": lambda t: t.rate(~t.group.y, t.called),
        "false_negative_rate": lambda t: t.rate(t.group.y, ~t.called),
        "f1": _f1,
        "balanced_accuracy": lambda t: _combined(t, _balanced_accuracy),
        "mcc": lambda t: _of_prevalence(t, rates.mcc(t.counts), _mcc),
        "youden_j": lambda t: _combined(t, _youden_j),
        "lr_positive": _lr_positive,
        "lr_negative": _lr_negative,
    }
    if 0.0 <= threshold < 1.0:
        gain = _net_benefit(threshold)
        by_name["net_benefit"] = lambda t: _of_prevalence(
            t, utility.net_benefit(t.counts, threshold), gain
        )
    for share in prevalences:
        by_name.update(_at(share, f"prevalence_{share:g}"))
    by_name.update(_at(common, "cohort_prevalence", ("ppv", "selection_rate")))
    return by_name


def _at(
    share: float,
    ending: str,
    names: tuple[str, ...] = ("ppv", "npv", "accuracy", "selection_rate", "f1", "mcc"),
) -> dict[str, Maker]:
    """Figures that depend on prevalence, at one that is given."""
    by_name: dict[str, Maker] = {
        "ppv": lambda t: _bayes(t, share, positive=True),
        "npv": lambda t: _bayes(t, share, positive=False),
    }
    for name, figure in (
        ("accuracy", _accuracy),
        ("selection_rate", _selection_rate),
        ("f1", _f1_of),
        ("mcc", _mcc),
    ):
        by_name[name] = lambda t, f=figure: t.group.estimate(  # type: ignore[misc]
            t.at(share, f).value, _within(t.at(share, f), -1.0 if f is _mcc else 0.0, 1.0), MOVER
        )
    return {f"{name}_at_{ending}": by_name[name] for name in names}


def _influence(over: Bools, counted: Bools) -> Floats:
    n = max(1, int(np.count_nonzero(over)))
    p = np.count_nonzero(over & counted) / n
    return np.where(over, counted - p, 0.0) / n


def _by_design(table: Table) -> str:
    return f"{MOVER}, at the prevalence of {100 * table.group.prevalence:.3g} % set by design"


def _within(part: Part, low: float, high: float) -> tuple[float, float]:
    return max(low, part.low), min(high, part.high)


def _predictive(table: Table, *, positive: bool) -> Estimate:
    over = table.called if positive else ~table.called
    figure = rates.ppv if positive else rates.npv
    value = figure(table.counts)
    if not table.group.fixed:
        return table.rate(over, table.group.y if positive else ~table.group.y)
    part = at_prevalence(table, table.prevalence, positive=positive)
    return table.group.estimate(value, part.bounds, _by_design(table))


def _bayes(table: Table, prevalence: float, *, positive: bool) -> Estimate:
    figure = rates.ppv_at_prevalence if positive else rates.npv_at_prevalence
    value = figure(table.counts, prevalence)
    share = Part(prevalence, prevalence, prevalence)
    part = at_prevalence(table, share, positive=positive)
    return table.group.estimate(value, part.bounds, MOVER)


def _share(
    table: Table, counted: Bools, figure: Callable[[float, float, float], float]
) -> Estimate:
    """A share of all cases: a rate where the prevalence is chance, else a mix of two rates."""
    if not table.group.fixed:
        return table.rate(np.ones_like(counted), counted)
    part = table.made_of(figure)
    return table.group.estimate(part.value, _within(part, 0.0, 1.0), _by_design(table))


def _f1(table: Table) -> Estimate:
    """F1 = 2 J / (1 + J), J = TP / (TP + FP + FN), a rate of the cases that are not TN."""
    value = rates.f1(table.counts)
    if table.group.clustered and table.group.fixed:
        part = table.made_of(_f1_of)
        bounds = _within(part, 0.0, 1.0)
        return table.group.estimate(value, bounds, _by_design(table))
    if table.group.fixed:
        part = mover.ratio(
            table.sensitivity, table.specificity.turned().scaled(table.odds_against, 1.0)
        )
        method = _by_design(table)
    else:
        over = table.group.y | table.called
        part = rate(table.group, over, table.group.y & table.called, table.confidence)
        method = f"{WILSON} for TP / (TP + FP + FN), from which F1 follows"
    low, high = (2.0 * end / (1.0 + end) for end in _within(part, 0.0, 1.0))
    return table.group.estimate(value, (low, high), method)


def _combined(table: Table, figure: Callable[[float, float], float]) -> Estimate:
    part = mover.combine(figure, (table.sensitivity, table.specificity), (table.correlation,))
    return table.group.estimate(part.value, part.bounds, MOVER)


def _of_prevalence(
    table: Table, value: float, figure: Callable[[float, float, float], float]
) -> Estimate:
    part = table.made_of(figure)
    method = (
        _by_design(table)
        if table.group.fixed
        else "from the intervals of sensitivity, specificity and prevalence (MOVER)"
    )
    lowest = -1.0 if figure is _mcc else -math.inf
    return table.group.estimate(value, _within(part, lowest, 1.0), method)


def _lr_positive(table: Table) -> Estimate:
    value = rates.lr_positive(table.counts)
    part = mover.ratio(table.sensitivity, table.specificity.turned(), -table.correlation)
    if not math.isfinite(part.high):
        return table.group.estimate(value, (part.low, None), f"{MOVER}; no upper bound")
    return table.group.estimate(value, part.bounds, MOVER)


def _lr_negative(table: Table) -> Estimate:
    value = rates.lr_negative(table.counts)
    part = mover.ratio(table.sensitivity.turned(), table.specificity, -table.correlation)
    if not math.isfinite(part.high):
        return table.group.estimate(value, (part.low, None), f"{MOVER}; no upper bound")
    return table.group.estimate(value, part.bounds, MOVER)


def _accuracy(se: float, sp: float, share: float) -> float:
    return share * se + (1.0 - share) * sp


def _selection_rate(se: float, sp: float, share: float) -> float:
    return share * se + (1.0 - share) * (1.0 - sp)


def _f1_of(se: float, sp: float, share: float) -> float:
    return 2.0 * share * se / (share + _selection_rate(se, sp, share))


def _mcc(se: float, sp: float, share: float) -> float:
    called = _selection_rate(se, sp, share)
    spread = called * (1.0 - called)
    if not spread > 0:
        return 0.0
    return (se + sp - 1.0) * math.sqrt(share * (1.0 - share) / spread)


def _balanced_accuracy(se: float, sp: float) -> float:
    return (se + sp) / 2.0


def _youden_j(se: float, sp: float) -> float:
    return se + sp - 1.0


def _net_benefit(threshold: float) -> Callable[[float, float, float], float]:
    odds = threshold / (1.0 - threshold)
    return lambda se, sp, share: share * se - (1.0 - share) * (1.0 - sp) * odds
