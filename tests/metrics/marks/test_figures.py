"""Figures of marks: published values, laws, intervals against DeLong and scipy."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import chi2

from metrics.discrimination.delong import auroc_and_variance
from metrics.group import FIXED_PREVALENCE, SAMPLED, Group, everyone, part_of
from metrics.intervals import linearised
from metrics.marks import areas
from metrics.marks.figures import MarkMeasures, mark_figures, mark_influences
from metrics.marks.matching import MatchedCase
from metrics.marks.study import Study, froc

AREAS = {"AFROC": "afroc", "wAFROC": "wafroc", "AFROC1": "afroc1", "wAFROC1": "wafroc1"}


def case(
    lesions: list[float | None], false: list[float], weights: list[float] | None = None
) -> MatchedCase:
    found = np.array([-np.inf if score is None else score for score in lesions], dtype=float)
    share = np.full(found.size, 1.0 / max(1, found.size)) if weights is None else np.array(weights)
    return MatchedCase(found, share, np.array(false, dtype=float))


def group_of(cases: list[MatchedCase], patient: Any = None, design: str = SAMPLED) -> Group:
    y = np.array([each.lesions.size > 0 for each in cases])
    number = np.arange(y.size) if patient is None else np.asarray(patient)
    return everyone(y, np.zeros(y.size), number, int(number.max()) + 1, design)


def test_figures_are_those_of_the_published_definitions(refvals: Path) -> None:
    studies = json.loads((refvals / "tasks" / "marks.json").read_text())["studies"]
    assert len(studies) == 5
    for name, given in studies.items():
        cases = [case(each["lesions"], each["false"], each["weights"]) for each in given["cases"]]
        values, study = given["values"], Study.of(cases)
        curve = froc(study)
        points = np.array(values["froc_points_fp_per_image_and_sensitivity"])
        assert np.column_stack([curve.rate, curve.sensitivity]) == pytest.approx(points), name
        found = mark_figures(MarkMeasures.of(cases, values["rates"]), group_of(cases), 0.95)
        for rate, expected in zip(values["rates"], values["sensitivity_at_rate_step"], strict=True):
            assert found[f"sensitivity_at_false_marks_{rate:g}"].value == pytest.approx(expected)
        assert found["froc_score"].value == pytest.approx(
            np.mean(values["sensitivity_at_rate_step"])
        )
        assert found["case_auroc"].value == pytest.approx(values["HrAuc"]), name
        assert found["lesion_sensitivity"].value == pytest.approx(values["MaxLLF"])
        assert found["false_marks_per_image"].value == pytest.approx(values["MaxNLFAllCases"])
        for theirs, ours in AREAS.items():
            assert getattr(areas, ours)(study).value == pytest.approx(values[theirs], abs=1e-9)
        assert found["wafroc"].value == pytest.approx(values["wAFROC"])
        assert "studies without normal cases" in (found["wafroc1"].undefined or "")


def simulated(n: int, seed: int) -> list[MatchedCase]:
    random = np.random.default_rng(seed)
    made = []
    for i in range(n):
        lesions = random.integers(1, 4) if i % 2 else 0
        hits = np.where(random.random(lesions) < 0.8, random.normal(1.5, 1, lesions), -np.inf)
        weights = random.dirichlet(np.ones(lesions)) if lesions else np.empty(0)
        made.append(MatchedCase(hits, weights, random.standard_normal(random.poisson(1.2))))
    return made


def test_with_one_lesion_and_one_false_mark_a_case_the_area_is_an_auroc_with_delongs_error() -> (
    None
):
    random = np.random.default_rng(5)
    lesions, normal = random.normal(1.0, 1.0, 40).round(1), random.standard_normal(60).round(1)
    cases = [case([each], []) for each in lesions] + [case([], [each]) for each in normal]
    y, s = np.arange(100) < 40, np.concatenate([lesions, normal])
    value, variance = auroc_and_variance(y, s)
    for area in (areas.afroc, areas.wafroc):
        found = area(Study.of(cases))
        assert found.value == pytest.approx(value, rel=1e-12)
        known = linearised.error(group_of(cases, design=FIXED_PREVALENCE), found.influence)
        assert known.standard_error**2 == pytest.approx(variance, rel=1e-9)


def test_influences_are_how_far_a_case_moves_a_figure() -> None:
    cases = simulated(80, 1)
    group = group_of(cases)
    rates = (0.5,)
    moved = mark_influences(MarkMeasures.of(cases, rates), group)
    assert set(moved) == {
        "wafroc", "afroc", "lesion_sensitivity", "false_marks_per_image", "case_auroc",
    }  # fmt: skip
    whole = mark_figures(MarkMeasures.of(cases, rates), group, 0.95)
    for name, influence in moved.items():
        assert influence.sum() == pytest.approx(0.0, abs=1e-12)
        without = []
        for left in range(len(cases)):
            kept = cases[:left] + cases[left + 1 :]
            study = Study.of(kept)
            if name in AREAS.values():
                without.append(getattr(areas, name)(study).value)
            else:
                found = mark_figures(MarkMeasures.of(kept, ()), group_of(kept), 0.95)[name]
                without.append(found.value or 0.0)
        jackknife = (whole[name].value or 0.0) - np.array(without)
        assert np.corrcoef(jackknife, influence)[0, 1] > 0.999, name
        assert np.std(jackknife) == pytest.approx(np.std(influence), rel=0.05), name


def test_marks_keep_their_laws() -> None:
    cases = simulated(60, 3)
    rates = (0.25, 1.0)
    plain = mark_figures(MarkMeasures.of(cases, rates), group_of(cases), 0.95)

    def same(other: list[MatchedCase]) -> None:
        found = mark_figures(MarkMeasures.of(other, rates), group_of(other), 0.95)
        for name, estimate in plain.items():
            for end in ("value", "low", "high"):
                expected = getattr(estimate, end)
                got = getattr(found[name], end)
                assert got == (None if expected is None else pytest.approx(expected)), (name, end)

    same(cases[::-1])  # the order of the cases
    same([MatchedCase(3 * c.lesions + 1, c.weights, 3 * c.false + 1) for c in cases])
    for estimate in plain.values():
        if estimate.value is not None:
            assert estimate.low is not None
            assert estimate.high is not None
            assert estimate.low <= estimate.value <= estimate.high
    # a lesion that nothing marks costs every sensitivity, and a false mark no lesion's score
    worse = [case([None], []), *cases[1:]]
    lower = mark_figures(MarkMeasures.of(worse, rates), group_of(worse), 0.95)
    assert (lower["lesion_sensitivity"].value or 0) < (plain["lesion_sensitivity"].value or 0)


def test_the_same_case_twice_tells_no_more_of_a_patient() -> None:
    cases = simulated(120, 4)
    alone = mark_figures(MarkMeasures.of(cases, (1.0,)), group_of(cases), 0.95)
    twice = [each for each in cases for _ in range(2)]
    own = np.arange(240) // 2
    doubled = mark_figures(MarkMeasures.of(twice, (1.0,)), group_of(twice, own), 0.95)
    for name in ("wafroc", "afroc", "lesion_sensitivity", "sensitivity_at_false_marks_1"):
        widths = [(f[name].high or 0.0) - (f[name].low or 0.0) for f in (alone, doubled)]
        assert doubled[name].value == pytest.approx(alone[name].value)
        assert widths[1] == pytest.approx(widths[0], rel=0.05), name


def test_figures_without_what_they_need_say_so() -> None:
    diseased = [case([0.9], [0.4]), case([0.2, None], []), case([0.5], [0.6])]
    found = mark_figures(MarkMeasures.of(diseased, (0.25, 1.0)), group_of(diseased), 0.95)
    assert "case without a lesion" in (found["wafroc"].undefined or "")
    assert "both classes" in (found["case_auroc"].undefined or "")
    assert found["wafroc1"].value == pytest.approx(areas.wafroc1(Study.of(diseased)).value)
    # 0.25 false marks in three images are fewer than one: their threshold has no known error
    few = found["sensitivity_at_false_marks_0.25"]
    assert few.value is not None
    assert few.low is None
    assert "needs 6 images" in few.method
    normal = [case([], [0.4]), case([], [])]
    none = mark_figures(MarkMeasures.of(normal, (1.0,)), group_of(normal), 0.95)
    for name in ("wafroc", "lesion_sensitivity", "sensitivity_at_false_marks_1", "froc_score"):
        assert none[name].value is None
        assert "lesion" in (none[name].undefined or "")
    assert none["false_marks_per_image"].value == 0.5
    with pytest.raises(ValueError, match="rates of false marks must be above 0"):
        MarkMeasures.of(normal, (0.0,))
    with pytest.raises(ValueError, match="2 cases with marks for a group of 3"):
        mark_figures(MarkMeasures.of(normal, (1.0,)), group_of(diseased), 0.95)


def test_without_a_false_mark_the_upper_end_is_that_of_a_poisson_count() -> None:
    cases = [case([0.5], []) for _ in range(10)] + [case([], []) for _ in range(10)]
    found = mark_figures(MarkMeasures.of(cases, ()), group_of(cases), 0.95)
    high = float(chi2.ppf(0.975, 2)) / 2.0 / 20
    assert found["false_marks_per_image"].low == 0.0
    assert found["false_marks_per_image"].high == pytest.approx(high)


def test_parts_are_the_same_cases() -> None:
    cases = simulated(50, 9)
    whole = MarkMeasures.of(cases, (1.0,))
    member = np.arange(50) % 3 > 0
    part = mark_figures(whole.part(member), part_of(group_of(cases), member), 0.95)
    kept = [each for each, inside in zip(cases, member, strict=True) if inside]
    direct = mark_figures(MarkMeasures.of(kept, (1.0,)), group_of(kept), 0.95)
    assert {n: e.value for n, e in part.items()} == {n: e.value for n, e in direct.items()}
