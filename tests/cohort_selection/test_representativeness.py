"""Distances equal scipy's published reference and MIDRC-REACT's own figures."""

from __future__ import annotations

import csv
from math import log, sqrt
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import chi2

from cohort_selection.cohort import Case
from cohort_selection.representativeness import (
    chance,
    deviation,
    over_time,
    representativeness,
)
from cohort_selection.targets import Target


def cases(*levels: str) -> list[Case]:
    return [Case(f"s{i}", f"p{i}", (), 0, {"sex": level}) for i, level in enumerate(levels)]


def test_equal_shares_have_distance_zero_and_disjoint_ones_one() -> None:
    assert deviation("sex", {"a": 2, "b": 2}, {"a": 0.5, "b": 0.5}).jsd == 0.0
    assert deviation("sex", {"a": 1.0}, {"b": 1.0}).jsd == pytest.approx(1.0)


def test_a_distance_worked_out_by_hand() -> None:
    """P = (1, 0), Q = (1/2, 1/2): M = (3/4, 1/4), JSD^2 = (log2(4/3) + (1/2)log2(2/3) + 1/2)/2."""
    found = deviation("sex", {"F": 1.0}, {"F": 0.5, "M": 0.5})
    assert found.jsd == pytest.approx(0.31127812445913283**0.5, abs=1e-12)
    assert (found.maximum, found.mean) == (0.5, 0.5)


def test_not_reported_is_counted_with_and_without() -> None:
    found = representativeness(
        cases("Female", "Male", "Not Reported", "Not Reported"),
        Target({"sex": {"Female": 0.5, "Male": 0.5}}),
        ["sex"],
    )[0]
    assert found.jsd > 0.5
    assert found.jsd_without_not_reported == 0.0
    assert (found.worst_level, found.maximum) == ("Not Reported", 0.5)


def test_nothing_reported_has_no_distance_without_it() -> None:
    found = deviation("race", {"Not Reported": 3}, {"White": 1.0})
    assert found.jsd_without_not_reported is None


def test_a_cohort_is_compared_with_its_pool() -> None:
    found = representativeness(cases("Female", "Male"), cases("Female", "Female", "Male"), ["sex"])
    assert found[0].maximum == pytest.approx(1 / 6)


def test_the_standardised_difference_is_worked_out_by_hand() -> None:
    """Shares 0.5 and 0.3: 0.2 / sqrt((0.25 + 0.21) / 2)."""
    found = deviation("sex", {"F": 0.5, "M": 0.5}, {"F": 0.3, "M": 0.7})
    assert found.standardised == pytest.approx(0.2 / 0.23**0.5)


def test_chance_gives_a_random_cohort_its_place() -> None:
    """For two levels, 8 ln 2 n JSD^2 is about chi-square with one degree of freedom."""
    rng = np.random.default_rng(0)
    n = 2000
    median, high = chance({"F": 0.5, "M": 0.5}, n, rng, draws=4000)
    assert median == pytest.approx(sqrt(chi2.ppf(0.5, 1) / (8 * log(2) * n)), rel=0.06)
    assert high == pytest.approx(sqrt(chi2.ppf(0.95, 1) / (8 * log(2) * n)), rel=0.06)
    rows = representativeness(
        cases("Female", "Male"), Target({"sex": {"Female": 0.5, "Male": 0.5}}), ["sex"], seed=1
    )
    assert rows[0].chance_high is not None
    assert rows[0].chance_high > rows[0].jsd == 0.0


def test_batches_add_up() -> None:
    target = Target({"sex": {"Female": 0.5, "Male": 0.5}})
    rows = over_time([("one", cases("Female")), ("two", cases("Male"))], target, ["sex"])
    assert [(name, row[0].maximum) for name, row in rows] == [("one", 0.5), ("two", 0.0)]


@pytest.mark.realdata
def test_distances_equal_the_reference_table(shared_data: Path) -> None:
    """jsd_scipy.csv: last rows of MIDRC's and CDC's cumulative tables against the US Census."""
    with (shared_data / "reference" / "jsd_scipy.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    for row in rows:
        levels = row["categories"].split("|")
        found = last_row(shared_data, row["dataset"].split(" ")[0], row["attribute"], levels)
        wanted = last_row(shared_data, row["reference"].split(" ")[0], row["attribute"], levels)
        assert deviation("a", found, wanted).jsd == pytest.approx(
            float(row["jsd_base2"]), abs=1e-9
        ), row
    assert len(rows) >= 20


def last_row(
    shared_data: Path, dataset: str, attribute: str, levels: list[str]
) -> dict[str, float]:
    folder = shared_data / "demographics"
    named = [folder / f"{dataset}{middle}_{attribute}.csv" for middle in ("", "_cumulative")]
    path = next(path for path in named if path.is_file())
    with path.open() as stream:
        row = list(csv.DictReader(stream))[-1]
    plain = {k.replace("(CUSUM)", "").strip().lower(): v for k, v in row.items() if "(%)" not in k}
    return {level: float(plain[level.lower()] or 0) for level in levels}
