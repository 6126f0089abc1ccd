"""The FROC curve is drawn from released figures, and from nothing else."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from xml.etree import ElementTree

import pytest

from evaluator.disclosure.control import Release
from evaluator.leaderboard.drawing.chart import Chart
from evaluator.leaderboard.drawing.palette import DARK
from evaluator.leaderboard.drawing.plots import charts
from evaluator.leaderboard.reports.report import render_report
from evaluator.scoring.results import OVERALL, Result
from metrics.estimate import Estimate
from tests.support.hand_made import estimate, evaluation, released

AT = "sensitivity_at_false_marks"
SENSITIVITY = {"0.25": 0.41, "1": 0.61, "4": 0.81}
WHOLE = {
    "wafroc": 0.812,
    **{f"{AT}_{rate}": value for rate, value in SENSITIVITY.items()},
    "lesion_sensitivity": 0.71,
    "false_marks_per_image": 2.0,
}


def of(values: Mapping[str, float | None], **more: Estimate) -> Release:
    results = [Result.named(m, *OVERALL, estimate(v, 300, 150)) for m, v in values.items()]
    results += [Result.named(m, *OVERALL, each) for m, each in more.items()]
    scored = replace(evaluation({}, curves=False), results=tuple(results))
    return replace(released(scored=scored), task="localisation")


def drawn(release: Release) -> Chart:
    return charts(release, "wafroc")["froc"]


def told(chart: Chart) -> list[str]:
    marks = ElementTree.fromstring(chart.svg).iter()
    return [mark.get("data-t", "") for mark in marks if mark.get("data-t")]


def test_each_mark_is_a_released_figure_in_the_order_of_its_rate() -> None:
    release = of(WHOLE)
    said = told(drawn(release))
    assert [text.partition(":")[0] for text in said] == [
        "0.25 false marks an image",
        "1 false marks an image",
        "all marks, 2.000 false ones an image",
        "4 false marks an image",
    ]
    known = [release.find(f"{AT}_{rate}") for rate in SENSITIVITY]
    known.insert(2, release.find("lesion_sensitivity"))
    for text, found in zip(said, known, strict=True):
        assert found is not None
        numbers = [float(number) for number in re.findall(r"[\d.]+", text.partition(":")[2])]
        assert numbers == [found.value, found.low, found.high]


def test_rates_that_double_lie_equally_far_apart() -> None:
    circles = ElementTree.fromstring(drawn(of(WHOLE)).svg).iter(
        "{http://www.w3.org/2000/svg}circle"
    )
    at = [(float(c.get("cx", "")), float(c.get("cy", ""))) for c in circles if c.get("data-t")]
    assert at[1][0] - at[0][0] == pytest.approx(at[2][0] - at[1][0], abs=0.11)
    assert at[0][1] - at[1][1] == pytest.approx(0.2 * 312, abs=0.11)  # of a frame 312 units high


def test_the_table_says_what_the_curve_shows() -> None:
    chart = drawn(of(WHOLE))
    assert [row[0] for row in chart.rows] == ["0.25", "1", "2 (all marks)", "4"]
    assert chart.rows[0][1].startswith("0.41")
    assert chart.caption.startswith("wAFROC 0.812 (")
    assert "0.41 at 0.25" in chart.description


def test_a_figure_that_is_not_released_is_not_drawn() -> None:
    withheld = {**WHOLE, f"{AT}_1": None, "lesion_sensitivity": None}
    said = told(drawn(of(withheld)))
    assert [text.partition(" ")[0] for text in said] == ["0.25", "4"]


@pytest.mark.parametrize(
    "values",
    [
        {f"{AT}_1": 0.5},  # one point is no curve
        {f"{AT}_1": 0.5, f"{AT}_4_gap": 0.1, f"{AT}_2_standardized": 0.6},
        {"mean_dice": 0.8},
    ],
)
def test_without_two_points_there_is_no_curve(values: Mapping[str, float | None]) -> None:
    assert "froc" not in charts(of(values), "wafroc")


def test_no_false_mark_has_no_place_on_the_scale() -> None:
    said = told(drawn(of({**WHOLE, "false_marks_per_image": 0.0})))
    assert len(said) == 3
    assert not any("all marks" in text for text in said)


def test_a_point_without_an_interval_is_a_dot_alone() -> None:
    bare = replace(estimate(0.9, 300, 150), low=None, high=None)
    chart = drawn(of({f"{AT}_1": 0.5}, **{f"{AT}_2": bare}))
    assert told(chart)[1].endswith("sensitivity 0.900")
    assert chart.rows[1][2] == "\N{EN DASH}"


def test_the_report_has_it_in_a_part_of_its_own_and_in_both_lights() -> None:
    page = render_report(of(WHOLE), primary="wafroc")
    assert '<a href="#marks">Marks</a>' in page
    assert 'id="figure-froc"' in page
    used = set(re.findall(r'(?:fill|stroke)="(#\w+)"', drawn(of(WHOLE)).svg))
    assert used <= set(DARK)
    assert 'href="#marks"' not in render_report(released())
