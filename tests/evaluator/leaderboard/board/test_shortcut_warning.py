"""A board says where a model that sees no picture stands near the best."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from rich.console import Console

from evaluator.disclosure.control import Release
from evaluator.leaderboard.board.kept import OfReleases
from evaluator.leaderboard.board.shortcut_warning import shortcut_warnings
from evaluator.leaderboard.board.terminal import render_terminal
from evaluator.leaderboard.board.view import View
from evaluator.leaderboard.pages import Listing, render_board
from tests.support.hand_made import TYPICAL, evaluation, released

BENCHMARK = "chest-opacity"


def entry(name: str, model: str, auroc: float, low: float, high: float, team: str) -> Release:
    found = released(
        name, team=team, model=model, scored=evaluation({}, values={**TYPICAL, "auroc": auroc})
    )
    return replace(
        found,
        results=tuple(
            replace(each, estimate=replace(each.estimate, value=auroc, low=low, high=high))
            if each.metric == "auroc"
            else each
            for each in found.results
        ),
    )


BEST = entry("best", "Network", 0.85, 0.80, 0.89, "Lab")


def told(*releases: Release) -> list[str]:
    kept = OfReleases(lambda _: releases)
    return shortcut_warnings(kept.board(BENCHMARK, "auroc"), kept)


@pytest.mark.parametrize(
    ("value", "low", "high", "near"),
    [
        (0.80, 0.75, 0.84, True),  # 0.30 of 0.35 above chance
        (0.70, 0.55, 0.86, True),  # its interval reaches the best
        (0.70, 0.65, 0.75, False),  # 0.20 of 0.35, and its interval ends below
        (0.60, 0.45, 0.86, False),  # may be chance
    ],
)
def test_headers_near_the_best_are_told(value: float, low: float, high: float, near: bool) -> None:
    headers = entry("h", "Headers", value, low, high, "Baseline")
    expected = (
        f"A model that sees headers alone reaches an AUROC of {value:.3f}, and the best model "
        "0.850: submissions may use shortcuts."
    )
    assert told(BEST, headers) == ([expected] if near else [])


def test_only_a_baseline_of_that_name_counts() -> None:
    assert told(BEST, entry("h", "Headers", 0.84, 0.8, 0.9, "Another lab")) == []
    assert told(BEST, entry("h", "Radiomics", 0.84, 0.8, 0.9, "Baseline")) == []
    (sentence,) = told(BEST, entry("d", "Demographics 2", 0.84, 0.8, 0.9, "baselines"))
    assert "attributes of the patients alone" in sentence
    assert "confounding" in sentence


def test_nothing_is_told_beside_no_better_model() -> None:
    constant = entry("p", "Prevalence", 0.5, 0.5, 0.5, "Baseline")
    assert told(constant, entry("h", "Headers", 0.8, 0.7, 0.9, "Baseline")) == []
    assert told() == []


def test_page_and_terminal_have_the_line() -> None:
    kept = OfReleases(lambda _: (BEST, entry("h", "Headers", 0.8, 0.75, 0.84, "Baseline")))
    board = kept.board(BENCHMARK, "auroc")
    page = render_board(Listing(BENCHMARK, "Opacity", ""), board, View(), kept)
    assert page.count("submissions may use shortcuts.</p>") == 1
    console = Console(file=io.StringIO(), width=200)
    console.print(render_terminal(board, kept))
    assert "submissions may use shortcuts" in console.file.getvalue()  # type: ignore[attr-defined]
