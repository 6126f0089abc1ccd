"""Macro averages over findings: means of known areas, shared variance, too little data."""

from __future__ import annotations

import numpy as np
import pytest

from metrics.arrays import Floats, Ints
from metrics.discrimination.curves import auroc, average_precision
from metrics.discrimination.delong import auroc_estimate
from metrics.group import FIXED_PREVALENCE, SAMPLED, Group, everyone
from metrics.outputs.findings import finding_figures, finding_influences


def group_of(targets: Floats, patient: Ints | None = None, design: str = SAMPLED) -> Group:
    n = targets.shape[0]
    number = np.arange(n) if patient is None else patient
    y = (np.nan_to_num(targets) == 1.0).any(axis=1)
    return everyone(y, np.zeros(n), number, int(number.max()) + 1, design)


def made(n: int, k: int, seed: int, shared: float) -> tuple[Floats, Floats]:
    """Targets and scores of ``k`` findings whose scores share a part of their noise."""
    rng = np.random.default_rng(seed)
    targets = (rng.random((n, k)) < 0.4).astype(np.float64)
    noise = np.sqrt(shared) * rng.normal(size=(n, 1)) + np.sqrt(1 - shared) * rng.normal(
        size=(n, k)
    )
    return targets, targets + noise


def names(k: int) -> tuple[str, ...]:
    return tuple(f"finding_{number}" for number in range(k))


def test_each_finding_counts_on_the_cases_in_which_it_is_known() -> None:
    targets, scores = made(90, 3, 1, 0.5)
    targets[::4, 1] = np.nan
    found = finding_figures(targets, scores, group_of(targets), 0.95, names(3))
    known = [~np.isnan(targets[:, k]) for k in range(3)]
    for name, figure in (("macro_auroc", auroc), ("macro_average_precision", average_precision)):
        each = [figure(targets[m, k], scores[m, k]) for k, m in enumerate(known)]
        assert found[name].value == pytest.approx(np.mean(each), abs=1e-12)
    assert found["findings_with_data"].value == 1.0
    moved = finding_influences(targets, scores, group_of(targets), names(3))
    assert abs(float(moved["macro_auroc"].sum())) < 1e-12


def test_one_finding_has_the_interval_of_an_auroc() -> None:
    targets, scores = made(400, 1, 2, 0.0)
    mine = finding_figures(targets, scores, group_of(targets), 0.95, names(1))["macro_auroc"]
    known = auroc_estimate(targets[:, 0], scores[:, 0], interval="logit")
    assert mine.value == pytest.approx(known.value, abs=1e-12)
    assert mine.low == pytest.approx(known.low, abs=1e-3)
    assert mine.high == pytest.approx(known.high, abs=1e-3)


@pytest.mark.parametrize("design", [SAMPLED, FIXED_PREVALENCE])
def test_what_findings_share_is_no_further_data(design: str) -> None:
    targets, scores = made(400, 1, 3, 0.0)
    twice = np.hstack([targets, targets]), np.hstack([scores, scores])
    one = finding_figures(targets, scores, group_of(targets, design=design), 0.95, names(1))
    two = finding_figures(*twice, group_of(targets, design=design), 0.95, names(2))
    for name in ("macro_auroc", "macro_average_precision"):
        assert two[name].low == pytest.approx(one[name].low, abs=1e-9)
        assert two[name].high == pytest.approx(one[name].high, abs=1e-9)


def test_what_findings_do_not_share_is() -> None:
    targets, scores = made(600, 4, 4, 0.0)
    four = finding_figures(targets, scores, group_of(targets), 0.95, names(4))["macro_auroc"]
    one = auroc_estimate(targets[:, 0], scores[:, 0], interval="logit")
    assert four.high is not None
    assert four.low is not None
    assert one.high is not None
    assert one.low is not None
    assert (four.high - four.low) / (one.high - one.low) == pytest.approx(0.5, abs=0.08)


def test_patients_and_not_cases_are_the_units() -> None:
    targets, scores = made(150, 2, 5, 0.3)
    again = np.repeat(targets, 2, axis=0), np.repeat(scores, 2, axis=0)
    patient = np.repeat(np.arange(150), 2)
    once = finding_figures(targets, scores, group_of(targets), 0.95, names(2))["macro_auroc"]
    both = finding_figures(*again, group_of(again[0], patient), 0.95, names(2))["macro_auroc"]
    assert both.value == pytest.approx(once.value, abs=1e-12)
    assert both.n_patients == once.n_patients
    assert both.low == pytest.approx(once.low, abs=2e-3)


def test_a_finding_with_too_few_makes_every_mean_insufficient_data() -> None:
    targets, scores = made(60, 3, 6, 0.0)
    targets[:, 2] = np.nan
    targets[:2, 2], targets[2:20, 2] = 1.0, 0.0
    group = group_of(targets)
    found = finding_figures(targets, scores, group, 0.95, names(3), fewest=3)
    for name in ("macro_auroc", "macro_average_precision"):
        assert found[name].value is None
        assert "finding_2 is known in 2 patients with it and 18 without" in (
            found[name].undefined or ""
        )
    assert found["findings_with_data"].value == pytest.approx(2 / 3)
    assert finding_influences(targets, scores, group, names(3), fewest=3) == {}
