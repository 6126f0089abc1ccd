from __future__ import annotations

import json
from dataclasses import FrozenInstanceError, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from evaluator.disclosure.control import WITHHELD, Release
from evaluator.disclosure.rounding import INSUFFICIENT, decimals
from evaluator.disclosure.rule import Disclosure, DisclosureError, read_disclosure
from evaluator.scoring.results import OVERALL, Curve, CurvePoint, Evaluation, Result
from tests.support.hand_made import Counts, estimate, evaluation, released

EXACT = Disclosure(count_step=1)


def hidden(found: Release, attribute: str) -> dict[str, str]:
    return {held.level: held.reason for held in found.withheld if held.attribute == attribute}


def of(tables: dict[str, dict[str, Counts]], overall: Counts, rule: Disclosure = EXACT) -> Release:
    made = evaluation(tables, overall=overall, values={"brier": 0.2}, least=1, curves=False)
    return released(scored=made, rule=rule)


# -- small cells and what would give them back -----------------------------------------------------


def test_levels_that_reach_the_minimum_are_all_shown() -> None:
    found = of({"site": {"A": (20, 10), "B": (30, 15)}}, (50, 25))
    assert found.withheld == ()
    assert found.find("brier", "site", "A") is not None


def test_one_small_level_takes_the_next_smallest_with_it() -> None:
    found = of({"site": {"A": (100, 50), "B": (40, 20), "C": (30, 15), "D": (9, 4)}}, (179, 89))
    assert hidden(found, "site") == {"C": WITHHELD, "D": WITHHELD}


def test_both_levels_of_a_binary_attribute_go_when_one_is_small() -> None:
    found = of({"sex": {"Female": (291, 146), "Male": (9, 4)}}, (300, 150))
    assert hidden(found, "sex") == {"Female": WITHHELD, "Male": WITHHELD}


def test_two_small_levels_that_stay_under_the_minimum_together_take_a_third() -> None:
    levels = {"A": (100, 50), "B": (60, 30), "C": (3, 1), "D": (4, 2)}
    found = of({"site": levels}, (167, 83))
    assert hidden(found, "site") == {"B": WITHHELD, "C": WITHHELD, "D": WITHHELD}


def test_two_small_levels_that_reach_the_minimum_together_are_enough() -> None:
    levels = {"A": (100, 50), "B": (60, 30), "C": (9, 5), "D": (11, 5)}
    assert set(hidden(of({"site": levels}, (180, 90)), "site")) == {"C", "D"}


def test_cases_that_no_level_holds_count_as_a_withheld_level() -> None:
    found = of({"site": {"A": (100, 50), "B": (60, 30)}}, (163, 82))
    assert set(hidden(found, "site")) == {"B"}


def test_few_positives_leave_the_number_of_cases_and_nothing_else() -> None:
    levels = {"A": (100, 50), "B": (60, 30), "C": (50, 8), "D": (40, 20)}
    found = of({"site": levels}, (250, 108))
    assert hidden(found, "site") == {"C": INSUFFICIENT, "D": INSUFFICIENT}
    assert [held.n_cases for held in found.withheld] == [50, 40]
    assert found.find("brier", "site", "C") is None


def test_few_negatives_are_treated_as_few_positives() -> None:
    levels = {"A": (100, 50), "B": (60, 30), "C": (50, 42), "D": (40, 20)}
    assert set(hidden(of({"site": levels}, (250, 142)), "site")) == {"C", "D"}


def test_small_patient_counts_withhold_a_level_with_many_cases() -> None:
    made = evaluation({"site": {"A": (100, 50), "B": (60, 30), "C": (50, 25)}}, overall=(210, 105))
    few = tuple(
        replace(result, estimate=replace(result.estimate, n_patients=2))
        if result.level == "C"
        else result
        for result in made.results
    )
    found = released(scored=replace(made, results=few), rule=EXACT)
    assert set(hidden(found, "site")) == {"B", "C"}


def test_an_intersection_cell_takes_a_rectangle_with_it() -> None:
    # The 4 in (x, F) follows from its row, its column, and from the opposite corner.
    tables = {
        "race": {"x": (44, 22), "y": (90, 45), "z": (120, 60)},
        "sex": {"F": (124, 62), "M": (130, 65)},
        "race x sex": {
            "x x F": (4, 2), "x x M": (40, 20),
            "y x F": (40, 20), "y x M": (50, 25),
            "z x F": (80, 40), "z x M": (40, 20),
        },
    }  # fmt: skip
    found = of(tables, (254, 127))
    assert hidden(found, "race") == {}
    assert hidden(found, "sex") == {}
    assert set(hidden(found, "race x sex")) == {"x x F", "x x M", "y x F", "y x M"}


def test_a_bridge_between_two_withheld_rectangles_is_found() -> None:
    # Rows 1-2 with columns 1-2, and rows 3-4 with columns 3-4, protect themselves. The cell that
    # joins them is the sum of its rows less the sum of their other columns: derivable at once.
    small = {(1, 1), (1, 2), (2, 1), (2, 2), (3, 3), (3, 4), (4, 3), (4, 4), (2, 3)}
    cells = {
        (row, column): (18, 9) if (row, column) in small else (60, 30)
        for row in range(1, 5)
        for column in range(1, 5)
    }
    tables = {
        "r": {f"r{i}": _summed(cells, 0, i) for i in range(1, 5)},
        "c": {f"c{i}": _summed(cells, 1, i) for i in range(1, 5)},
        "r x c": {f"r{row} x c{column}": n for (row, column), n in cells.items()},
    }
    found = hidden(of(tables, _summed(cells, 0, None)), "r x c")
    assert {f"r{row} x c{column}" for row, column in small} < set(found)


def _summed(cells: dict[tuple[int, int], Counts], axis: int, level: int | None) -> Counts:
    chosen = [n for place, n in cells.items() if level is None or place[axis] == level]
    return sum(n for n, _ in chosen), sum(p for _, p in chosen)


def test_parts_of_a_withheld_level_are_withheld() -> None:
    tables = {
        "race": {"x": (6, 3), "y": (90, 45), "z": (120, 60), "w": (60, 30)},
        "race x sex": {
            "x x F": (3, 1), "x x M": (3, 2), "y x F": (40, 20), "y x M": (50, 25),
            "z x F": (60, 30), "z x M": (60, 30), "w x F": (30, 15), "w x M": (30, 15),
        },
    }  # fmt: skip
    found = of(tables, (276, 138))
    assert set(hidden(found, "race")) == {"x", "w"}
    assert {"x x F", "x x M", "w x F", "w x M"} <= set(hidden(found, "race x sex"))


def test_an_intersection_whose_levels_cannot_be_told_apart_is_withheld_whole() -> None:
    found = of({"maker x view": {"A x B x C": (40, 20), "A x D": (60, 30)}}, (100, 50))
    assert set(hidden(found, "maker x view")) == {"A x B x C", "A x D"}


def test_a_level_that_holds_the_joining_word_is_read_by_the_levels_it_is_made_of() -> None:
    tables = {
        "maker": {"A x B": (40, 20), "A": (60, 30)},
        "maker x view": {"A x B x C": (40, 20), "A x D": (60, 30)},
        "view": {"C": (40, 20), "D": (60, 30)},
    }
    assert of(tables, (100, 50)).withheld == ()


def test_a_cohort_too_small_for_any_figure_releases_none() -> None:
    found = of({"sex": {"F": (60, 3), "M": (60, 4)}}, (120, 7))
    assert found.results == ()
    assert found.curves == ()
    assert found.n_positive is None
    assert hidden(found, "overall") == {"all": INSUFFICIENT}


# -- the law ---------------------------------------------------------------------------------------


def _bounds(shown: list[tuple[np.ndarray, int]], wanted: np.ndarray) -> tuple[float, float]:
    """Least and largest count that a reader must think possible, given the shown counts."""
    matrix = np.array([mask.ravel() for mask, _ in shown], dtype=float)
    right = np.array([count for _, count in shown], dtype=float)
    low = linprog(wanted.ravel(), A_eq=matrix, b_eq=right)
    high = linprog(-wanted.ravel(), A_eq=matrix, b_eq=right)
    assert low.success
    assert high.success
    return float(low.fun), -float(high.fun)


@st.composite
def joint_tables(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    shape = draw(st.sampled_from([(2, 3), (3, 3), (4, 2), (2, 2, 3), (5, 1)]))
    size = int(np.prod(shape))
    small_or_not = st.one_of(st.integers(0, 6), st.integers(7, 60))
    n = np.array(draw(st.lists(small_or_not, min_size=size, max_size=size)))
    share = np.array(draw(st.lists(st.floats(0, 1), min_size=size, max_size=size)))
    return n.reshape(shape), np.round(n * share).astype(int).reshape(shape)


@settings(max_examples=40, deadline=None)
@given(joint_tables())
def test_no_withheld_level_follows_from_what_is_shown(
    tables: tuple[np.ndarray, np.ndarray],
) -> None:
    n, positive = tables
    assume(n.sum() > 0)
    names = "abc"[: n.ndim]
    declared: list[tuple[int, ...]] = [(axis,) for axis in range(n.ndim)]
    declared += [(0, 1)] if n.ndim == 2 else [(0, 1), (1, 2)]
    masks: dict[tuple[str, str], np.ndarray] = {}
    groups: dict[str, dict[str, Counts]] = {}
    for axes in declared:
        for place in np.ndindex(*(n.shape[axis] for axis in axes)):
            mask = np.zeros(n.shape, dtype=bool)
            at: list[slice | int] = [slice(None)] * n.ndim
            for axis, index in zip(axes, place, strict=True):
                at[axis] = index
            mask[tuple(at)] = True
            if n[mask].sum():
                attribute = " x ".join(names[axis] for axis in axes)
                level = " x ".join(f"{names[a]}{i}" for a, i in zip(axes, place, strict=True))
                masks[attribute, level] = mask
                groups.setdefault(attribute, {})[level] = (
                    int(n[mask].sum()),
                    int(positive[mask].sum()),
                )
    total = (int(n.sum()), int(positive.sum()))
    found = of(groups, total)
    if not found.results:
        return
    everyone = np.ones(n.shape, dtype=bool)
    cases = [(everyone, total[0])]
    positives = [(everyone, total[1])]
    for result in found.results:
        if result.metric == "brier" and result.attribute != "overall":
            mask = masks[result.attribute, result.level]
            cases.append((mask, result.estimate.n_cases))
            positives.append((mask, result.estimate.n_positive))
    for held in found.withheld:
        mask = masks[held.attribute, held.level]
        if held.n_cases is not None:
            cases.append((mask, held.n_cases))
    for held in found.withheld:
        mask = masks[held.attribute, held.level]
        if n[mask].sum() == total[0]:
            continue  # everyone is in it: it is the overall row by another name
        if held.reason == WITHHELD:
            low, high = _bounds(cases, mask.astype(float))
            assert high - low >= 1 - 1e-6, (held, low, high)
        # Positives and negatives of a group of n cases: neither may be known.
        low, high = _bounds(positives, mask.astype(float))
        assert high - low >= 1 - 1e-6, (held, low, high)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 60), st.floats(0, 1)), min_size=1, max_size=8))
def test_overall_minus_the_shown_levels_is_nothing_or_at_least_the_minimum(
    levels: list[tuple[int, float]],
) -> None:
    counts = {f"level {i}": (n, round(n * share)) for i, (n, share) in enumerate(levels)}
    total = (sum(n for n, _ in counts.values()), sum(p for _, p in counts.values()))
    found = of({"site": counts}, total)
    shown = [r.estimate for r in found.results if r.attribute == "site" and r.metric == "brier"]
    if not found.results:
        return
    rest = (
        total[0] - sum(e.n_cases for e in shown),
        total[1] - sum(e.n_positive for e in shown),
    )
    assert rest == (0, 0) or min(rest[1], rest[0] - rest[1]) >= 10
    assert all(min(e.n_positive, e.n_cases - e.n_positive) >= 10 for e in shown)


# -- comparisons -----------------------------------------------------------------------------------


def compared(levels: dict[str, Counts], least: int) -> Release:
    total = (sum(n for n, _ in levels.values()), sum(p for _, p in levels.values()))
    made = evaluation({"site": levels}, overall=total, values={"auroc": 0.8}, least=least)
    pairs = tuple(
        Result.named("auroc_gap", "site", f"{level} - A", estimate(0.02, *total))
        for level in levels
    )
    return released(scored=replace(made, results=made.results + pairs), rule=EXACT)


def test_a_range_that_a_withheld_level_took_part_in_is_withheld() -> None:
    found = compared({"A": (90, 45), "B": (60, 30), "C": (50, 25), "D": (8, 4)}, least=1)
    assert set(hidden(found, "site")) == {"C", "D"}
    assert found.find("auroc_gap", "site", "max - min") is None
    assert found.find("auroc_gap", "site", "C - A") is None
    assert found.find("auroc_gap", "site", "B - A") is not None


def test_a_range_over_shown_levels_stays() -> None:
    found = compared({"A": (90, 45), "B": (60, 30), "C": (9, 5), "D": (11, 5)}, least=20)
    assert set(hidden(found, "site")) == {"C", "D"}
    assert found.find("auroc_gap", "site", "max - min") is not None


def test_any_figure_that_everyone_has_not_is_a_comparison() -> None:
    levels = {"A": (90, 45), "B": (60, 30), "C": (50, 25), "D": (8, 4)}
    made = evaluation({"site": levels}, overall=(208, 104), values={"auroc": 0.8}, least=1)
    figures = (
        ("demographic_parity_ratio", "min / max"),
        ("average_absolute_odds_difference", "B - A"),
        ("average_absolute_odds_difference", "D - A"),
        ("bnsp_auroc", "B"),
        ("bnsp_auroc", "D"),
        ("auroc_gap_p_holm", "max - min"),
    )
    added = tuple(Result.named(m, "site", level, estimate(0.1, 208, 104)) for m, level in figures)
    found = released(scored=replace(made, results=made.results + added), rule=EXACT)
    # None of these levels is taken for a group, so that the counts of A to D still add up.
    assert set(hidden(found, "site")) == {"C", "D"}
    shown = {(r.metric, r.level) for r in found.results if r.attribute == "site"}
    assert shown & set(figures) == {("average_absolute_odds_difference", "B - A")}


# -- rounding --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("standard_error", "expected"),
    [(0.2, 2), (0.1, 2), (0.05, 3), (0.02, 3), (0.01, 3), (0.009, 4), (0.0004, 4), (25.0, 0)],
)
def test_digits_follow_a_tenth_of_the_standard_error(standard_error: float, expected: int) -> None:
    half = 1.959964 * standard_error
    assert decimals(0.5 - half, 0.5 + half, 100, confidence=0.95, most=4) == expected


def test_without_an_interval_the_digits_are_those_of_a_proportion() -> None:
    # 0.5 / sqrt(2500) is 0.01.
    assert decimals(None, None, 2500, confidence=0.95, most=4) == 3
    assert decimals(0.5, 0.5, 2500, confidence=0.95, most=4) == 3


def test_bounds_are_rounded_outward_and_values_to_nearest() -> None:
    made = estimate(0.85139, 300, 150)
    made = replace(made, low=0.80219, high=0.89911)
    scored = evaluation({}, values={"auroc": 0.8})
    scored = replace(scored, results=(Result.named("auroc", *OVERALL, made),))
    shown = released(scored=scored).find("auroc")
    assert shown is not None
    assert (shown.value, shown.low, shown.high) == (0.851, 0.802, 0.900)


def test_counts_of_levels_are_rounded_and_those_of_the_cohort_are_not() -> None:
    found = of({"sex": {"F": (152, 77), "M": (151, 74)}}, (303, 151), Disclosure(count_step=5))
    female = found.find("brier", "sex", "F")
    assert female is not None
    assert (female.n_cases, female.n_patients, female.n_positive) == (150, 150, 75)
    assert (found.n_cases, found.n_patients, found.n_positive) == (303, 303, 151)


def test_the_reason_of_an_undefined_figure_keeps_no_count() -> None:
    tables = {"site": {"A": (60, 30), "B": (60, 30), "C": (29, 14)}}
    found = released(scored=evaluation(tables, overall=(149, 74), least=30))
    small = found.find("auroc", "site", "C")
    assert small is not None
    assert small.undefined == "insufficient data"


def test_an_infinite_figure_is_undefined_and_an_infinite_bound_is_none() -> None:
    ratio = replace(estimate(9.0, 300, 150), high=float("inf"))
    boundless = replace(ratio, value=float("inf"))
    results = (
        Result.named("lr_positive", *OVERALL, ratio),
        Result.named("lr_negative", *OVERALL, boundless),
    )
    found = released(scored=replace(evaluation(), results=results))
    shown, undefined = found.find("lr_positive"), found.find("lr_negative")
    assert shown is not None
    assert undefined is not None
    assert (shown.value, shown.high) == (9.0, None)
    assert (undefined.value, undefined.undefined) == (None, "not finite")
    assert Release.from_json(found.to_json()) == found


# -- curves ----------------------------------------------------------------------------------------


def test_roc_is_shown_on_a_grid_whose_steps_rest_on_the_minimum() -> None:
    # 150 negatives: a step of 0.05 would rest on 7.5 of them, one of 0.1 on 15.
    curve = next(curve for curve in released().curves if curve.name == "roc")
    assert [point.x for point in curve.points] == pytest.approx(np.linspace(0, 1, 11))


def roc_of(heights: dict[float, float], n: Counts = (300, 150)) -> dict[float, CurvePoint]:
    """Release a curve with these heights, and a band of 0.01 about them, by false positive rate."""
    points = tuple(
        CurvePoint(x, y, max(0.0, y - 0.01), min(1.0, y + 0.01), n[0]) for x, y in heights.items()
    )
    scored = replace(evaluation(overall=n), curves=(Curve("roc", *OVERALL, points),))
    (curve,) = released(scored=scored).curves
    return {point.x: point for point in curve.points}


def test_the_ends_of_a_roc_curve_are_those_of_every_roc_curve() -> None:
    found = roc_of({0.0: 0.3, 0.5: 0.6, 1.0: 0.9})
    assert (found[0.0].y, found[0.0].low, found[0.0].high) == (0.0, 0.0, 0.0)
    assert (found[1.0].y, found[1.0].low, found[1.0].high) == (1.0, 1.0, 1.0)
    assert found[0.5].y == 0.6


@pytest.mark.parametrize(
    ("positives_below", "shown"),
    [
        *((0, 0), (1, 0), (4, 0), (5, 10), (9, 10), (10, 10), (11, 11), (75, 75)),
        *((139, 139), (140, 140), (141, 140), (145, 140), (146, 150), (150, 150)),
    ],
)
def test_few_positives_on_one_side_of_a_point_are_none_or_the_minimum(
    positives_below: int, shown: int
) -> None:
    point = roc_of({0.5: 1 - positives_below / 150})[0.5]
    assert point.y == pytest.approx(1 - shown / 150, abs=5e-4)
    assert point.low is not None
    assert point.high is not None
    assert point.low <= point.y <= point.high


def test_the_band_does_not_tell_how_few_positives_are_left() -> None:
    shown = {(p.low, p.high) for k in range(5) for p in roc_of({0.5: 1 - k / 150}).values()}
    assert shown == {(0.933, 1.0)}  # one positive case in ten less than all of 150, outward


def test_few_of_less_than_twenty_positives_are_rounded_to_half_of_them() -> None:
    shown = [roc_of({0.5: k / 12}, (300, 12))[0.5].y for k in range(13)]
    assert shown == sorted(shown)
    assert set(shown) <= {0.0, 0.5, 1.0}


def test_figures_off_the_roc_curve_rest_on_the_minimum_too() -> None:
    # Of 150 negatives, 0.95 leaves 7.5 above and 0.9 leaves 15; 150 positives likewise.
    values = {
        "sensitivity_at_specificity_0.9": 0.7,
        "sensitivity_at_specificity_0.8": 1 - 3 / 150,
        "sensitivity_at_specificity_0.95": 0.5,
        "sensitivity_at_specificity_0.05": 0.9,
        "specificity_at_sensitivity_0.9": 0.6,
        "specificity_at_sensitivity_0.99": 0.2,
        "partial_auroc_0_0.1": 0.8,
        "partial_auroc_0_0.05": 0.8,
    }
    results = tuple(Result.named(m, *OVERALL, estimate(v, 300, 150)) for m, v in values.items())
    found = released(scored=replace(evaluation(), results=results))
    shown = {r.metric: r.estimate.value for r in found.results}
    assert shown == {
        "sensitivity_at_specificity_0.9": 0.7,
        "sensitivity_at_specificity_0.8": 1.0,
        "sensitivity_at_specificity_0.95": None,
        "sensitivity_at_specificity_0.05": None,
        "specificity_at_sensitivity_0.9": 0.6,
        "specificity_at_sensitivity_0.99": None,
        "partial_auroc_0_0.1": 0.8,
        "partial_auroc_0_0.05": None,
    }


def test_roc_points_off_the_grid_are_dropped() -> None:
    steps = tuple(CurvePoint(i / 150, i / 150, None, None, 150) for i in range(151))
    scored = replace(evaluation(), curves=(Curve("roc", *OVERALL, steps),))
    (curve,) = released(scored=scored).curves
    assert len(curve.points) == 11


def test_a_curve_of_a_withheld_level_or_of_an_unknown_kind_is_dropped() -> None:
    point = (CurvePoint(0.0, 0.0, None, None, 100), CurvePoint(1.0, 1.0, None, None, 100))
    curves = (
        Curve("roc", "race", "American Indian or Alaska Native", point),
        Curve("roc", "race", "Not Reported", point),
        Curve("roc", "race", "nobody", point),
        Curve("per-case", *OVERALL, point),
        Curve("roc", "sex", "Female", point),
    )
    found = released(scored=replace(evaluation(), curves=curves)).curves
    assert [(curve.attribute, curve.level) for curve in found] == [("sex", "Female")]


def test_one_small_reliability_bin_takes_the_next_smallest_with_it() -> None:
    sizes = (30, 25, 9, 30, 28)
    bins = tuple(CurvePoint(0.1 + i / 5, 0.5, None, None, n) for i, n in enumerate(sizes))
    scored = replace(evaluation(), curves=(Curve("reliability", *OVERALL, bins),))
    (curve,) = released(scored=scored, rule=EXACT).curves
    assert [point.n for point in curve.points] == [30, 30, 28]


# -- the document ----------------------------------------------------------------------------------


def test_a_release_is_read_back_as_it_was_written() -> None:
    found = released()
    assert Release.from_json(found.to_json()) == found
    assert Release.from_json(found.to_json()).digest == found.digest


def test_the_digest_changes_with_any_figure() -> None:
    found = released()
    first, *others = found.results
    assert first.estimate.value is not None
    moved = replace(first, estimate=replace(first.estimate, value=first.estimate.value + 0.001))
    assert replace(found, results=(moved, *others)).digest != found.digest
    assert found.digest == released().digest


def test_a_release_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        released().team = "other"  # type: ignore[misc]


def test_a_release_holds_no_list_as_long_as_the_cohort() -> None:
    document = json.loads(released().to_json())
    assert all(
        len(curve["points"]) < document["n_cases"] / document["rule"]["minimum_cell"] + 1
        for curve in document["curves"]
    )


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"schema": 2}', '{"schema": 1, "results": [{"metric": "auroc"}]}']
)
def test_a_document_that_is_no_release_is_refused(text: str) -> None:
    with pytest.raises(DisclosureError, match="a stored release cannot be read"):
        Release.from_json(text)


# -- the [disclosure] table ------------------------------------------------------------------------

BENCHMARK = Path("benchmarks/opacity.toml")


def test_an_empty_table_gives_the_defaults() -> None:
    assert read_disclosure({}, BENCHMARK) == Disclosure(10, "open", 5, 4, 0.05)


def test_every_key_is_read() -> None:
    table: dict[str, object] = {
        "minimum_cell": 20,
        "feedback": "held",
        "count_step": 10,
        "maximum_digits": 3,
        "roc_step": 0.1,
    }
    assert read_disclosure(table, BENCHMARK) == Disclosure(20, "held", 10, 3, 0.1)
    nested: dict[str, object] = {"nested": [["manufacturer", "site"]]}
    assert read_disclosure(nested, BENCHMARK).nested == (("manufacturer", "site"),)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (
            {"minimum_cell": 4},
            r"^opacity\.toml: \[disclosure\] minimum_cell is 4; give a whole number",
        ),
        ({"minimum_cell": True}, "minimum_cell is True"),
        ({"minimum_cell": "10"}, "minimum_cell is '10'"),
        ({"feedback": "all"}, "feedback is 'all'; give one of 'open', 'held'"),
        (
            {"nested": [["manufacturer", "site", "view"]]},
            r"nested is .*; give a list of pairs of attributes, as ",
        ),
        ({"nested": [["site", "site"]]}, "give a list of pairs of attributes"),
        ({"roc_step": 0.03}, "roc_step is 0.03; give one of 0.025"),
        (
            {"minimum": 10},
            r"'minimum', which is no key \(did you mean 'minimum_cell'\?\); its keys are min",
        ),
    ],
)
def test_a_table_that_cannot_be_used_is_refused(table: dict[str, object], message: str) -> None:
    with pytest.raises(DisclosureError, match=message):
        read_disclosure(table, BENCHMARK)


def test_an_evaluation_is_not_a_release() -> None:
    assert not issubclass(Evaluation, Release)
    assert not hasattr(evaluation(), "to_json")
