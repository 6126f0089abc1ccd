"""Draws cohorts of known AUROC and looks how wide the reported intervals are."""

from __future__ import annotations

import numpy as np
from scipy.special import ndtri

from metrics.discrimination.delong import auroc_estimate


def share_within(
    auroc: float,
    positives: int,
    negatives: int,
    half_width: float,
    *,
    confidence: float = 0.95,
    interval: str = "score",
    runs: int = 200,
) -> float:
    """Share of cohorts with normal scores whose interval is no wider than twice ``half_width``."""
    rng = np.random.default_rng(20_261_130)
    apart = float(ndtri(auroc)) * 2.0**0.5
    labels = np.repeat([True, False], [positives, negatives])
    within = 0
    for _ in range(runs):
        drawn = rng.normal(apart * labels, 1.0)
        found = auroc_estimate(labels, drawn, confidence=confidence, interval=interval)
        assert found.low is not None
        assert found.high is not None
        within += (found.high - found.low) / 2.0 <= half_width
    return within / runs
