"""A planned width is kept by as many cohorts as it says."""

from __future__ import annotations

import pytest

from metrics.estimate import UndefinedMetric
from metrics.planning.widths import auroc_half_width, needed_for_auroc
from tests.support.planned_widths import share_within

RUNS = 300
ERROR = 2 * (0.8 * 0.2 / RUNS) ** 0.5


@pytest.mark.parametrize(
    ("auroc", "half_width", "prevalence", "interval", "confidence"),
    [
        (0.8, 0.05, 0.5, "score", 0.95),
        (0.9, 0.05, 0.1, "logit", 0.9),
        (0.95, 0.1, 0.5, "score", 0.95),
        (0.95, 0.05, 0.4, "symmetric", 0.95),
    ],
)
def test_four_of_five_cohorts_have_an_interval_as_narrow(
    auroc: float, half_width: float, prevalence: float, interval: str, confidence: float
) -> None:
    """Drawn cohorts, with the interval that a release has; a fifth fewer cases are too few."""
    needed = needed_for_auroc(
        auroc, half_width, prevalence=prevalence, interval=interval, confidence=confidence
    )
    counts = (needed.positives, needed.negatives)
    kept = share_within(
        auroc, *counts, half_width, interval=interval, confidence=confidence, runs=RUNS
    )
    assert 0.8 - ERROR <= kept <= 0.95
    fewer = [round(0.8 * each) for each in counts]
    kept = share_within(
        auroc, fewer[0], fewer[1], half_width, interval=interval, confidence=confidence, runs=RUNS
    )
    assert kept < 0.7


def test_more_assurance_takes_more_cases() -> None:
    some, most = (needed_for_auroc(0.85, 0.05, assurance=share) for share in (0.8, 0.95))
    assert most.positives > some.positives
    assert auroc_half_width(0.85, some.positives, some.negatives) <= 0.05


@pytest.mark.parametrize(("auroc", "half_width"), [(1.0, 0.05), (0.8, 0.0), (0.8, 1e-12),
                                                   (0.8, 0.5)])  # fmt: skip
def test_a_width_that_no_cohort_could_reach_is_refused(auroc: float, half_width: float) -> None:
    with pytest.raises(ValueError, match=r"give an AUROC from 0\.5, a half width from 0\.0001"):
        needed_for_auroc(auroc, half_width)


def test_one_case_of_a_class_has_no_width() -> None:
    with pytest.raises(UndefinedMetric, match="two cases of each class"):
        auroc_half_width(0.8, 1, 50)
