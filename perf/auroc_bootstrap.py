"""Bootstrap interval of the AUROC against scipy, expert numpy, scikit-learn and fairlearn."""

from __future__ import annotations

import importlib.util
import warnings

import numpy as np
from numpy.typing import NDArray
from scipy.stats import bootstrap as scipy_bootstrap
from scipy.stats import rankdata
from sklearn.metrics import roc_auc_score

from metrics.resampling import bootstrap
from metrics.resampling import replicates as resampling
from perf.cohorts import Simulated, simulated
from perf.timing import Program, Timed, missing, side_by_side

OURS = "Sequestra: bootstrap interval"
REPLICATES = 2_000


def ours(cohort: Simulated, threads: int | None = None) -> tuple[float, float]:
    """Sort once, draw, scan, take the percentiles."""
    n = cohort.y.size
    drawn = resampling.units(cohort.y, np.arange(n), n)
    cases = resampling.ranked(cohort.y, cohort.s, 10)
    walk = resampling.walk(cases, None, None)
    (sums,) = resampling.replicate(
        cases, drawn, [walk], replicates=REPLICATES, seed=0, threads=threads
    )
    return bootstrap.percentile(bootstrap.spread_of(sums.auroc), 0.95)


def expert_numpy(cohort: Simulated, replicates: int) -> NDArray[np.float64]:
    """Sort once; a replicate is a bincount, two cumulative sums and a dot product."""
    order = np.argsort(cohort.s)
    y = cohort.y[order]
    n = y.size
    generator = np.random.default_rng(0)
    found = np.empty(replicates)
    for b in range(replicates):
        w = np.bincount(generator.integers(0, n, n), minlength=n)
        negative = np.where(y, 0, w)
        positive = w - negative
        below = np.cumsum(negative) - negative / 2.0
        found[b] = positive @ below / (positive.sum() * negative.sum())
    return np.quantile(found, [0.025, 0.975])


def run(n: int = 10_000) -> list[Timed]:
    """Time B = 2,000 at ``n`` cases; slow peers from fewer replicates."""
    cohort = simulated(n)
    y, s = cohort.y, cohort.s
    generator = np.random.default_rng(1)

    def vectorized_auc(
        positive: NDArray[np.float64], negative: NDArray[np.float64], axis: int = -1
    ) -> NDArray[np.float64]:
        both = np.concatenate([positive, negative], axis=axis)
        m, k = positive.shape[axis], negative.shape[axis]
        ranks = rankdata(both, axis=axis)[..., :m].sum(axis=-1)
        return (ranks - m * (m + 1) / 2) / (m * k)

    def scipy_run() -> object:
        return scipy_bootstrap(
            (s[y], s[~y]),
            vectorized_auc,
            n_resamples=200,
            batch=50,
            method="percentile",
            rng=generator,
        )

    def sklearn_run() -> None:
        for _ in range(20):
            rows = generator.integers(0, n, n)
            roc_auc_score(y[rows], s[rows])

    work = f"AUROC bootstrap interval, B = {REPLICATES:,}, n = {n:,}"
    programs = [
        Program(OURS, lambda: ours(cohort, 1), note="1 thread"),
        Program("Sequestra, all threads", lambda: ours(cohort)),
        Program(
            "expert numpy (sort once, cumsum)",
            lambda: expert_numpy(cohort, 200),
            "numpy",
            10,
            note="from 200 replicates",
        ),
        Program(
            "scipy.stats.bootstrap, percentile",
            scipy_run,
            "scipy",
            10,
            note="from 200 replicates",
        ),
        Program("scikit-learn loop", sklearn_run, "scikit-learn", 100, note="from 20 replicates"),
    ]
    if not importlib.util.find_spec("fairlearn"):
        return [*side_by_side(work, programs), missing(work, "fairlearn MetricFrame")]
    from fairlearn.metrics import MetricFrame  # type: ignore[import-not-found,unused-ignore]

    def fairlearn_run() -> object:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return MetricFrame(
                metrics=roc_auc_score,
                y_true=y,
                y_pred=s,
                sensitive_features=np.zeros(n),
                n_boot=4,
                ci_quantiles=[0.025, 0.975],
                random_state=0,
            )

    programs.append(
        Program(
            "fairlearn MetricFrame, no groups",
            fairlearn_run,
            "fairlearn",
            REPLICATES / 4,
            rounds=5,
            note="from 4 replicates",
        )
    )
    return side_by_side(work, programs)
