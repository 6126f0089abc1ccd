"""Twelve figures for thirty groups with intervals and gaps, and the whole score()."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn import metrics as sk

from evaluator.scoring.score import AnalysisPlan, score
from metrics.group import FIXED_PREVALENCE, SAMPLED
from metrics.operating_points import rates
from metrics.resampling import replicates as resampling
from metrics.resampling.sums import Sums
from perf.cohorts import Simulated, simulated
from perf.timing import Program, Timed, missing, side_by_side

OURS = "Sequestra: 12 figures, 1 thread"
REPLICATES = 2_000
THRESHOLD = 0.3


def twelve(sums: Sums) -> NDArray[np.float64]:
    """The twelve figures of each replicate, (12, replicates)."""
    table = sums.confusion
    return np.stack(
        [
            sums.auroc,
            sums.average_precision,
            rates.sensitivity(table),
            rates.specificity(table),
            rates.ppv(table),
            rates.npv(table),
            rates.f1(table),
            sums.brier,
            sums.ece,
            rates.false_positive_rate(table),
            rates.false_negative_rate(table),
            rates.selection_rate(table),
        ]
    )


def bounds(replicates: NDArray[np.float64]) -> NDArray[np.float64]:
    """Percentile bounds along the last axis, by sorting."""
    ordered = np.sort(replicates, axis=-1)
    last = ordered.shape[-1] - 1
    return ordered[..., [round(0.025 * last), round(0.975 * last)]]


def ours(cohort: Simulated, threads: int | None = 1, replicates: int = REPLICATES) -> object:
    """Intervals of twelve figures in each group and of their max - min gaps."""
    n = cohort.y.size
    drawn = resampling.units(cohort.y, np.arange(n), n)
    cases = resampling.ranked(cohort.y, cohort.s, 15)
    members = [
        [column == level for level in np.unique(column)] for column in cohort.attributes.values()
    ]
    walks = [resampling.walk(cases, m, THRESHOLD) for group in members for m in group]
    sums = resampling.replicate(cases, drawn, walks, replicates=replicates, seed=0, threads=threads)
    figures = np.stack([twelve(one) for one in sums])
    found: list[NDArray[np.float64]] = [bounds(figures)]
    start = 0
    for group in members:
        mine = figures[start : start + len(group)]
        found.append(bounds(mine.max(axis=0) - mine.min(axis=0)))
        start += len(group)
    return found


def expert_numpy(cohort: Simulated, replicates: int) -> None:
    """Each replicate: rows drawn; each group: one argsort, cumulative sums, twelve figures."""
    generator = np.random.default_rng(0)
    n = cohort.y.size
    for _ in range(replicates):
        rows = generator.integers(0, n, n)
        y_all, s_all = cohort.y[rows], cohort.s[rows]
        for column in cohort.attributes.values():
            code = column[rows]
            for level in range(int(column.max()) + 1):
                member = code == level
                _numpy_figures(y_all[member], s_all[member])


def _numpy_figures(y: NDArray[np.bool_], s: NDArray[np.float64]) -> tuple[object, ...]:
    order = np.argsort(-s)
    y_, s_ = y[order], s[order]
    end = np.append(s_[1:] != s_[:-1], True)
    tp, fp = np.cumsum(y_)[end], np.cumsum(~y_)[end]
    p, n = tp[-1], fp[-1]
    before = np.concatenate(([0], tp[:-1]))
    auroc = np.sum(np.diff(fp, prepend=0) * (tp + before)) / (2 * p * n)
    ap = np.sum(np.diff(tp, prepend=0) * tp / (tp + fp)) / p
    called = s >= THRESHOLD
    a, b = np.sum(called & y), np.sum(called & ~y)
    residual = y - s
    bins = np.bincount(np.clip(np.ceil(s * 15).astype(int) - 1, 0, 14), residual, 15)
    ece = np.abs(bins).sum() / y.size
    brier = residual @ residual / y.size
    f1 = 2 * a / (2 * a + b + p - a)
    chosen = (a + b) / y.size
    return (
        auroc,
        ap,
        a / p,
        1 - b / n,
        a / (a + b),
        (n - b) / (n - b + p - a),
        f1,
        brier,
        ece,
        b / n,
        1 - a / p,
        chosen,
    )


def _ece(y: NDArray[np.bool_], s: NDArray[np.float64]) -> float:
    bins = np.bincount(np.clip(np.ceil(s * 15).astype(int) - 1, 0, 14), y - s, 15)
    return float(np.abs(bins).sum() / y.size)


def sklearn_loop(cohort: Simulated, replicates: int) -> None:
    """The same with scikit-learn's functions."""
    generator = np.random.default_rng(0)
    n = cohort.y.size
    for _ in range(replicates):
        rows = generator.integers(0, n, n)
        for column in cohort.attributes.values():
            for level in range(int(column.max()) + 1):
                member = column[rows] == level
                y, s = cohort.y[rows][member], cohort.s[rows][member]
                called = s >= THRESHOLD
                sk.roc_auc_score(y, s)
                sk.average_precision_score(y, s)
                sk.recall_score(y, called)
                sk.recall_score(y, called, pos_label=0)
                sk.precision_score(y, called)
                sk.precision_score(y, called, pos_label=0)
                sk.f1_score(y, called)
                sk.brier_score_loss(y, s)
                _ece(y, s)
                tn, fp, fn, tp = sk.confusion_matrix(y, called).ravel()
                _ = fp / (fp + tn), fn / (fn + tp), called.mean()


def whole_score(
    cohort: Simulated, threads: int | None, replicates: int = REPLICATES, design: str = SAMPLED
) -> object:
    """score(): every figure, group, gap and curve, and three tested gaps, from texts to results."""
    attributes = {name: codes.astype(np.str_) for name, codes in cohort.attributes.items()}
    first, *_, last = attributes
    plan = AnalysisPlan(
        subgroups=tuple(attributes),
        replicates=replicates,
        smooth_calibration="none",
        sampling_design=design,
        primary_gap=("sensitivity", first),
        gaps=(("auroc", last), ("specificity", first)),
    )
    return score(cohort.y, cohort.s, None, attributes, plan, THRESHOLD, threads=threads)


def expert_permutations(cohort: Simulated, permutations: int) -> None:
    """The three gaps by numpy: levels shuffled within each class, a statistic each time."""
    generator = np.random.default_rng(0)
    first, *_, last = cohort.attributes.values()
    called = cohort.s >= THRESHOLD
    for _ in range(permutations):
        for y in (True, False):
            mine = cohort.y == y
            level = generator.permutation(first[mine])
            hits = np.bincount(level, called[mine])
            _ = np.ptp(hits / np.bincount(level))
        code = last.copy()
        for y in (True, False):
            mine = np.flatnonzero(cohort.y == y)
            code[mine] = generator.permutation(last[mine])
        for number in range(int(last.max()) + 1):
            inside = code == number
            y_, s_ = cohort.y[inside], cohort.s[inside]
            positive, negative = np.sort(s_[y_]), np.sort(s_[~y_])
            v10 = np.searchsorted(negative, positive) / negative.size
            v01 = 1.0 - np.searchsorted(positive, negative) / positive.size
            _ = v10.mean(), v10.var() / positive.size + v01.var() / negative.size


def run(n: int = 10_000) -> list[Timed]:
    """Time the report side by side; slow peers from fewer replicates."""
    cohort = simulated(n)
    groups = sum(int(column.max()) + 1 for column in cohort.attributes.values())
    work = f"whole report: n = {n:,}, {groups} groups, 12 figures, B = {REPLICATES:,}"
    programs = [
        Program(OURS, lambda: ours(cohort)),
        Program("Sequestra: 12 figures, all threads", lambda: ours(cohort, None)),
        Program("Sequestra: score(), 1 thread", lambda: whole_score(cohort, 1)),
        Program("Sequestra: score(), all threads", lambda: whole_score(cohort, None)),
        Program(
            "Sequestra: score(), prevalence by design, all threads",
            lambda: whole_score(cohort, None, design=FIXED_PREVALENCE),
        ),
        Program(
            "expert numpy loop",
            lambda: expert_numpy(cohort, 20),
            "numpy",
            REPLICATES / 20,
            note="from 20 replicates",
        ),
        Program(
            "expert numpy loop of three tested gaps",
            lambda: expert_permutations(cohort, 20),
            "numpy",
            2_000 / 20,
            note="from 20 permutations",
        ),
        Program(
            "scikit-learn loop",
            lambda: sklearn_loop(cohort, 1),
            "scikit-learn",
            REPLICATES,
            note="from 1 replicate",
        ),
    ]
    if importlib.util.find_spec("fairlearn"):
        programs.append(
            Program(
                "fairlearn MetricFrame x 7",
                lambda: _fairlearn(cohort, 2),
                "fairlearn",
                REPLICATES / 2,
                rounds=1,
                note="from 2 replicates, 1 round",
            )
        )
        return side_by_side(work, programs)
    return [*side_by_side(work, programs), missing(work, "fairlearn MetricFrame x 7")]


def _fairlearn(cohort: Simulated, replicates: int) -> None:
    from fairlearn.metrics import MetricFrame  # type: ignore[import-not-found,unused-ignore]

    called = (cohort.s >= THRESHOLD).astype(int)
    on_calls = {
        "sens": sk.recall_score,
        "spec": lambda y, c: sk.recall_score(y, c, pos_label=0),
        "ppv": sk.precision_score,
        "npv": lambda y, c: sk.precision_score(y, c, pos_label=0),
        "f1": sk.f1_score,
        "fpr": lambda y, c: 1 - sk.recall_score(y, c, pos_label=0),
        "fnr": lambda y, c: 1 - sk.recall_score(y, c),
        "sel": lambda y, c: float(np.mean(c)),
    }
    on_scores = {
        "auc": sk.roc_auc_score,
        "ap": sk.average_precision_score,
        "brier": sk.brier_score_loss,
        "ece": lambda y, s: _ece(np.asarray(y), np.asarray(s)),
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for column in cohort.attributes.values():
            for figures, predicted in ((on_calls, called), (on_scores, cohort.s)):
                MetricFrame(
                    metrics=figures,
                    y_true=cohort.y.astype(int),
                    y_pred=predicted,
                    sensitive_features=column,
                    n_boot=replicates,
                    ci_quantiles=[0.025, 0.975],
                    random_state=0,
                )


_ALONE = """
import time
start = time.perf_counter()
from perf import whole_report
from perf.cohorts import simulated
from perf.timing import peak_memory
imported = time.perf_counter()
cohort = simulated({n})
ready = time.perf_counter()
whole_report.{function}(cohort, {threads}, {replicates})
print(imported - start, time.perf_counter() - ready, peak_memory())
"""


_FIRST = """
import time
start = time.perf_counter()
from evaluator.scoring.analysis_plan import AnalysisPlan
from evaluator.scoring.score import score
imported = time.perf_counter()
from perf.cohorts import simulated
from perf.timing import peak_memory
cohort = simulated({n})
plan = AnalysisPlan(smooth_calibration="none")
calls = []
for _ in range(2):
    ready = time.perf_counter()
    score(cohort.y, cohort.s, None, None, plan, 0.3)
    calls.append(time.perf_counter() - ready)
print(imported - start, calls[0] - calls[1], peak_memory())
"""


def alone(
    n: int, *, function: str = "ours", replicates: int = REPLICATES
) -> tuple[float, float, float]:
    """Run in a process of its own: seconds to import, seconds of the call, peak MB."""
    code = _ALONE.format(n=n, function=function, threads=None, replicates=replicates)
    return _in_a_process(code, {})


def _in_a_process(code: str, environment: dict[str, str]) -> tuple[float, float, float]:
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, **environment},
        cwd=Path(__file__).resolve().parent.parent,
    )
    imported, took, memory = (float(x) for x in done.stdout.split()[-3:])
    return imported, took, memory


def first_calls(n: int = 1_000) -> list[Timed]:
    """What the first score() of a process costs over its second, cache empty and filled."""
    work = f"first score() of a process less its second, n = {n:,}"
    code = _FIRST.format(n=n)
    _in_a_process(code, {})
    found = []
    with tempfile.TemporaryDirectory() as folder:
        for label, environment in (
            ("cache empty: compiles", {"NUMBA_CACHE_DIR": folder}),
            ("cache filled", {"NUMBA_CACHE_DIR": folder}),
            ("cache filled, again", {"NUMBA_CACHE_DIR": folder}),
        ):
            imported, took, memory = _in_a_process(code, environment)
            note = f"import of evaluator.scoring {imported:.2f} s; peak {memory:.0f} MB"
            found.append(Timed(work, f"Sequestra: {label}", "", took, None, 1, note))
    return found


def large(n: int = 1_000_000, replicates: int = REPLICATES) -> list[Timed]:
    """The same report at a million cases: seconds and memory."""
    work = f"whole report at n = {n:,}, B = {replicates:,}"
    found = []
    for function in ("ours", "whole_score"):
        _, took, memory = alone(n, function=function, replicates=replicates)
        note = f"peak {memory:.0f} MB, cohort included; 1 round"
        found.append(Timed(work, f"Sequestra: {function}()", "", took, None, 1, note))
    return found


def limit(n: int = 10_000) -> list[Timed]:
    """Where the seconds of the report go, one thread, and what the parts cost at the least."""
    from metrics.resampling.kernels import draw, scan, spread
    from metrics.resampling.sums import FIGURES, LANES

    cohort = simulated(n)
    units = resampling.units(cohort.y, np.arange(n), n)
    cases = resampling.ranked(cohort.y, cohort.s, 15)
    members = [c == k for c in cohort.attributes.values() for k in np.unique(c)]
    walks = [resampling.walk(cases, m, THRESHOLD) for m in members]
    counts, turned, weights = (
        np.zeros((LANES, -(-n // 8) * 8), np.uint8),
        np.zeros((-(-n // 8) * 8, LANES), np.uint8),
        np.zeros((n, LANES), np.uint8),
    )
    unit = units.unit[cases.order]
    out = np.empty((FIGURES, LANES))
    blocks = -(-REPLICATES // LANES)

    def scans() -> None:
        for walk in walks:
            scan(weights, walk.rows, walk.flags, cases.gap, cases.square, 128, out)

    def sort_and_walk() -> None:
        again = resampling.ranked(cohort.y, cohort.s, 15)
        for member in members:
            resampling.walk(again, member, THRESHOLD)

    figures = np.random.default_rng(0).random((len(walks), 12, REPLICATES))
    steps = n * len(cohort.attributes) * blocks * LANES
    work = f"parts of the report, n = {n:,}, 1 thread"
    return side_by_side(
        work,
        [
            Program("sort and walks", sort_and_walk, rounds=9),
            Program(
                "random numbers",
                lambda: draw(np.uint64(0), 0, units.starts, counts),
                factor=blocks,
                rounds=9,
                note=f"{n * blocks * LANES:.2g} draws",
            ),
            Program(
                "transpose and order",
                lambda: spread(
                    counts.view(np.uint64),
                    unit,
                    turned.view(np.uint64),
                    weights.view(np.uint64),
                ),
                factor=blocks,
                rounds=9,
            ),
            Program("scans", scans, factor=blocks, rounds=9, note=f"{steps:.2g} steps"),
            Program("sorting of replicates, bounds", lambda: bounds(figures), rounds=9),
        ],
    )
