"""Outputs of each kind of task, by hand."""

from __future__ import annotations

from math import exp, log
from pathlib import Path

import pytest

from baselines.container import answers

THIRD = -log(2)
"""The logit of one third."""


def test_each_finding_has_its_own_probability_and_calibration() -> None:
    assert answers.answer("binary", [0.0]) == [0.5]
    found = answers.answer("multilabel", [THIRD, 1.0], [{}, {"slope": 2.0, "intercept": -2.0}])
    assert found == pytest.approx([1 / 3, 0.5])


def test_an_isotonic_curve_is_linear_between_knots_and_level_outside() -> None:
    curve = {"method": "isotonic", "x": [-1.0, 0.0, 2.0], "y": [0.1, 0.3, 0.7]}
    at = {-5.0: 0.1, -0.5: 0.2, 0.0: 0.3, 1.0: 0.5, 9.0: 0.7}
    for logit, expected in at.items():
        assert answers.answer("binary", [logit], [curve]) == pytest.approx([expected])


def test_classes_sum_to_one_under_a_temperature() -> None:
    # Logits 0, 2 log 2, 2 log 3 at slope 1/2: weights 1, 2, 3.
    found = answers.answer("multiclass", [0.0, 2 * log(2), 2 * log(3)], [{"slope": 0.5}])
    assert found == pytest.approx([1 / 6, 2 / 6, 3 / 6])
    assert answers.answer("multiclass", [1000.0, 0.0]) == pytest.approx([1.0, exp(-1000.0)])


def test_the_expected_grade_is_the_sum_over_the_cuts() -> None:
    # P(grade > 0) = 2/3, P(grade > 1) = 1/2, P(grade > 2) = 1/3.
    assert answers.answer("ordinal", [log(2), 0.0, THIRD]) == pytest.approx([1.5])
    assert answers.answer("ordinal", [log(2), 0.0, THIRD], lowest=1) == pytest.approx([2.5])


def test_a_score_is_its_logit() -> None:
    assert answers.answer("score", [-37.25]) == [-37.25]


def test_written_classes_sum_to_one_in_their_six_decimals(tmp_path: Path) -> None:
    rows = {"a": [1 / 3, 1 / 3, 1 / 3], "b": [0.9999999, 0.0000001, 0.0]}
    answers.write_predictions(tmp_path / "p.csv", ["x", "y", "z"], rows, "multiclass")
    assert (tmp_path / "p.csv").read_text().splitlines() == [
        "case_id,x,y,z",
        "a,0.333334,0.333333,0.333333",
        "b,1.000000,0.000000,0.000000",
    ]


def test_a_card_of_a_former_build_answers_as_before() -> None:
    card = {"prevalence": 0.25, "slope": 2.0, "intercept": 1.0}
    assert answers.outputs_of(card) == ("binary", ["probability"], [0.25])
    assert answers.answer("binary", [-0.5], answers.calibrations_of(card)) == [0.5]
