"""How often the 95 % intervals hold the truth, by simulation from the binormal model.

Cases have a latent score N(d y, 1), so the AUROC is Phi(d / sqrt 2) and the sensitivity at a
latent threshold c is 1 - Phi(c - d). Predictions are the true probabilities with log odds
stretched by ``STRETCH``, so the calibration slope is 1 / STRETCH; the true ECE and average
precision come from ten million cases. The number of positives is fixed, as in a cohort drawn to a
target; with clusters it is left to chance, and patients have 1 to 5 cases, share half of
the latent variance, and mostly their label. Four groups; in the last, d is lower where a gap is
wanted. A cohort with fewer than ten patients of a class has no interval and is counted
apart; clusters are tried where that is rare.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from metrics import arrays, bootstrap, calibration, discrimination, fairness, resampling
from metrics.delong import auroc_estimate
from metrics.estimate import Estimate, UndefinedMetric
from metrics.report import Choices, Group, figures, group_of
from metrics.sums import Sums

STRETCH = 1.3
D = 1.5
GAP_D = 1.0
GROUPS = 4
REPLICATES = 1_000


@dataclass(frozen=True, slots=True)
class Scenario:
    """One cell of the study."""

    n: int
    prevalence: float
    clustered: bool
    gap: bool

    @property
    def threshold(self) -> float:
        """Latent threshold midway between the classes of the common groups."""
        return D / 2.0


@dataclass(frozen=True, slots=True)
class Coverage:
    """Share of intervals that held the truth, with its standard error in percentage points."""

    scenario: Scenario
    figure: str
    simulations: int
    undefined: int
    covered: float
    below: float
    above: float
    width: float


SCENARIOS = tuple(
    Scenario(n, prevalence, clustered, gap)
    for n in (100, 500, 2_000)
    for prevalence in (0.5, 0.1, 0.02)
    if n * prevalence >= 10
    for clustered in ((False, True) if n * prevalence >= 40 else (False,))
    for gap in ((False, True) if n == 2_000 and prevalence > 0.05 else (True,))
)


def run(folder: Path, simulations: int = 2_000) -> str:
    """Simulate every scenario; write JSON and a table to ``folder`` and return the table."""
    found: list[Coverage] = []
    start = time.perf_counter()
    for number, scenario in enumerate(SCENARIOS):
        found += _coverage(scenario, simulations, seed=number)
    text = _table(found, simulations, time.perf_counter() - start)
    (folder / "coverage.txt").write_text(text)
    (folder / "coverage.json").write_text(json.dumps([asdict(c) for c in found], indent=1) + "\n")
    return text


@dataclass(frozen=True, slots=True)
class _Cohort:
    y: NDArray[np.bool_]
    s: NDArray[np.float64]
    patient: NDArray[np.int64]
    n_patients: int
    group: NDArray[np.int64]


def _simulate(scenario: Scenario, n: int, generator: np.random.Generator) -> _Cohort:
    if scenario.clustered:
        size = generator.integers(1, 6, n)
        patient = np.repeat(np.arange(n), size)[:n]
    else:
        patient = np.arange(n)
    k = int(patient[-1]) + 1
    own = generator.permutation(n) < round(n * scenario.prevalence)  # drawn to a prevalence
    shared = (generator.random(k) < scenario.prevalence)[patient]
    y = np.where(generator.random(n) < 0.7, shared, own) if scenario.clustered else own
    group = generator.integers(0, GROUPS, k)[patient]
    d = np.where((group == GROUPS - 1) & scenario.gap, GAP_D, D)
    noise = generator.standard_normal(n)
    if scenario.clustered:
        noise = math.sqrt(0.5) * (noise + generator.standard_normal(k)[patient])
    latent = noise + d * y
    odds = math.log(scenario.prevalence / (1.0 - scenario.prevalence))
    log_odds = odds + d * latent - d * d / 2.0
    s = 1.0 / (1.0 + np.exp(-STRETCH * log_odds))
    return _Cohort(y, s, patient, k, group)


def _truth(scenario: Scenario) -> dict[str, float]:
    normal = NormalDist()
    generator = np.random.default_rng(99)
    alone = Scenario(scenario.n, scenario.prevalence, False, scenario.gap)
    large = [_simulate(alone, 2_000_000, generator) for _ in range(5)]
    y = np.concatenate([c.y for c in large])
    s = np.concatenate([c.s for c in large])
    group = np.concatenate([c.group for c in large])
    everyone = discrimination.auroc(y, s)
    lowest = GAP_D if scenario.gap else D
    aurocs = normal.cdf(D / math.sqrt(2)), normal.cdf(lowest / math.sqrt(2))
    called = _threshold(scenario)
    sensitivity = float(np.mean(s[y] >= called))
    ece = [calibration.ece(y[group == g], s[group == g]) for g in range(GROUPS)]
    return {
        "auroc": everyone,
        "average_precision": discrimination.average_precision(y, s),
        "sensitivity": sensitivity,
        "specificity": float(np.mean(s[~y] < called)),
        "ppv": float(np.mean(y[s >= called])),
        "calibration_slope": 1.0 / STRETCH,
        "ece": calibration.ece(y, s),
        "brier": calibration.brier(y, s),
        "observed_minus_expected": calibration.observed_minus_expected(y, s),
        "f1": 2 * np.sum(y & (s >= called)) / (np.sum(y) + np.sum(s >= called)),
        "auroc_gap": aurocs[0] - aurocs[1],
        "auroc_difference": aurocs[1] - aurocs[0],
        "ece_gap": max(ece) - min(ece),
    }


def _threshold(scenario: Scenario) -> float:
    odds = math.log(scenario.prevalence / (1.0 - scenario.prevalence))
    log_odds = odds + D * scenario.threshold - D * D / 2.0
    return 1.0 / (1.0 + math.exp(-STRETCH * log_odds))


def _coverage(scenario: Scenario, simulations: int, seed: int) -> Iterator[Coverage]:
    truth = _truth(scenario)
    generator = np.random.default_rng([2024, seed])
    bounds: dict[str, list[tuple[float, float]]] = {}
    undefined: dict[str, int] = {}
    for turn in range(simulations):
        cohort = _simulate(scenario, scenario.n, generator)
        for name, interval in _intervals(scenario, cohort, turn):
            if interval is None:
                undefined[name] = undefined.get(name, 0) + 1
            else:
                bounds.setdefault(name, []).append(interval)
    for name, intervals in bounds.items():
        low, high = np.array(intervals).T
        true = truth[name.split(":")[0]]
        below, above = float(np.mean(high < true)), float(np.mean(low > true))
        yield Coverage(
            scenario,
            name,
            len(intervals),
            undefined.get(name, 0),
            1.0 - below - above,
            below,
            above,
            float(np.median(high - low)),
        )


_Interval = tuple[str, tuple[float, float] | None]


def _intervals(scenario: Scenario, cohort: _Cohort, seed: int) -> Iterator[_Interval]:
    group = group_of(cohort.y, cohort.s, cohort.patient)
    if _too_few(group):
        yield "auroc: DeLong, logit", None
        return
    drawn = resampling.units(cohort.y, cohort.patient, cohort.n_patients)
    cases = resampling.ranked(cohort.y, cohort.s, 10)
    threshold = _threshold(scenario)
    members = [cohort.group == g for g in range(GROUPS)]
    walks = [resampling.walk(cases, None, threshold)]
    walks += [resampling.walk(cases, member, threshold) for member in members]
    sums = resampling.replicate(cases, drawn, walks, replicates=REPLICATES, seed=seed, threads=1)
    yield from _overall(group, sums[0], threshold)
    yield from _gaps(cohort, members, sums[1:])


def _overall(group: Group, sums: Sums, threshold: float) -> Iterator[_Interval]:
    choices = Choices(threshold=threshold, smooth_calibration=False)
    wanted = {
        "auroc": "auroc: DeLong, logit",
        "average_precision": "average_precision",
        "sensitivity": "sensitivity: Wilson",
        "specificity": "specificity: Wilson",
        "ppv": "ppv: Wilson",
        "f1": "f1",
        "calibration_slope": "calibration_slope",
        "ece": "ece: normal gaps",
        "brier": "brier",
        "observed_minus_expected": "observed_minus_expected",
    }
    for name, estimate in figures(group, choices, sums, None):
        if name in wanted:
            yield wanted[name], _bounds(estimate)
    symmetric = auroc_estimate(group.y, group.s, group.patient, interval="symmetric")
    yield "auroc: DeLong, symmetric", _bounds(symmetric)
    naive = auroc_estimate(group.y, group.s)
    yield "auroc: DeLong, logit, patients ignored", _bounds(naive)
    yield "auroc: bootstrap percentile", _percentile(sums.auroc)
    called = sums.confusion
    yield "sensitivity: bootstrap percentile", _percentile(called.tp / (called.tp + called.fn))
    yield "ece: bootstrap percentile", _percentile(sums.ece)
    value = calibration.ece(group.y, group.s)
    basic = bootstrap.basic(bootstrap.spread_of(sums.ece), value, 0.95, (0.0, 1.0))
    yield "ece: bootstrap basic", basic


def _gaps(
    cohort: _Cohort, members: list[NDArray[np.bool_]], sums: list[Sums]
) -> Iterator[_Interval]:
    groups = [group_of(cohort.y[m], cohort.s[m], cohort.patient[m]) for m in members]
    if any(_too_few(group) for group in groups):
        yield "auroc_gap: cautious", None
        return
    for name, values, drawn in (
        (
            "auroc_gap",
            np.array([discrimination.auroc(g.y, g.s) for g in groups]),
            np.stack([one.auroc for one in sums]),
        ),
        (
            "ece_gap",
            np.array([calibration.ece(g.y, g.s) for g in groups]),
            np.stack([one.ece for one in sums]),
        ),
    ):
        gap = float(fairness.max_min_gap(values))
        replicates = fairness.max_min_gap(drawn)
        yield f"{name}: bootstrap percentile", _percentile(replicates)
        yield (
            f"{name}: bootstrap basic",
            bootstrap.basic(bootstrap.spread_of(replicates), gap, 0.95, (0.0, 1.0)),
        )
        yield (
            f"{name}: cautious",
            bootstrap.cautious(
                bootstrap.spread_of(replicates),
                gap,
                0.95,
                (0.0, 1.0),
                fairness.max_min_gap(bootstrap.centred(drawn)),
            ),
        )
        if name == "auroc_gap":
            difference = drawn[-1:] - drawn[:1]
            together = bootstrap.max_t(values[-1:] - values[:1], difference, 0.95)
            yield "auroc_difference: max-T", (float(together.low[0]), float(together.high[0]))


def _too_few(group: Group) -> bool:
    positive = arrays.renumbered(group.patient[group.y])[1]
    negative = arrays.renumbered(group.patient[~group.y])[1]
    return min(positive, negative) < 10


def _bounds(estimate: Estimate) -> tuple[float, float] | None:
    if estimate.low is None or estimate.high is None:
        return None
    return estimate.low, estimate.high


def _percentile(replicates: NDArray[np.float64]) -> tuple[float, float] | None:
    try:
        return bootstrap.percentile(bootstrap.spread_of(replicates), 0.95)
    except UndefinedMetric:
        return None


def _table(found: list[Coverage], simulations: int, seconds: float) -> str:
    lines = [
        f"coverage of 95 % intervals, {simulations} simulations a scenario, {seconds:.0f} s; "
        f"standard error {100 * math.sqrt(0.05 * 0.95 / simulations):.1f} points",
        "",
    ]
    for scenario in dict.fromkeys(c.scenario for c in found):
        unit = "patients of 1-5 cases" if scenario.clustered else "independent cases"
        gap = "gap" if scenario.gap else "no gap"
        lines.append(f"n = {scenario.n}, prevalence {scenario.prevalence}, {unit}, {gap}")
        lines.append(
            f"  {'figure: interval':<44}{'covers':>8}{'below':>8}{'above':>8}"
            f"{'width':>9}{'none':>7}"
        )
        for c in found:
            if c.scenario == scenario:
                flag = "" if 0.93 <= c.covered <= 0.97 else "  *"
                lines.append(
                    f"  {c.figure:<44}{c.covered:>8.3f}{c.below:>8.3f}{c.above:>8.3f}"
                    f"{c.width:>9.4f}{c.undefined:>7}{flag}"
                )
        lines.append("")
    return "\n".join(lines)
