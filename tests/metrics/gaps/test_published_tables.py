"""Group figures of small tables, against exact fractions by hand."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from metrics.arrays import Floats
from metrics.estimate import UndefinedMetric
from metrics.gaps import fairness
from metrics.intervals import mover
from metrics.intervals.proportions import wilson
from metrics.operating_points import rates as operating_point
from metrics.operating_points.rates import Confusion

TABLES = (
    "base",
    "group_without_positives",
    "two_groups_one_without_positives",
    "group_not_reported_counted",
    "group_not_reported_left_out",
    "twenty_of_twenty",
    "both_all_found",
    "nothing_found_in_screening",
    "signed_odds_cancel",
    "false_alarms_990",
    "all_groups_alike",
    "base_weighted",
)
RATES: dict[str, Callable[[Confusion[float]], float]] = {
    "tpr": operating_point.sensitivity,
    "fpr": operating_point.false_positive_rate,
    "selection": operating_point.selection_rate,
    "ppv": operating_point.ppv,
}
GAPS: dict[str, tuple[Callable[..., Floats], tuple[str, ...]]] = {
    "equal_opportunity_difference": (fairness.equal_opportunity_difference, ("tpr",)),
    "false_positive_rate_difference": (fairness.max_min_gap, ("fpr",)),
    "demographic_parity_difference": (fairness.demographic_parity_difference, ("selection",)),
    "demographic_parity_ratio": (fairness.demographic_parity_ratio, ("selection",)),
    "predictive_parity_difference": (fairness.predictive_parity_difference, ("ppv",)),
    "equalized_odds_difference": (fairness.equalized_odds_difference, ("tpr", "fpr")),
    "equalized_odds_ratio": (fairness.equalized_odds_ratio, ("tpr", "fpr")),
}


@pytest.fixture(scope="module")
def tables(refvals: Path) -> Any:
    found = json.loads((refvals / "fairness" / "fairness.json").read_text())["tables"]
    assert set(found) == set(TABLES)
    return found


def counts(group: Any) -> Confusion[float]:
    tp, fn, fp, tn = map(float, group["tp_fn_fp_tn"])
    return Confusion(tp, fp, fn, tn)


def rate(group: Any, name: str) -> float | None:
    try:
        return float(RATES[name](counts(group)))
    except UndefinedMetric:
        return None


@pytest.mark.parametrize("name", TABLES)
def test_every_rate_and_its_interval_is_that_by_hand(tables: Any, name: str) -> None:
    for group in tables[name]["groups"].values():
        for figure in RATES:
            expected = group[figure] and group[figure]["value"]
            assert rate(group, figure) == pytest.approx(expected, abs=1e-15)
        tp, fn, fp, tn = group["tp_fn_fp_tn"]
        for figure, found, trials in (("tpr", tp, tp + fn), ("fpr", fp, fp + tn)):
            if group.get(f"{figure}_wilson95"):
                assert wilson(found, trials) == pytest.approx(group[f"{figure}_wilson95"], abs=1e-9)


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize("gap", GAPS)
def test_every_gap_is_that_of_the_groups_which_have_the_rate(
    tables: Any, name: str, gap: str
) -> None:
    form, figures = GAPS[gap]
    rates = []
    for figure in figures:
        found = [rate(group, figure) for group in tables[name]["groups"].values()]
        rates.append(np.array([value for value in found if value is not None]))
    expected = tables[name]["defined_groups_only"][gap]
    if expected is None:
        with pytest.raises(UndefinedMetric, match="two groups that have the figure; got 1"):
            form(*rates)
    else:
        assert float(form(*rates)) == pytest.approx(expected["value"], abs=1e-15)


def pairs(table: Any) -> list[tuple[Any, Any, Any]]:
    found = []
    for name, expected in table["pairs"].items():
        one, other = name.split(" - ")
        found.append((table["groups"][one], table["groups"][other], expected))
    return found


@pytest.mark.parametrize("name", TABLES)
def test_every_difference_of_two_groups_has_newcombes_interval(tables: Any, name: str) -> None:
    for one, other, expected in pairs(tables[name]):
        for figure, places in (("tpr", (0, 1)), ("fpr", (2, 3))):
            bounds = expected.get(f"{figure}_difference_newcombe95")
            if bounds is None:
                continue
            parts = []
            for group in (one, other):
                hits, misses = (group["tp_fn_fp_tn"][place] for place in places)
                value = rate(group, figure)
                assert value is not None
                parts.append(mover.Part(value, *wilson(hits, hits + misses)))
            found = mover.difference(parts[0], parts[1])
            assert found.value == pytest.approx(
                expected[f"{figure}_difference"]["value"], abs=1e-15
            )
            assert found.bounds == pytest.approx(bounds, abs=1e-8)


@pytest.mark.parametrize("name", TABLES)
def test_every_average_of_absolute_odds_is_that_by_hand(tables: Any, name: str) -> None:
    for one, other, expected in pairs(tables[name]):
        rates = [[rate(group, figure) for group in (other, one)] for figure in ("tpr", "fpr")]
        wanted = expected["average_absolute_odds_difference"]
        if wanted is None:
            assert None in rates[0] + rates[1]
            continue
        tpr, fpr = (np.array(row, dtype=float) for row in rates)
        found = fairness.average_absolute_odds_difference(tpr, fpr, 0)
        assert float(found[1]) == pytest.approx(wanted["value"], abs=1e-15)


def test_twenty_of_twenty_beside_twelve_of_twelve_is_no_point() -> None:
    """Newcombe 1998: the difference is 0 and its interval -0.242 to 0.161."""
    parts = [mover.Part(1.0, *wilson(n, n)) for n in (20, 12)]
    found = mover.difference(parts[1], parts[0])
    assert found.bounds == pytest.approx((-0.242, 0.161), abs=5e-4)
    assert math.isclose(found.value, 0.0)
