"""Simulated errors agree with published simulations, and levels keep what was declared."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import binom, multinomial

from metrics.arrays import clusters
from metrics.claims import areas, kernels, needed, tango
from metrics.claims.at_goal import Assumed, AtGoal, at_goal, events
from metrics.claims.bounds import bound
from metrics.claims.claim import CaseData, Part, reaches
from metrics.claims.error import ALLOWED, tightened
from metrics.claims.shares import effective_numbers
from metrics.claims.studies import Counts, Truth, paired_scores, scores

ALPHA = 0.025
RUNS = 20_000


@pytest.fixture(scope="module")
def tables(refvals: Path) -> Any:
    return json.loads((refvals / "claims" / "claims.json").read_text())


def counts(m: int, n: int, images: int = 1) -> Counts:
    labels = np.repeat([True, False], [m * images, n * images])
    patients = np.arange(m + n).repeat(images)
    return Counts.of(labels, patients)


def apart(found: float, published: float) -> float:
    """Distance in standard errors of two simulations of 20,000 runs."""
    return abs(found - published) / math.sqrt(2 * published * (1 - published) / RUNS)


def row(table: list[dict[str, Any]], **keys: Any) -> dict[str, Any]:
    (found,) = [each for each in table if all(each[k] == v for k, v in keys.items())]
    return found


@pytest.mark.parametrize(
    ("goal", "m", "n", "spread"), [(0.95, 20, 180, 0.6), (0.8, 20, 480, 1.0), (0.9, 50, 50, 0.6)]
)
def test_the_logit_bound_errs_as_published(
    tables: Any, goal: float, m: int, n: int, spread: float
) -> None:
    expected = row(
        tables["a_type1_of_the_bound"],
        **{"goal": goal, "positives": m, "negatives": n},
        sd_ratio_negatives_over_positives=spread,
    )
    generator = np.random.default_rng(5)
    drawn = scores(generator, RUNS, counts(m, n), goal, Truth(spread=spread))
    least = needed.of_area(*kernels.areas(drawn), m, goal)
    assert apart(float(np.mean(least <= ALPHA)), expected["type1_logit"]) < 4


def test_the_logit_bound_of_few_cases_errs_as_published(tables: Any) -> None:
    expected = row(
        tables["a_other_bounds"]["type1"],
        **{"goal": 0.75, "positives": 10, "negatives": 10},
        sd_ratio_negatives_over_positives=1.0,
    )
    drawn = scores(np.random.default_rng(11), RUNS, counts(10, 10), 0.75, Truth())
    least = needed.of_area(*kernels.areas(drawn), 10, 0.75)
    assert apart(float(np.mean(least <= ALPHA)), expected["logit"]) < 4


def test_all_of_four_groups_are_shown_as_often_as_published(tables: Any) -> None:
    expected = row(tables["h_all_subgroups"], auroc=0.85, goal=0.75, positives=50)
    cohort = counts(50, 75)
    generator = np.random.default_rng(12)
    shown = np.array(
        [
            needed.of_area(*kernels.areas(scores(generator, RUNS, cohort, 0.85, Truth())), 50, 0.75)
            <= ALPHA
            for _ in range(4)
        ]
    )
    assert apart(float(shown[0].mean()), expected["power_one"]) < 4
    assert apart(float(shown.all(axis=0).mean()), expected["power_all_of_4"]) < 4


def test_clustered_rates_err_as_published(tables: Any) -> None:
    expected = row(tables["g_sensitivity_clustered"], patients=60)
    k, images, icc, goal = 60, expected["images_per_patient"], expected["icc"], expected["goal"]
    generator = np.random.default_rng(13)
    both = (1 - icc) / icc
    chance = generator.beta(goal * both, (1 - goal) * both, (RUNS, k))
    sums = generator.binomial(images, chance).astype(np.float64)
    found = sums.sum(axis=1)
    effective, freedom = effective_numbers(sums, found, np.full(k, float(images)))
    least = needed.of_clustered_share(found / (k * images), effective, freedom, goal)
    error = float(np.mean(least <= ALPHA))
    assert apart(error, expected["type1_product_clustered_wilson"]) < 4


def test_clopper_pearson_errs_exactly_as_published(tables: Any) -> None:
    for each in tables["b_single_proportion"]:
        if each["rule"] == "clopper_pearson":
            part = Part(figure="sensitivity", goal=each["goal"])
            for n, error in (
                (each["n_always"], each["type1_at_always"]),
                (each["worst_type1_at_n"], each["worst_type1_n20_1000"]),
            ):
                (found,) = at_goal(part, counts(n, 1), 1, Assumed(), 1)
                assert found.error(ALPHA) == pytest.approx(error, abs=1e-6)


def test_paired_delong_errs_as_published(tables: Any) -> None:
    expected = row(tables["d_auroc_noninferiority"], auc_both=0.9, negatives_per_positive=4)
    m = expected["positives"]
    drawn = paired_scores(
        np.random.default_rng(6), RUNS, counts(m, 4 * m), (0.85, 0.9), Truth(correlation=0.5)
    )
    least = needed.of_area_difference(*kernels.area_differences(*drawn), m, -0.05)
    assert apart(float(np.mean(least <= ALPHA)), expected["type1_at_margin"]) < 4


def test_clustered_delong_errs_as_published(tables: Any) -> None:
    expected = row(tables["g_auroc_clustered"], patients_positive=30)
    cohort = counts(30, 120, expected["images_per_patient"])
    drawn = scores(np.random.default_rng(7), RUNS, cohort, 0.8, Truth(within=expected["icc"]))
    found = kernels.areas(drawn, (cohort.positive, cohort.negative))
    least = needed.of_area(*found, cohort.fewest, 0.8)
    assert apart(float(np.mean(least <= ALPHA)), expected["type1_product_over_patients"]) < 4


def test_tango_errs_exactly_as_published(tables: Any) -> None:
    for each in tables["d_tango_exact"]:
        margin, n = each["margin"], each["n_always"]
        part = Part(figure="sensitivity", goal=-margin, margin=margin, comparator="reader")
        found = at_goal(part, counts(n, 1), 1, Assumed(comparator=0.85), 1)
        # the chances of the table are among those that are tried
        errors = [one.error(ALPHA) for one in found]
        for kind in ("type1", "type1_sparse"):
            assert min(abs(error - each[kind]) for error in errors) < 2e-6


def test_a_sum_over_the_trinomial_is_that_of_scipy() -> None:
    part = Part(figure="sensitivity", goal=-0.1, margin=0.1, comparator="reader")
    n, level = 30, 0.05
    last = at_goal(part, counts(n, 1), 1, Assumed(comparator=0.7), 1)[-1]
    b, c = (each.ravel() for each in np.meshgrid(np.arange(n + 1), np.arange(n + 1)))
    b, c = (each[b + c <= n] for each in (b, c))
    shown = [
        tango.lower_bound(float(x), float(y), n, areas.quantile(level)) >= -0.1
        for x, y in zip(b, c, strict=True)
    ]
    chances = multinomial.pmf(np.stack([b, c, n - b - c], axis=1), n, [0.2, 0.3, 0.5])
    assert last.error(level) == pytest.approx(float(chances[shown].sum()), abs=1e-8)


@pytest.mark.parametrize("figure", ["sensitivity", "specificity"])
@pytest.mark.parametrize("upper", [False, True])
def test_an_exact_bound_keeps_its_level_and_never_errs_more(figure: str, upper: bool) -> None:
    part = Part(figure=figure, goal=0.8, upper=upper)
    cohort = counts(113, 113)
    for level, found in tightened(part, cohort, (0.025, 1e-5)).items():
        assert found.used == found.nominal == level
        chance = binom.sf(np.arange(-1, 113), 113, 0.2 if upper else 0.8)
        assert found.error == pytest.approx(max(chance[chance <= level]))
        assert found.standard_error == 0.0


PARTS = [
    (Part(figure="auroc", goal=0.8), 1),
    (Part(figure="auroc", goal=0.8), 3),
    (Part(figure="auroc", goal=0.7, upper=True), 1),
    (Part(figure="auroc", goal=-0.05, margin=0.05, comparator="x"), 1),
    (Part(figure="sensitivity", goal=0.8), 1),
    (Part(figure="sensitivity", goal=0.8), 3),
    (Part(figure="specificity", goal=0.8, upper=True), 3),
    (Part(figure="sensitivity", goal=-0.05, margin=0.05, comparator="x"), 1),
    (Part(figure="sensitivity", goal=0.0, comparator="x"), 3),
]


@pytest.mark.parametrize(("part", "images"), PARTS)
def test_the_least_level_is_where_the_printed_bound_reaches_the_goal(
    part: Part, images: int
) -> None:
    """The simulation and the bound that is released decide alike."""
    generator = np.random.default_rng(8)
    rate = part.figure != "auroc"
    for _ in range(12):
        m, n = 20, 25
        labels = np.repeat([True, False], [m * images, n * images])
        patients = np.arange(m + n).repeat(images)
        own = generator.normal(size=(3, m + n)).repeat(images, axis=1)
        noise = own + generator.normal(size=own.shape)
        first = noise[0] + noise[1] + labels * 2.0 - (1.0 if rate else 0.0)
        second = noise[0] + noise[2] + labels * 2.0 - (1.0 if rate else 0.0)
        if rate:
            first, second = (x + 1.0 * (2 * labels - 1) for x in (first, second))
        other = (second >= 0.0) if rate else second
        data = CaseData(
            labels=labels,
            scores=first,
            patients=patients,
            comparator=None if part.comparator is None else other,
            threshold=0.0,
        )
        least = least_level(part, data)
        for factor, expected in ((0.999, False), (1.001, True)):
            if least * factor < 0.5:
                assert reaches(part, bound(part, data, least * factor)) is expected


def least_level(part: Part, data: CaseData) -> float:
    """The least level by the arrays of ``needed``, for one study."""
    y = data.labels
    assert data.patients is not None
    patient, k = clusters(np.asarray(data.patients), y.size)
    repeats = k < y.size
    if part.figure == "auroc":
        mine = data.scores[y][None], data.scores[~y][None]
        fewest = min(np.unique(patient[y]).size, np.unique(patient[~y]).size)
        who = (patient[y], patient[~y]) if repeats else None
        if data.comparator is not None:
            theirs = data.comparator[y][None], data.comparator[~y][None]
            found = kernels.area_differences(mine, theirs, who)
            return float(needed.of_area_difference(*found, fewest, part.goal)[0])
        value, variance = kernels.areas(mine, who)
        if part.upper:
            return float(needed.of_area(1 - value, variance, fewest, 1 - part.goal)[0])
        return float(needed.of_area(value, variance, fewest, part.goal)[0])
    kept = y if part.figure == "sensitivity" else ~y
    right = ((data.scores >= 0.0) == y)[kept] * 1.0
    goal = part.goal
    if part.upper:
        right, goal = 1.0 - right, 1.0 - goal
    own = np.unique(patient[kept])
    size = np.bincount(patient[kept])[own].astype(np.float64)
    if data.comparator is not None:
        right = right - ((data.comparator == y)[kept] * 1.0)
    sums = np.bincount(patient[kept], right)[own].astype(np.float64)[None]
    effective, freedom = effective_numbers(sums, np.array([right @ right]), size)
    n = right.size
    if data.comparator is not None:
        share = effective / n if repeats else np.ones(1)
        b, c = (share * np.sum(right == sign) for sign in (1, -1))
        return float(needed.of_pairs(b, c, share * n, goal, freedom if repeats else math.inf)[0])
    if repeats:
        return float(needed.of_clustered_share([right.mean()], effective, freedom, goal)[0])
    return float(needed.of_count([right.sum()], n, goal)[0])


def test_many_studies_have_the_areas_of_each_with_ties_and_patients() -> None:
    generator = np.random.default_rng(9)
    m, n, studies = 40, 70, 4
    first, second = (
        tuple(np.round(generator.normal(k, 1, (studies, size)), 1) for k, size in ((1, m), (0, n)))
        for _ in range(2)
    )
    number, k = clusters(np.concatenate([generator.integers(0, 30, m), np.arange(20, 90)]), m + n)
    y = np.repeat([True, False], [m, n])
    for patient, many, who in (
        (np.arange(m + n), m + n, None),
        (number, k, (number[:m], number[m:])),
    ):
        one = kernels.areas((first[0], first[1]), who)
        two = kernels.area_differences((first[0], first[1]), (second[0], second[1]), who)
        for i in range(studies):
            s, other = (np.concatenate([each[0][i], each[1][i]]) for each in (first, second))
            a = areas.area(y, s, patient, many)
            d = areas.area_difference(y, s, other, patient, many)
            assert (one[0][i], one[1][i]) == pytest.approx((a.value, a.variance), rel=1e-12)
            assert (two[0][i], two[1][i]) == pytest.approx((d.value, d.variance), rel=1e-12)


def test_a_level_is_tightened_to_what_was_declared_and_rounded_down() -> None:
    part = Part(figure="auroc", goal=0.8)
    cohort = counts(25, 190)
    found = tightened(part, cohort, (0.025, 0.01), affordable=1, seed=3)
    assert found == tightened(part, cohort, (0.025, 0.01), affordable=1, seed=3)
    for nominal, each in found.items():
        assert each.used < nominal
        assert each.used == float(f"{each.used:.3g}")
        assert each.error + 2 * each.standard_error <= ALLOWED * nominal
        assert each.error > 0.9 * nominal
    assert found[0.01].used < found[0.025].used


def test_the_tightened_level_holds_on_fresh_studies_and_the_nominal_one_does_not() -> None:
    cohort = counts(20, 150)
    used = tightened(Part(figure="auroc", goal=0.8), cohort, (ALPHA,))[ALPHA].used
    drawn = scores(np.random.default_rng(10), RUNS, cohort, 0.8, Truth(spread=1.0))
    least = needed.of_area(*kernels.areas(drawn), 20, 0.8)
    slack = 3 * math.sqrt(ALPHA / RUNS)
    assert np.mean(least <= used) < ALLOWED * ALPHA + slack
    assert np.mean(least <= ALPHA) > ALLOWED * ALPHA + slack


def test_an_auroc_keeps_its_level_where_images_of_a_patient_are_much_alike() -> None:
    """A few patients have most of the images: half of the variance in common is not the worst."""
    images = np.where(np.arange(48) % 12 == 0, 12, 1)
    cohort = Counts.of((np.arange(48) < 24).repeat(images), np.arange(48).repeat(images))
    level = 0.05
    found = tightened(Part(figure="auroc", goal=0.7), cohort, (level,), affordable=1)[level]
    drawn = scores(np.random.default_rng(14), RUNS, cohort, 0.7, Truth(within=0.8))
    least = needed.of_area(
        *kernels.areas(drawn, (cohort.positive, cohort.negative)), cohort.fewest, 0.7
    )
    slack = 3 * math.sqrt(level / RUNS)
    assert np.mean(least <= found.used) < ALLOWED * level + slack
    assert found.error + 2 * found.standard_error <= ALLOWED * level


def test_levels_stop_below_the_first_that_errs_too_much() -> None:
    simulated = AtGoal(np.array([0.001, 0.002, 0.02]), np.array([0.01, 0.02, 0.04]), 10_000)
    # 0.02 + 2 sqrt(0.02 0.98 / 10000) = 0.0228
    assert simulated.largest(0.025, 0.023) == pytest.approx(0.02)
    assert simulated.largest(0.025, 0.023) < 0.02
    assert simulated.largest(0.025, 0.0227) < 0.002
    assert simulated.largest(0.015, 0.023) == 0.015
    assert simulated.error(0.002) == 0.02
    assert simulated.error(0.0005) == 0.0
    # x + 2 sqrt x = 224, x by hand
    assert events(10_000, 0.0224) == pytest.approx((math.sqrt(225) - 1) ** 2)


@pytest.mark.parametrize(
    ("part", "cohort", "levels", "said"),
    [
        (Part(figure="auroc", goal=0.95), counts(20, 180), (0.025,), "would err with 0.12"),
        (Part(figure="auroc", goal=0.8), counts(30, 30), (1e-6,), "too small to be checked"),
        # 0.05^(1/30) = 0.905, by hand: such a study could not succeed
        (Part(figure="auroc", goal=0.91), counts(30, 30), (0.05,), "separate the classes"),
        (Part(figure="auroc", goal=0.8), counts(1, 30), (0.025,), "two patients of each class"),
        (Part(figure="sensitivity", goal=0.8), counts(0, 30), (0.025,), "the group has none"),
        (Part(figure="sensitivity", goal=0.8), counts(1, 9, 5), (0.025,), "the group has one"),
        (
            Part(figure="auroc", goal=0.0, comparator="x"),
            counts(30, 30),
            (0.025,),
            "comparator 'x' is not given",
        ),
    ],
)
def test_what_no_level_can_keep_is_refused(
    part: Part, cohort: Counts, levels: tuple[float, ...], said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        tightened(part, cohort, levels)


def test_a_margin_that_the_comparator_leaves_no_room_for_is_refused() -> None:
    part = Part(figure="auroc", goal=-0.6, margin=0.6, comparator="x")
    with pytest.raises(ValueError, match=r"would have -0\.1"):
        tightened(part, counts(30, 30), (0.025,), assumed=Assumed(comparator=0.5))
