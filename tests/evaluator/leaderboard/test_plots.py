from __future__ import annotations

import json
import re
from typing import Any

import pytest

from evaluator.glossary import OTHER, figure
from evaluator.leaderboard.drawing import bars, numbers, plots
from evaluator.leaderboard.drawing.plots import DARK, Drawing
from metrics.all_figures import Choices, names
from metrics.estimate import Estimate
from submissions.design.stylesheet import STYLESHEET
from tests.support.hand_made import estimate, evaluation, released


def specification(drawing: Drawing | None) -> dict[str, Any]:
    assert drawing is not None
    found: dict[str, Any] = json.loads(drawing.specification)
    return found


def named(drawn: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(trace for trace in drawn["data"] if trace.get("name") == name)
    return found


def test_the_roc_holds_the_released_grid_and_nothing_between() -> None:
    drawn = specification(plots.roc(released()))
    assert named(drawn, "ROC")["x"] == pytest.approx([i / 10 for i in range(11)])


def test_the_declared_threshold_lies_at_its_sensitivity_and_false_positive_rate() -> None:
    # Released: sensitivity 0.813, specificity 0.747.
    point = named(specification(plots.roc(released())), "threshold 0.5")
    assert (point["x"], point["y"]) == ([0.253], [0.813])


def test_the_reliability_diagram_carries_intervals_and_bin_sizes() -> None:
    drawn = specification(plots.reliability(released()))
    observed = named(drawn, "observed")
    assert len(observed["y"]) == 10
    assert len(observed["error_y"]["array"]) == 10
    sizes = next(trace for trace in drawn["data"] if trace["type"] == "bar")
    assert sizes["y"] == [30] * 10


def test_the_forest_has_a_row_a_level_and_says_why_one_is_empty() -> None:
    drawn = specification(plots.forest(released(), ["sex", "race"], "forest", "auroc"))
    labels = drawn["layout"]["yaxis"]["ticktext"]
    assert labels[:4] == ["<b>All cases</b>", "<b>Sex</b>", "Female", "Male"]
    assert "Not Reported" in labels
    said = [note["text"] for note in drawn["layout"]["annotations"]]
    assert said == ["withheld", "withheld"]
    assert len(drawn["data"][0]["x"]) == 1 + 2 + 3


def test_a_level_that_looks_like_markup_is_drawn_as_text() -> None:
    tables = {"site": {"<b>A</b>": (150, 75), "<a href='x'>B</a>": (150, 75)}}
    found = released(scored=evaluation(tables))
    drawn = specification(plots.forest(found, ["site"], "forest", "auroc"))
    assert "&lt;b&gt;A&lt;/b&gt;" in drawn["layout"]["yaxis"]["ticktext"]


def test_every_colour_has_a_counterpart_for_the_dark_page() -> None:
    drawings = (plots.roc(released()), plots.reliability(released()))
    for drawing in drawings:
        drawn = specification(drawing)
        text = json.dumps({"data": drawn["data"], "layout": drawn["layout"]})
        assert set(re.findall(r"#[0-9a-f]{6}", text)) <= set(DARK)


def contrast(one: str, other: str) -> float:
    """WCAG 2.2, contrast ratio, from relative luminance."""

    def luminance(colour: str) -> float:
        channels = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_contrast_is_as_known() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("colour", [plots.INK, plots.MUTED, plots.ACCENT, plots.WARM])
def test_text_and_marks_stand_out_on_both_pages(colour: str) -> None:
    assert contrast(colour, plots.PAPER) >= 4.5
    assert contrast(DARK[colour], DARK[plots.PAPER]) >= 4.5


def test_the_style_sheet_uses_the_colours_of_the_figures() -> None:
    sheet = STYLESHEET.read_text()
    for colour in (plots.INK, plots.MUTED, plots.ACCENT, plots.WARM, plots.GRID):
        assert colour in sheet
        assert DARK[colour] in sheet


def test_without_curves_and_groups_nothing_is_drawn() -> None:
    bare = released(scored=evaluation({}, curves=False))
    assert plots.roc(bare) is None
    assert plots.reliability(bare) is None
    assert plots.forest(bare, [], "forest", "auroc") is None


# -- bars and numbers ------------------------------------------------------------------------------


def test_the_axis_of_the_bars_spans_every_bound_with_round_ticks() -> None:
    shared = bars.axis(
        [
            Estimate(
                value=0.8, low=0.71, high=0.86, n_cases=9, n_patients=9, n_positive=4, method=""
            ),
            estimate(None, 9, 4),
        ]
    )
    assert shared is not None
    assert shared.low == pytest.approx(0.7)
    assert shared.high == pytest.approx(0.9)
    assert shared.at(0.7) < shared.at(0.71) < shared.at(0.86) < shared.at(0.9)


@pytest.mark.parametrize(
    ("low", "value", "high"), [(0.5, 0.5, 0.5), (-3.0, 0.0, 9.0), (0.0, 0.001, 0.002), (1, 2, 99)]
)
def test_any_range_has_an_axis_of_at_most_five_ticks(low: float, value: float, high: float) -> None:
    shared = bars.axis(
        [
            Estimate(
                value=value, low=low, high=high, n_cases=9, n_patients=9, n_positive=4, method=""
            )
        ]
    )
    assert shared is not None
    assert 2 <= len(shared.ticks) <= 5
    assert shared.low <= low <= high <= shared.high + 1e-9


def test_an_undefined_estimate_has_no_bar() -> None:
    assert bars.axis([estimate(None, 9, 4)]) is None
    assert bars.bar(estimate(None, 9, 4), None) == ""


@pytest.mark.parametrize(
    ("made", "value", "interval"),
    [
        (
            Estimate(
                value=0.851,
                low=0.802,
                high=0.9,
                n_cases=300,
                n_patients=300,
                n_positive=150,
                method="",
            ),
            "0.851",
            "0.802 to 0.900",
        ),
        (
            Estimate(
                value=-0.12,
                low=-0.3,
                high=0.06,
                n_cases=300,
                n_patients=300,
                n_positive=150,
                method="",
            ),
            "−0.12",
            "−0.30 to 0.06",
        ),
        (
            Estimate(
                value=0.5, low=0.5, high=0.5, n_cases=300, n_patients=300, n_positive=150, method=""
            ),
            "0.500",
            "0.500 to 0.500",
        ),
        (
            Estimate(
                value=3.2,
                low=2.1,
                high=None,
                n_cases=300,
                n_patients=300,
                n_positive=150,
                method="",
            ),
            "3.20",
            "2.10 to unbounded",
        ),
        (
            Estimate(
                value=0.4,
                low=None,
                high=None,
                n_cases=300,
                n_patients=300,
                n_positive=150,
                method="",
            ),
            "0.400",
            "",
        ),
        (
            Estimate(
                value=None,
                low=None,
                high=None,
                n_cases=3,
                n_patients=3,
                n_positive=1,
                method="",
                undefined="few",
            ),
            "–",
            "",
        ),
    ],
)
def test_numbers_carry_the_digits_of_the_release(made: Estimate, value: str, interval: str) -> None:
    assert numbers.value(made) == value
    assert numbers.interval(made) == interval


def test_an_interval_with_a_negative_bound_is_never_joined_by_a_dash() -> None:
    assert (
        numbers.compact(
            Estimate(
                value=0.85, low=0.8, high=0.9, n_cases=9, n_patients=9, n_positive=4, method=""
            )
        )
        == "0.80–0.90"
    )
    assert (
        numbers.compact(
            Estimate(
                value=0.1, low=-0.1, high=0.3, n_cases=9, n_patients=9, n_positive=4, method=""
            )
        )
        == "−0.10 to 0.30"
    )


def test_a_p_value_that_rounding_left_nothing_of_is_under_a_thousandth() -> None:
    assert (
        numbers.p_value(
            Estimate(
                value=0.0, low=None, high=None, n_cases=900, n_patients=900, n_positive=4, method=""
            )
        )
        == "p < 0.001"
    )
    assert (
        numbers.p_value(
            Estimate(
                value=0.031,
                low=None,
                high=None,
                n_cases=900,
                n_patients=900,
                n_positive=4,
                method="",
            )
        )
        == "p = 0.031"
    )


def test_every_figure_that_is_scored_has_a_name_of_its_own() -> None:
    choices = Choices(
        threshold=0.5, specificities=(0.9,), sensitivities=(0.9,), prevalences=(0.01,)
    )
    unnamed = [metric for metric in names(choices) if figure(metric).section == OTHER]
    assert unnamed == []


def test_a_figure_read_at_a_value_carries_it_in_its_name() -> None:
    assert figure("sensitivity_at_specificity_0.95").name == "Sensitivity at specificity 0.95"
    assert figure("partial_auroc_0_0.2").short == "Partial AUROC 0 to 0.2"
    assert figure("something_new").name == "Something new"
