"""Random small cohorts through score(): figures or reasons, never NaN, never a traceback."""

from __future__ import annotations

import numpy as np
import pytest

from evaluator.scoring.score import AnalysisPlan, ScoringInputError, score

PLAN = AnalysisPlan(
    subgroups=("sex", "site"),
    intersections=(("sex", "site"),),
    minimum_cases=2,
    minimum_per_class=1,
    replicates=100,
    specificities=(0.9,),
    sensitivities=(0.8,),
    prevalences=(0.1,),
    partial_auroc=(0.0, 0.2),
    smooth_calibration="all",
)


@pytest.mark.parametrize("seed", range(60))
def test_a_random_cohort_is_scored_or_refused(seed: int) -> None:
    generator = np.random.default_rng(seed)
    n = int(generator.choice([1, 2, 3, 5, 8, 13, 30]))
    y = generator.random(n) < generator.choice([0.0, 0.2, 0.5, 1.0])
    s = [
        generator.random(n),
        np.round(generator.random(n), 1),
        np.full(n, 0.5),
        generator.choice([0.0, 1.0], n),
        generator.standard_normal(n) * 1e200,
        generator.choice([-np.inf, 0.5, np.inf], n),
        np.where(y, 1.0, 0.0),
        generator.choice([np.nan, 0.5], n),
    ][seed % 8]
    patients = generator.integers(0, max(1, n // 2), n) if seed % 3 else None
    attributes = {
        "sex": generator.choice(["F", "M"], n),
        "site": generator.choice(["A", "B", "C"], n),
    }
    threshold = float(generator.choice([0.0, 0.5, 1.0])) if seed % 5 else None
    try:
        found = score(y, s, patients, attributes, PLAN, threshold, threads=1)
    except ScoringInputError:
        assert np.isnan(s).any()
        return
    for result in found.results:
        estimate = result.estimate
        assert (estimate.value is None) == (estimate.undefined is not None), result
        for number in (estimate.value, estimate.low, estimate.high):
            assert number is None or np.isfinite(number), result
        if estimate.low is not None and estimate.high is not None:
            assert estimate.low <= estimate.high, result
    for curve in found.curves:
        for point in curve.points:
            assert np.isfinite([point.x, point.y]).all(), curve
