"""Weights to a target population, against R's survey package and tables worked by hand.

Tables, weights and variances are those of refvals/standardised: R survey 4.1-1 (`rake` with
epsilon 1e-14, `as.svrepdesign(type = "JK1", mse = TRUE)`), and Newton's method on the dual.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pytest
from numpy.typing import NDArray

from metrics.arrays import kish_effective_n
from metrics.estimate import UndefinedMetric
from metrics.target_population.raking import jackknife_variance, rake

SEX_SITE = {"FX": 4, "FY": 6, "MX": 8, "MY": 2}
SEX_RACE = {"FW": 5, "FB": 3, "FA": 2, "MW": 9, "MB": 4, "MA": 1}
THREE = {"FWy": 3, "FWo": 4, "FBy": 2, "FBo": 2, "MWy": 5, "MWo": 6, "MBy": 4, "MBo": 4}
HALVES = {"F": 0.5, "M": 0.5}
OF_20 = "10011100100010010010"
OF_24 = "101001100100100010010011"
OF_30 = "101011010110010010010100110101"


@dataclass(frozen=True)
class Table:
    """Cells with their counts, outcomes in the order of the cells, and what R makes of them."""

    cells: dict[str, int]
    targets: tuple[dict[str, float], ...]
    outcome: str
    weights: tuple[float, ...]
    mean: float
    effective_n: float
    jackknife: float
    fitted: int

    def levels(self) -> dict[str, list[str]]:
        rows = [cell for cell, n in self.cells.items() for _ in range(n)]
        return {f"a{k}": [row[k] for row in rows] for k in range(len(self.targets))}

    def shares(self) -> dict[str, dict[str, float]]:
        return {f"a{k}": target for k, target in enumerate(self.targets)}

    def y(self) -> NDArray[np.float64]:
        return np.array([float(c) for c in self.outcome])

    def of_cases(self) -> NDArray[np.float64]:
        return np.repeat(self.weights, list(self.cells.values()))


TABLES = {
    "two by two": Table(
        SEX_SITE, ({"F": 0.3, "M": 0.7}, {"X": 0.4, "Y": 0.6}), OF_20,
        (0.2205441169852741, 0.8529705886764839, 0.8897279415073627, 3.441088233970548),
        0.4110272058492637, 11.569047855652466, 0.057898817865911376, 3,
    ),
    "two by three": Table(
        SEX_RACE, (HALVES, {"W": 0.5, "B": 0.3, "A": 0.2}), OF_24,
        (1.0009704577537333, 1.179179550088726, 1.7288045304825777,
         0.7772386345812595, 0.9156153374334552, 1.3423909390348459),
        0.4507168095513237, 22.368105936208515, 0.018022679294192087, 4,
    ),
    "share of zero": Table(
        SEX_RACE, (HALVES, {"W": 0.6, "B": 0.4, "A": 0.0}), OF_24,
        (1.35375113414872, 1.7437481097521335, 0.0, 0.8479160365840449, 1.0921889176859, 0.0),
        0.4198003498475664, 19.50734204259783, 0.016336765172396066, 3,
    ),
    "identical attributes": Table(
        {"FF": 10, "MM": 14}, (HALVES, HALVES), OF_24, (1.2, 6 / 7),
        3 / 7, 70 / 3, 0.0119512886606904, 2,
    ),
    "three attributes": Table(
        THREE, ({"F": 0.55, "M": 0.45}, {"W": 0.5, "B": 0.5}, {"y": 0.3, "o": 0.7}), OF_30,
        (0.773199334387561, 1.6024279763022546, 1.2645696527277204, 2.620775393086428,
         0.3596654572067176, 0.7453938009324512, 0.588233851337072, 1.219093625755854),
        0.5822625624823379, 22.327456492131514, 0.011306107801483788, 4,
    ),
    "post-strata": Table(
        SEX_SITE, ({"F": 0.25, "M": 0.75},), OF_20, (0.5, 0.5, 1.5, 1.5),
        0.35, 16.0, 0.015686728395061737, 2,
    ),
}  # fmt: skip


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_weights_effective_n_and_jackknife_are_those_of_r(table: Table) -> None:
    found = rake(table.levels(), table.shares())
    assert found.weights == pytest.approx(table.of_cases(), abs=1e-10)
    assert found.weights.sum() == pytest.approx(found.n_patients)
    assert np.average(table.y(), weights=found.weights) == pytest.approx(table.mean, abs=1e-11)
    assert found.effective_n == pytest.approx(table.effective_n, rel=1e-10)
    assert found.n_fitted == table.fitted
    assert found.share_not_represented == 0.0
    variance = jackknife_variance(table.y(), table.levels(), table.shares())
    assert variance == pytest.approx(table.jackknife, rel=1e-9)


def test_the_kept_odds_ratio_gives_the_cell_by_hand() -> None:
    """6 p (6 + p) = (6 - p)(8 - p): the cell F,X of the two by two table has 0.882 patients."""
    table = TABLES["two by two"]
    found = rake(table.levels(), table.shares())
    assert found.weights[:4].sum() == pytest.approx((-50 + math.sqrt(3460)) / 10, abs=1e-10)


def test_margins_that_no_weights_have_are_refused_by_the_level() -> None:
    """F is only at Y, so that F can have no more than the share of Y, 0.5."""
    levels = {"sex": list("FFMMMM"), "site": list("YYXXYY")}
    with pytest.raises(UndefinedMetric, match=r"sex F comes to a share of 0\.5 where 0\.7 is ask"):
        rake(levels, {"sex": {"F": 0.7, "M": 0.3}, "site": {"X": 0.5, "Y": 0.5}})
    # 0.5 of each would take all weight from the men at Y: the limit of raking, and no weights.
    with pytest.raises(UndefinedMetric, match=r"sex F comes to a share of 0\.4999"):
        rake(levels, {"sex": HALVES, "site": {"X": 0.5, "Y": 0.5}})


def test_a_level_that_nobody_has_is_told_as_a_share_that_is_not_represented() -> None:
    """60/20/15/5 without the last: 60/95, 20/95 and 15/95 of 12 patients, 6, 4 and 2 of them."""
    race = ["White"] * 6 + ["Black"] * 4 + ["Asian"] * 2
    sexes = ["F", "M"] * 6
    target = {"White": 0.60, "Black": 0.20, "Asian": 0.15, "Native": 0.05}
    found = rake({"race": race, "sex": sexes}, {"race": target, "sex": HALVES})
    assert found.not_represented == pytest.approx({"race": 0.05, "sex": 0.0})
    assert found.share_not_represented == pytest.approx(0.05)
    by_hand = [60 / 95 * 12 / 6, 20 / 95 * 12 / 4, 15 / 95 * 12 / 2]
    assert found.weights[[0, 6, 10]] == pytest.approx(by_hand)
    with pytest.raises(UndefinedMetric, match="nobody in the cohort has a level of race"):
        rake({"race": race}, {"race": {"Native": 1.0}})


def test_a_level_that_the_target_does_not_name_has_weight_zero() -> None:
    found = rake({"sex": ["F", "F", "M", "Not Reported"]}, {"sex": HALVES})
    assert found.weights == pytest.approx([1.0, 1.0, 2.0, 0.0])


def test_a_joint_attribute_is_put_together_of_its_parts() -> None:
    """1, 2, 3 and 4 patients of shares 0.1, 0.2, 0.3 and 0.4 in another order, by hand."""
    sexes, races = list("FFFMMMMMMM"), list("WBBWWWBBBB")
    target = {"F x W": 0.4, "F x B": 0.3, "M x W": 0.2, "M x B": 0.1}
    found = rake({"sex": sexes, "race": races}, {"sex x race": target})
    assert found.weights == pytest.approx([4.0, 1.5, 1.5, *[2 / 3] * 3, *[0.25] * 4])
    assert found.n_fitted == 4


def test_base_weights_are_where_raking_starts_from() -> None:
    """Inside a level the weights keep the proportion 3 to 1 of the base."""
    found = rake({"sex": list("FFMM")}, {"sex": HALVES}, base=[3.0, 1.0, 2.0, 2.0])
    assert found.weights == pytest.approx([1.5, 0.5, 1.0, 1.0])


def test_a_patient_with_many_images_has_one_weight_and_counts_once() -> None:
    """3 women of 1, 2 and 3 images, one man of 4: halves give each woman 2/3 and the man 2."""
    patient = np.repeat(["a", "b", "c", "d"], [1, 2, 3, 4])
    sexes = np.repeat(["F", "F", "F", "M"], [1, 2, 3, 4])
    found = rake({"sex": sexes}, {"sex": HALVES}, patient)
    assert found.weights == pytest.approx([2 / 3] * 6 + [2.0] * 4)
    assert found.n_patients == 4
    assert found.effective_n == pytest.approx(16 / (3 * 4 / 9 + 4))
    torn = sexes.copy()
    torn[-1] = "F"
    with pytest.raises(UndefinedMetric, match="cases of a patient differ in sex"):
        rake({"sex": torn}, {"sex": HALVES}, patient)


def test_the_jackknife_leaves_whole_patients_out() -> None:
    """Every patient left out in turn, raked by itself: the definition, of uneven images."""
    rng = np.random.default_rng(5)
    patient = np.repeat(np.arange(40), rng.integers(1, 6, 40))
    levels = {
        "sex": rng.choice(["F", "M"], 40)[patient],
        "race": rng.choice(list("WBA"), 40)[patient],
    }
    target = {"sex": {"F": 0.3, "M": 0.7}, "race": {"W": 0.5, "B": 0.3, "A": 0.2}}
    base = rng.choice([1.0, 2.0], 40)[patient]
    y = rng.random(len(patient))
    means = []
    for out in [-1, *range(40)]:
        kept = patient != out
        few = {name: column[kept] for name, column in levels.items()}
        weights = rake(few, target, patient[kept], base[kept]).weights
        means.append(np.average(y[kept], weights=weights))
    expected = 39 / 40 * sum((mean - means[0]) ** 2 for mean in means[1:])
    found = jackknife_variance(y, levels, target, patient, base)
    assert found == pytest.approx(expected, rel=1e-8)


def test_a_level_of_a_single_patient_has_no_jackknife() -> None:
    with pytest.raises(UndefinedMetric, match="sex M has a single patient"):
        jackknife_variance([1.0, 0.0, 1.0], {"sex": list("FFM")}, {"sex": HALVES})


def test_few_effective_patients_are_insufficient_data() -> None:
    """1 of 100 patients with half of the weight: (50 + 50)^2 / (50^2 + 50^2/99) = 3.96."""
    levels = {"sex": ["F"] + ["M"] * 99}
    found = rake(levels, {"sex": HALVES})
    assert found.effective_n == pytest.approx(3.96)
    with pytest.raises(UndefinedMetric, match=r"insufficient data.* 4\.0 of 100 patients; 50 are"):
        found.require()
    rake(levels, {"sex": {"F": 0.01, "M": 0.99}}).require()


def test_kish_by_hand() -> None:
    assert kish_effective_n(np.array([1.0, 1.0, 2.0])) == pytest.approx(16 / 6)


@pytest.mark.parametrize(
    ("levels", "targets", "base", "said"),
    [
        ({"sex": ["F", "M"]}, {"sex": {"F": 0.5, "M": 0.4}}, None, "shares of sex sum to 0.9"),
        ({"sex": ["F", "M"]}, {"race": {"W": 1.0}}, None, "names 'race', which the cases do not"),
        ({"sex": ["F", "M"]}, {"sex": HALVES}, [1.0, -1.0], "base weights must be 0 or more"),
        ({"sex": ["F", "M"]}, {}, None, "at least one attribute with target shares"),
    ],
)
def test_what_cannot_be_raked_is_one_sentence(
    levels: dict[str, list[str]],
    targets: dict[str, dict[str, float]],
    base: list[float] | None,
    said: str,
) -> None:
    with pytest.raises(UndefinedMetric, match=said):
        rake(levels, targets, base=base)
