"""Cohort sizes planned from the precision of an AUROC."""

from __future__ import annotations

import numpy as np
import pytest

from cohort_selection.matching.sample_size import auroc_standard_error, needed_for_auroc


def test_the_standard_error_is_that_of_exponential_scores() -> None:
    """Hanley and McNeil's model: exponential scores in both classes. 4,000 drawn studies."""
    rng = np.random.default_rng(0)
    found = []
    for _ in range(4000):
        healthy, diseased = rng.exponential(1.0, 50), rng.exponential(9.0, 40)
        found.append(np.mean(diseased[:, None] > healthy[None, :]))
    assert np.mean(found) == pytest.approx(0.9, abs=0.003)
    assert auroc_standard_error(0.9, 40, 50) == pytest.approx(np.std(found), rel=0.05)


def test_the_fewest_cases_reach_the_width_and_one_less_does_not() -> None:
    needed = needed_for_auroc(0.85, 0.05)
    assert 1.959964 * auroc_standard_error(0.85, needed.positives, needed.negatives) <= 0.05
    less = (needed.positives - 1, needed.negatives - 1)
    assert 1.959964 * auroc_standard_error(0.85, *less) > 0.05
    rare = needed_for_auroc(0.85, 0.05, prevalence=0.1)
    assert rare.positives + rare.negatives > needed.positives + needed.negatives
    with pytest.raises(ValueError, match="cannot be planned for"):
        needed_for_auroc(1.0, 0.05)


@pytest.mark.parametrize("half_width", [0.0, 1e-300, 1e-12, 0.5])
def test_a_width_that_no_cohort_could_reach_is_refused(half_width: float) -> None:
    with pytest.raises(ValueError, match=r"give an AUROC from 0\.5, a half width from 0\.0001"):
        needed_for_auroc(0.8, half_width)
