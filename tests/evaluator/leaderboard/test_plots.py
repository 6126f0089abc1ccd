"""Charts hold what is released, say it in words too, and can be read in light and dark."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import combinations
from xml.etree import ElementTree

import numpy as np
import pytest
from sklearn.isotonic import IsotonicRegression

from evaluator.disclosure.control import Release
from evaluator.disclosure.rule import Disclosure
from evaluator.glossary import OTHER, figure
from evaluator.leaderboard.drawing import axes, bars, numbers, palette, svg
from evaluator.leaderboard.drawing import released_points as derived
from evaluator.leaderboard.drawing.levels import in_order
from evaluator.leaderboard.drawing.palette import DARK
from evaluator.leaderboard.drawing.plots import Chart, charts
from evaluator.scoring.results import OVERALL, Curve, CurvePoint
from metrics.all_figures import Choices, names
from metrics.estimate import Estimate
from submissions.design.stylesheet import STYLESHEET
from tests.support.hand_made import estimate, evaluation, released

SVG = "{http://www.w3.org/2000/svg}"


def drawn(chart: Chart) -> ElementTree.Element:
    """The chart as a reader of XML sees it; one that is not well formed fails here."""
    return ElementTree.fromstring(chart.svg)


def told(chart: Chart) -> list[str]:
    """What is read out, mark by mark."""
    return [mark.get("data-t", "") for mark in drawn(chart).iter() if mark.get("data-t")]


def texts(chart: Chart) -> list[str]:
    return [text.text or "" for text in drawn(chart).iter(f"{SVG}text")]


def with_decision() -> Release:
    points = [
        CurvePoint(t, round(0.5 - 0.4 * t, 3), 0.45 - 0.4 * t, 0.55 - 0.4 * t, 200)
        for t in (0.2, 0.4)
    ]
    found = released()
    return replace(found, curves=(*found.curves, Curve("decision", *OVERALL, tuple(points))))


def test_the_charts_of_a_release_by_name_in_the_order_of_the_report() -> None:
    found = charts(with_decision(), "auroc")
    curves = ["roc", "precision_recall", "decision", "reliability", "scores"]
    assert list(found) == [*curves, "forest", "heat_map", "joint_forest"]
    for name, chart in found.items():
        root = drawn(chart)
        assert chart.name == name
        assert root.get("viewBox") == f"0 0 {chart.width:g} {svg.coordinate(chart.height)}"
        assert not root.findall(f".//{SVG}style")
        assert not root.findall(f".//{SVG}script")
        assert " style=" not in chart.svg
        assert chart.description


def test_without_curves_and_groups_nothing_is_drawn() -> None:
    assert charts(released(scored=evaluation({}, curves=False))) == {}


def test_a_former_release_without_a_decision_curve_has_every_other_chart() -> None:
    assert "decision" not in charts(released())
    assert "precision_recall" in charts(released())


def test_the_roc_holds_the_released_grid_and_nothing_between() -> None:
    said = [text for text in told(charts(released())["roc"]) if text.startswith("1 \N{MINUS SIGN}")]
    at = [float(re.findall(r"specificity ([\d.]+)", text)[0]) for text in said]
    assert at == pytest.approx([i / 10 for i in range(11)])


def test_the_declared_threshold_lies_at_its_sensitivity_and_false_positive_rate() -> None:
    # Released: sensitivity 0.813, specificity 0.747. The frame is a square of known corners.
    chart = charts(released())["roc"]
    assert "threshold 0.5: 1 \N{MINUS SIGN} specificity 0.253, sensitivity 0.813" in told(chart)
    marks = {m.get("data-t"): m for m in drawn(chart).iter() if m.get("data-t")}
    ends = [marks[t] for t in told(chart) if re.search(r"specificity (0|1), ", t)]
    (x0, y0), (x1, y1) = [(float(m.get("cx", "")), float(m.get("cy", ""))) for m in ends]
    d = next(m for t, m in marks.items() if t and t.startswith("threshold")).get("d", "")
    x, top = (float(number) for number in re.findall(r"[\d.]+", d)[:2])
    assert (x - x0) / (x1 - x0) == pytest.approx(0.253, abs=0.002)
    assert (y0 - (top + 6)) / (y0 - y1) == pytest.approx(0.813, abs=0.002)


def test_precision_follows_from_the_roc_curve_and_the_prevalence() -> None:
    # 100 positive, 900 negative: at (0.1, 0.6) 60 true and 90 false positives, precision 0.4.
    roc = [CurvePoint(x, y, None, None, 0) for x, y in ((0, 0), (0.1, 0.6), (1, 1))]
    grid = derived.precision_recall(roc, 0.1, between=0)
    assert np.array(grid) == pytest.approx(np.array([[0.6, 0.4], [1.0, 0.1]]))
    # Half way to (1, 1): 80 true and 495 false positives.
    middle = dict(derived.precision_recall(roc, 0.1, between=1))
    assert middle[0.8] == pytest.approx(80 / 575)
    assert middle[0.0] == pytest.approx(0.4)


def test_the_isotonic_fit_is_that_of_scikit_learn() -> None:
    generator = np.random.default_rng(7)
    for _ in range(20):
        x = np.sort(generator.random(10))
        y, n = generator.random(10), generator.integers(10, 99, 10)
        fit = IsotonicRegression().fit_transform(x, y, sample_weight=n)
        bins = [CurvePoint(a, b, None, None, int(c)) for a, b, c in zip(x, y, n, strict=True)]
        blocks = derived.isotonic(bins)
        ours = [next(b.height for b in blocks if b.low <= at <= b.high) for at in x]
        assert ours == pytest.approx(fit.tolist())


def test_the_classes_lie_over_the_bins_as_counted_by_hand() -> None:
    # 100 cases with 10 positive, 100 with 40: a fifth and four fifths of the 50 positive ones.
    bins = [CurvePoint(0.1, 0.1, None, None, 100), CurvePoint(0.5, 0.4, None, None, 100)]
    found = derived.classes_by_bin(bins)
    assert [round(b.positive, 6) for b in found] == [0.2, 0.8]
    assert [round(b.negative, 6) for b in found] == [0.6, 0.4]
    assert derived.classes_by_bin([replace(bins[0], y=0.0)]) == []


def test_the_calls_are_rounded_as_the_rule_says() -> None:
    # 300 cases, 150 positive; sensitivity 0.813 is 122 cases, specificity 0.747 is 112.
    calls = derived.calls(released())
    assert calls == derived.Calls(120, 30, 40, 110)
    exact = derived.calls(released(rule=Disclosure(count_step=1)))
    assert exact == derived.Calls(122, 28, 38, 112)


def test_the_decision_curve_stands_beside_calling_everybody_positive() -> None:
    # Prevalence 0.5: at 0.2 everybody is worth 0.5 - 0.5 x 0.25, at 0.4 0.5 - 0.5 x 2/3.
    rows = charts(with_decision())["decision"].rows
    assert [row[0] for row in rows] == ["0.2", "0.4"]
    assert [row[3] for row in rows] == ["0.375", "0.167"]


def test_the_reliability_diagram_carries_intervals_and_bin_sizes() -> None:
    rows = charts(released())["reliability"].rows
    assert [row[3] for row in rows] == ["30"] * 10
    assert all(" to " in row[2] for row in rows)


def test_the_forest_has_a_row_a_level_and_says_why_one_is_empty() -> None:
    chart = charts(released())["forest"]
    said = texts(chart)
    assert said.index("All cases") < said.index("Sex") < said.index("Female") < said.index("Male")
    assert said.count("withheld") == 2
    assert sum(": " in text for text in told(chart)) == 1 + 2 + 4 + 3 + 3


def test_withheld_levels_keep_the_order_of_ages() -> None:
    ages = {"0-9": (100, 50), "10-19": (6, 3), "20-39": (7, 3), "40-79": (100, 50), "80+": (87, 44)}
    found = released(scored=evaluation({"age_group": ages}))
    assert {held.level for held in found.withheld} >= {"10-19"}
    said = texts(charts(found)["forest"])
    assert [text for text in said if text in ages] == list(ages)


def test_levels_are_ordered_by_the_numbers_in_them() -> None:
    assert in_order(["80+", "5-9", "Not Reported", "10-19", "<5"]) == [
        *("<5", "5-9", "10-19", "80+", "Not Reported")
    ]
    assert in_order(["b x 10", "b x 9", "a x Not Reported", "a x 2"]) == [
        *("a x 2", "a x Not Reported", "b x 9", "b x 10")
    ]


def test_a_heat_map_is_coloured_by_the_distance_from_all_cases() -> None:
    overall = estimate(0.8, 300, 150)
    crossed = {("A", "x"): 0.9, ("A", "y"): 0.8, ("B", "x"): 0.75, ("B", "y"): 0.6}
    scored = evaluation({"site x sex": {f"{a} x {b}": (75, 37) for a, b in crossed}})
    results = tuple(
        replace(r, estimate=replace(overall, value=crossed[tuple(r.level.split(" x "))]))  # type: ignore[index]
        if r.metric == "auroc" and r.attribute == "site x sex" and r.level != "max - min"
        else replace(r, estimate=overall)
        if r.metric == "auroc" and r.group == OVERALL
        else r
        for r in scored.results
    )
    chart = charts(released(scored=replace(scored, results=results)))["heat_map"]
    cells = [m.get("fill") for m in drawn(chart).iter(f"{SVG}rect") if m.get("data-t")]
    assert cells == [palette.ABOVE, palette.LEVEL, palette.BELOW, palette.FAR_BELOW]
    assert chart.columns == ("Site", "x", "y")


def test_a_level_that_looks_like_markup_is_drawn_as_text() -> None:
    tables = {"site": {"<b>A</b>": (150, 75), "<a href='x'>B</a>\"": (150, 75)}}
    chart = charts(released(scored=evaluation(tables)))["forest"]
    assert "<b>A</b>" in texts(chart)
    assert not drawn(chart).findall(".//{*}b")


LONG = {
    "Mobile digital radiography unit with a very long name of its maker, ward {i}",
    "X" * 70 + "{i}",
    "胸部エックス線撮影装置（病棟用移動型）第{i}号機",
}


def test_labels_of_thirty_levels_with_long_names_never_overlap() -> None:
    levels = {name.format(i=i): (100, 50) for i in range(10) for name in sorted(LONG)}
    found = released(scored=evaluation({"scanner": levels}, overall=(3000, 1500)))
    chart = charts(found)["forest"]
    boxes = []
    for text in drawn(chart).iter(f"{SVG}text"):
        width = svg.width_of(text.text or "")
        x, y = float(text.get("x", "")), float(text.get("y", ""))
        left = {"middle": x - width / 2, "end": x - width}.get(text.get("text-anchor", ""), x)
        assert left >= -0.1
        assert left + width <= chart.width + 0.1
        boxes.append((left, left + width, y - svg.SIZE, y + 2))
    assert len(boxes) > 60
    for one, other in combinations(boxes, 2):
        beside = one[1] <= other[0] or other[1] <= one[0]
        assert beside or one[3] <= other[2] or other[3] <= one[2]


@pytest.mark.parametrize(
    ("ends", "expected"),
    [
        ((0.0, 1.0), [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]),
        ((0.0, 0.03), [0.0, 0.01, 0.02, 0.03]),
        ((-3.0, 9.0), [-2.5, 0.0, 2.5, 5.0, 7.5]),
    ],
)
def test_ticks_are_round(ends: tuple[float, float], expected: list[float]) -> None:
    assert axes.ticks(*ends) == pytest.approx(expected)


def test_any_range_has_from_one_to_six_ticks_inside_it() -> None:
    generator = np.random.default_rng(3)
    for _ in range(500):
        low = float(generator.normal() * 10.0 ** generator.integers(-3, 3))
        high = low + float(10 ** generator.uniform(-4, 3))
        found = axes.ticks(low, high)
        assert 1 <= len(found) <= 6
        assert low - 1e-9 <= found[0] <= found[-1] <= high + 1e-9


# -- colours ---------------------------------------------------------------------------------------


def test_every_colour_has_a_counterpart_in_the_sheet_for_the_dark_page() -> None:
    dark = palette.in_the_dark()
    for chart in charts(with_decision()).values():
        assert set(re.findall(r"#[0-9a-f]{6}", chart.svg)) <= set(DARK)
    for light, other in DARK.items():
        assert f'svg.chart [fill="{light}"] {{fill: {other};}}' in dark
        assert f'svg.chart [stroke="{light}"] {{stroke: {other};}}' in dark


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


@pytest.mark.parametrize("colour", [palette.INK, palette.MUTED, palette.ACCENT, palette.WARM])
def test_text_and_marks_stand_out_on_both_pages(colour: str) -> None:
    assert contrast(colour, palette.PAPER) >= 4.5
    assert contrast(DARK[colour], DARK[palette.PAPER]) >= 4.5


@pytest.mark.parametrize(
    "cell", [palette.FAR_BELOW, palette.BELOW, palette.LEVEL, palette.ABOVE, palette.FAR_ABOVE]
)
def test_text_stands_out_on_every_cell_of_a_heat_map(cell: str) -> None:
    assert contrast(palette.INK, cell) >= 4.5
    assert contrast(DARK[palette.INK], DARK[cell]) >= 4.5


def test_the_style_sheet_uses_the_colours_of_the_figures() -> None:
    sheet = STYLESHEET.read_text()
    for colour in (palette.INK, palette.MUTED, palette.ACCENT, palette.WARM, palette.GRID):
        assert colour in sheet
        assert DARK[colour] in sheet


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
    places = [float(shared.at(value).rstrip("%")) for value in (0.7, 0.71, 0.86, 0.9)]
    assert places == sorted(set(places))
    assert places[1] - places[0] == pytest.approx(0.25 * (places[3] - places[2]), abs=0.1)


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


def test_a_board_has_three_decimals_at_most_and_its_intervals_are_not_narrower() -> None:
    fine = replace(estimate(0.24944, 300, 150), low=0.21046, high=0.28831)
    assert numbers.value(fine) == "0.24944"
    assert (numbers.board_value(fine), numbers.board_interval(fine)) == (
        "0.249",
        "0.210\N{EN DASH}0.289",
    )
    certain = replace(fine, value=1.0, low=0.9876, high=1.0)
    assert numbers.board_value(certain) == "1.000"
    assert numbers.board_interval(certain) == "0.987\N{EN DASH}1.000"
    coarse = replace(fine, value=0.75, low=0.6, high=0.9)
    assert numbers.board_value(coarse) == "0.75"
    assert numbers.board_value(None) == numbers.DASH
