"""Figures of masks over cases: rules for empties by hand, intervals against scipy and by law."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import ttest_1samp

from metrics.group import FIXED_PREVALENCE, SAMPLED, Group, everyone, part_of
from metrics.intervals.proportions import score_bounds
from metrics.masks.empty_rules import EmptyRules
from metrics.masks.figures import MaskMeasures, mask_figures, mask_influences
from metrics.masks.measures import PairMeasures, State, measure_pair

RULES = EmptyRules(both_empty=1.0, false_mask=0.0, missed_mask=0.0)
TOLERANCES = (1.0,)


def drawn(dice: float, hd95: float = 2.0, difference: float = 0.0) -> PairMeasures:
    return PairMeasures(
        state=State.BOTH,
        reference_size=10.0,
        prediction_size=10.0 + difference,
        dice=dice,
        iou=dice / (2.0 - dice),
        nsd=(dice,),
        hd=hd95 + 1.0,
        hd95=hd95,
        assd=hd95 / 2.0,
        masd=hd95 / 2.0,
    )


def empty(reference: bool, prediction: bool) -> PairMeasures:
    return measure_pair(
        np.full((2, 2), reference), np.full((2, 2), prediction), (1.0, 1.0), TOLERANCES
    )


BOTH_EMPTY, FALSE, MISSED = empty(False, False), empty(False, True), empty(True, False)
MIXED = [drawn(0.8, 4.0), drawn(0.6, 8.0), MISSED, FALSE, BOTH_EMPTY, BOTH_EMPTY]


def group_of(pairs: list[PairMeasures], patient: list[int] | None = None) -> Group:
    y = np.array([pair.state in (State.BOTH, State.MISSED) for pair in pairs])
    number = np.arange(y.size) if patient is None else np.array(patient)
    return everyone(y, np.zeros(y.size), number, int(number.max()) + 1, SAMPLED)


@pytest.mark.parametrize(
    ("rules", "dice", "n_dice", "hd95", "n_hd95"),
    [
        (RULES, (0.8 + 0.6 + 0 + 0 + 1 + 1) / 6, 6, 6.0, 2),
        (
            EmptyRules(both_empty=None, false_mask=None, missed_mask=0.0),
            (0.8 + 0.6 + 0) / 3,
            3,
            6.0,
            2,
        ),
        (
            EmptyRules(
                both_empty=None,
                false_mask=0.0,
                missed_mask=0.0,
                distance_both_empty=0.0,
                distance_penalty_mm=50.0,
            ),
            (0.8 + 0.6) / 4,
            4,
            (4 + 8 + 50 + 50 + 0 + 0) / 6,
            6,
        ),
    ],
)
def test_a_mean_is_over_the_cases_that_the_rules_count(
    rules: EmptyRules, dice: float, n_dice: int, hd95: float, n_hd95: int
) -> None:
    found = mask_figures(MaskMeasures.of(MIXED, TOLERANCES, rules), group_of(MIXED), 0.95)
    assert found["mean_dice"].value == pytest.approx(dice)
    assert found["mean_nsd_at_tolerance_1"].value == pytest.approx(dice)
    assert found["mean_dice"].n_cases == n_dice
    assert found["mean_hd95"].value == pytest.approx(hd95)
    assert found["mean_hd95"].n_cases == n_hd95
    # beside the means, whatever they count: how often a mask was missed or false
    assert found["missed_masks"].value == pytest.approx(1 / 3)
    assert found["false_masks"].value == pytest.approx(1 / 3)
    assert found["mean_volume_difference"].value == pytest.approx((-4 + 4) / 6)


def test_a_model_that_draws_nothing_has_no_distance_or_the_penalty_and_never_0() -> None:
    pairs = [MISSED] * 5
    left_out = mask_figures(MaskMeasures.of(pairs, TOLERANCES, RULES), group_of(pairs), 0.95)
    assert left_out["mean_hd95"].value is None
    assert "leave every one out" in (left_out["mean_hd95"].undefined or "")
    assert left_out["mean_dice"].value == 0.0
    assert left_out["missed_masks"].value == 1.0
    rules = EmptyRules(both_empty=1.0, false_mask=0.0, missed_mask=0.0, distance_penalty_mm=80.0)
    counted = mask_figures(MaskMeasures.of(pairs, TOLERANCES, rules), group_of(pairs), 0.95)
    assert counted["mean_hd95"].value == 80.0
    assert counted["mean_hd95"].low is None


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("both_empty", 1.2),
        ("missed_mask", -0.1),
        ("distance_penalty_mm", float("inf")),
        ("distance_both_empty", -1.0),
    ],
)
def test_rules_out_of_range_are_refused(field: str, value: float) -> None:
    given = {"both_empty": 1.0, "false_mask": 0.0, "missed_mask": 0.0, field: value}
    with pytest.raises(ValueError, match=f"{field} must .*; got {value}"):
        EmptyRules(**given)


def test_the_interval_of_a_mean_difference_is_students_where_patients_have_one_case() -> None:
    random = np.random.default_rng(4)
    differences = random.gamma(2.0, 3.0, 25) - 4.0
    pairs = [drawn(0.8, difference=each) for each in differences.tolist()]
    found = mask_figures(MaskMeasures.of(pairs, TOLERANCES, RULES), group_of(pairs), 0.9)
    expected = ttest_1samp(differences, 0.0).confidence_interval(0.9)
    assert found["mean_volume_difference"].low == pytest.approx(expected.low, rel=1e-9)
    assert found["mean_volume_difference"].high == pytest.approx(expected.high, rel=1e-9)


def test_shares_at_their_limit_have_wilsons_interval() -> None:
    pairs = [drawn(1.0)] * 12
    found = mask_figures(MaskMeasures.of(pairs, TOLERANCES, RULES), group_of(pairs), 0.95)
    from scipy.stats import t

    low, high = score_bounds(1.0, 12, float(t.ppf(0.975, 11)))
    assert (found["mean_dice"].low, found["mean_dice"].high) == pytest.approx((low, high))
    assert found["mean_hd95"].low is None  # equal distances show no variance
    assert "no variance" in found["mean_hd95"].method


def test_the_same_case_twice_tells_no_more_of_a_patient() -> None:
    random = np.random.default_rng(7)
    pairs = [
        drawn(d, h) for d, h in zip(random.beta(6, 2, 60), random.gamma(2, 2, 60), strict=True)
    ]
    rules = EmptyRules(both_empty=1.0, false_mask=0.0, missed_mask=0.0, distance_penalty_mm=30.0)
    pairs[::9] = [MISSED] * len(pairs[::9])
    alone = mask_figures(MaskMeasures.of(pairs, TOLERANCES, rules), group_of(pairs), 0.95)
    twice = [pair for pair in pairs for _ in range(2)]
    own = [i // 2 for i in range(120)]
    doubled = mask_figures(MaskMeasures.of(twice, TOLERANCES, rules), group_of(twice, own), 0.95)
    more = mask_figures(MaskMeasures.of(twice, TOLERANCES, rules), group_of(twice), 0.95)
    for name in ("mean_dice", "mean_hd95", "mean_nsd_at_tolerance_1", "missed_masks"):
        widths = []
        for found in (alone, doubled, more):
            assert found[name].low is not None
            assert found[name].high is not None
            assert found[name].value == pytest.approx(alone[name].value)
            widths.append((found[name].high or 0.0) - (found[name].low or 0.0))
        assert widths[1] == pytest.approx(widths[0], rel=0.03), name
        assert widths[2] == pytest.approx(widths[0] / np.sqrt(2.0), rel=0.1), name


def test_parts_are_the_same_cases_and_influences_are_how_a_case_moves_the_mean() -> None:
    measures = MaskMeasures.of(MIXED, TOLERANCES, RULES)
    whole = group_of(MIXED)
    member = np.array([True, False, True, True, True, False])
    part = mask_figures(measures.part(member), part_of(whole, member), 0.95)
    kept = [pair for pair, inside in zip(MIXED, member, strict=True) if inside]
    direct = mask_figures(MaskMeasures.of(kept, TOLERANCES, RULES), group_of(kept), 0.95)
    assert part["mean_dice"].value == direct["mean_dice"].value
    assert measures.part(np.flatnonzero(member)) == measures.part(member)
    moved = mask_influences(measures, whole)
    assert moved["mean_dice"].sum() == pytest.approx(0.0)
    without = np.mean([0.6, 0, 0, 1, 1])
    mean = np.mean([0.8, 0.6, 0, 0, 1, 1])
    assert moved["mean_dice"][0] == pytest.approx((mean - without) * 5 / 6)
    assert (moved["mean_hd95"][2:] == 0.0).all()
    with pytest.raises(ValueError, match="6 measured cases for a group of 4"):
        mask_figures(measures, part_of(whole, member), 0.95)
    with pytest.raises(ValueError, match="at 2 tolerances"):
        MaskMeasures.of(MIXED, (1.0, 2.0), RULES)


def test_by_design_the_share_of_normal_cases_adds_no_variance() -> None:
    pairs = [drawn(0.5)] * 40 + [BOTH_EMPTY] * 40
    y = np.arange(80) < 40
    designs = {}
    for design in (SAMPLED, FIXED_PREVALENCE):
        group = everyone(y, np.zeros(80), np.arange(80), 80, design)
        found = mask_figures(MaskMeasures.of(pairs, TOLERANCES, RULES), group, 0.95)["mean_dice"]
        assert found.low is not None
        assert found.high is not None
        designs[design] = found.high - found.low
    assert designs[FIXED_PREVALENCE] < 0.5 * designs[SAMPLED]


def test_by_design_both_classes_errors_are_added_as_squares() -> None:
    random = np.random.default_rng(9)
    pairs = [drawn(each) for each in random.beta(8, 2, 30)] + [BOTH_EMPTY] * 18 + [FALSE] * 2
    y = np.arange(50) < 30
    measures = MaskMeasures.of(pairs, TOLERANCES, RULES)
    group = everyone(y, np.zeros(50), np.arange(50), 50, FIXED_PREVALENCE)
    found = mask_figures(measures, group, 0.95)["mean_dice"]
    below = above = 0.0
    for member, weight in ((y, 0.6), (~y, 0.4)):
        part = mask_figures(measures.part(member), part_of(group, member), 0.95)["mean_dice"]
        assert part.value is not None
        assert part.low is not None
        assert part.high is not None
        below += (weight * (part.value - part.low)) ** 2
        above += (weight * (part.high - part.value)) ** 2
    assert found.value is not None
    assert found.low == pytest.approx(found.value - np.sqrt(below))
    assert found.high == pytest.approx(found.value + np.sqrt(above))
