"""The page of a benchmark speaks of its own kind of task."""

from __future__ import annotations

import html
import re
from dataclasses import replace
from datetime import date

import pytest

from cohort_selection.task.declaration import Task
from evaluator.benchmark.specification import read_benchmark
from evaluator.disclosure.control import Release
from evaluator.glossary import figure
from evaluator.leaderboard.about import render_about
from evaluator.leaderboard.board.kept import OfReleases
from evaluator.leaderboard.comparison_page import render_choice
from evaluator.leaderboard.pages import Listing
from evaluator.leaderboard.reports import footing
from evaluator.leaderboard.reports.findings import findings
from evaluator.leaderboard.task_words import given_of, rules_of
from evaluator.scoring.results import OVERALL, Result
from tests.support.hand_made import estimate, evaluation, released
from tests.support.repository import REPOSITORY

BINARY_ONLY = ("Brier score", "Calibration slope", "Share of positive cases called positive.")
GIVEN = {
    "simulated-opacity": "the probability that the case is positive",
    "simulated-findings": "a probability for each finding: Opacity, Large heart, Low lung volumes",
    "simulated-type": "a probability for each class, of sum 1: Normal, Opacity, Large heart",
    "simulated-severity": "a grade from 0 to 8 (severity_grade)",
    "simulated-regions": "masks of Opacity",
    "simulated-marks": "marks (points) on Opacity, each with a score",
}


def listing_of(name: str) -> Listing:
    benchmark = read_benchmark(REPOSITORY / "benchmarks" / f"{name}.toml")
    primary = benchmark.analysis.primary
    return Listing(name, benchmark.title, benchmark.description, primary, benchmark=benchmark)


def about(name: str, *metrics: str) -> str:
    """The page in words; its board has a release with these figures where any are named."""
    listing = listing_of(name)
    shown = [replace(with_figures(dict.fromkeys(metrics, 0.7)), benchmark=name)] if metrics else []
    kept = OfReleases(lambda _: shown)
    board = kept.board(name, listing.primary)
    page = render_about(listing, board, None, kept, date(2026, 1, 1))
    return html.unescape(" ".join(re.sub(r"<[^>]+>", " ", page).split()))


def with_figures(values: dict[str, float], task: str = "") -> Release:
    results = [Result.named(m, *OVERALL, estimate(v, 300, 150)) for m, v in values.items()]
    scored = replace(evaluation({}, curves=False), results=tuple(results))
    return replace(released(scored=scored), task=task)


@pytest.mark.parametrize("name", GIVEN)
def test_a_page_says_what_a_model_gives(name: str) -> None:
    page = about(name)
    assert f"A model gives {GIVEN[name]}" in page
    assert all((words in page) == (name == "simulated-opacity") for words in BINARY_ONLY)


def test_a_page_explains_the_figures_that_its_board_has() -> None:
    page = about("simulated-regions", "mean_dice", "mean_hd95", "mean_nsd_at_tolerance_5")
    assert "Mean 95 % Hausdorff distance, mm 95th percentile" in page
    assert "tolerance 5 mm Share of both borders" in page
    assert not any(words in page for words in BINARY_ONLY)


def test_regions_have_rules_and_no_threshold() -> None:
    masks, marks = about("simulated-regions"), about("simulated-marks")
    overlap = "both masks empty: 1; reference empty: 0; nothing drawn on a lesion: 0"
    assert f"Empty masks in overlaps {overlap}" in masks
    assert "A mark is on a lesion where it lies inside the lesion's mask or box" in marks
    assert not any("Threshold" in page for page in (masks, marks))
    assert "Threshold each submission's own" in about("simulated-type")


def test_grades_are_positive_from_a_grade_on() -> None:
    page = about("simulated-severity")
    assert "severity_grade of the clinical table; positive from 5 on" in page
    assert "Threshold grade 2 and 5" in page


def test_other_rules_of_regions_in_words() -> None:
    near = Task("localisation", hit="near", within_mm=7.5, rates=(1.0,))
    boxes = Task("localisation", hit="overlap", least_iou=0.3, rates=(1.0,), structure="Nodule")
    assert given_of(near) == "marks (points) on all annotated structures, each with a score"
    assert given_of(boxes) == "marks (boxes) on Nodule, each with a score"
    assert rules_of(near) == [("A mark is on a lesion", "at most 7.5 mm from its centre")]
    assert rules_of(boxes)[0][1] == "where both boxes share at least 0.3 of their union"
    masks = Task(
        "segmentation",
        both_empty="left out",
        false_mask=0.0,
        missed_mask=0.0,
        distance_penalty_mm=100.0,
    )
    assert [text for _, text in rules_of(masks)] == [
        "both masks empty: left out; reference empty: 0; nothing drawn on a lesion: 0",
        "100 mm where one of both is empty",
    ]


def test_a_board_that_is_never_compared_says_so() -> None:
    page = render_choice(listing_of("simulated-marks"), None, 0)
    assert "Its benchmark declares no time for that, so each" in page
    compared = listing_of("simulated-marks")
    assert "Its benchmark declares" not in render_choice(replace(compared, benchmark=None), None, 0)


@pytest.mark.parametrize(("task", "said"), [("", True), ("segmentation", False)])
def test_only_what_is_called_at_a_threshold_has_one(task: str, said: bool) -> None:
    told = " ".join(footing.methods(replace(released(), task=task)))
    assert ("The threshold of 0.5 was declared" in told) == said


def test_chance_is_told_once_and_of_the_primary_figure() -> None:
    low = {"macro_auroc": 0.52, "hand_till_auroc": 0.51}
    (alarm,) = findings(with_figures(low, "multiclass"), "hand_till_auroc").alarms
    assert "the interval of its AUROC over pairs of classes (Hand & Till)," in alarm
    (other,) = findings(with_figures({"wafroc": 0.5}, "localisation"), "froc_score").alarms
    assert "its weighted area under the AFROC curve," in other


@pytest.mark.parametrize(
    ("name", "within"),
    [
        ("mean_dice", "mean Dice"),
        ("hand_till_auroc", "AUROC over pairs of classes (Hand & Till)"),
        ("npv", "negative predictive value"),
        ("cohen_kappa", "Cohen's kappa"),
    ],
)
def test_an_abbreviation_keeps_its_capitals_within_a_sentence(name: str, within: str) -> None:
    assert figure(name).within == within
