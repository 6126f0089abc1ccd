from __future__ import annotations

import io
from dataclasses import replace

import pytest
from rich.console import Console

from evaluator.disclosure.control import Release
from evaluator.leaderboard.board.kept import OfReleases
from evaluator.leaderboard.board.ranking import placed, worst_group
from evaluator.leaderboard.board.terminal import render_terminal
from evaluator.leaderboard.board.view import ViewError
from evaluator.scoring.results import OVERALL
from metrics.estimate import Estimate
from tests.support.hand_made import TYPICAL, evaluation, released


def scored(name: str, auroc: float | None, *, team: str | None = None, day: int = 3) -> Release:
    found = released(
        name,
        team=team or f"team {name}",
        model="m",
        day=day,
        scored=evaluation({}, values={**TYPICAL, "auroc": auroc or 0.0}),
    )
    if auroc is not None:
        return found
    missing = Estimate(
        value=None,
        low=None,
        high=None,
        n_cases=300,
        n_patients=300,
        n_positive=150,
        method="",
        undefined="needs both classes",
    )
    return replace(
        found,
        results=tuple(
            replace(result, estimate=missing) if result.metric == "auroc" else result
            for result in found.results
        ),
    )


def test_higher_auroc_stands_first() -> None:
    board = placed([scored("a", 0.7), scored("b", 0.9), scored("c", 0.8)])
    assert [(s.rank, s.entrant.submission_id) for s in board] == [(1, "b"), (2, "c"), (3, "a")]


def test_lower_brier_stands_first() -> None:
    releases = [
        released(name, team=name, scored=evaluation({}, values={"brier": value}))
        for name, value in (("a", 0.21), ("b", 0.14))
    ]
    assert [s.entrant.submission_id for s in placed(releases, "brier")] == ["b", "a"]


def test_ties_share_a_rank_and_the_next_is_skipped() -> None:
    board = placed([scored("a", 0.8), scored("b", 0.8), scored("c", 0.7), scored("d", 0.9)])
    assert [(s.rank, s.entrant.submission_id) for s in board] == [
        (1, "d"),
        (2, "a"),
        (2, "b"),
        (4, "c"),
    ]


def test_values_that_are_equal_once_released_share_a_rank() -> None:
    board = placed([scored("a", 0.80012), scored("b", 0.80041)])
    assert [s.rank for s in board] == [1, 1]


def test_an_undefined_primary_has_no_rank_and_stands_last() -> None:
    board = placed([scored("a", None), scored("b", 0.4)])
    assert [(s.rank, s.entrant.submission_id) for s in board] == [(1, "b"), (None, "a")]


def test_a_release_without_any_figure_stands_last() -> None:
    nothing = released("a", team="a", scored=evaluation({}, overall=(120, 3)))
    board = placed([nothing, scored("b", 0.4)])
    assert [(s.rank, s.entrant.submission_id) for s in board] == [(1, "b"), (None, "a")]


def test_a_model_stands_once_with_its_best() -> None:
    team = "one team"
    releases = [scored("a", 0.7, team=team), scored("b", 0.8, team=team), scored("c", 0.75)]
    board = placed(releases)
    assert [(s.entrant.submission_id, s.entries) for s in board] == [("b", 2), ("c", 1)]


def test_of_equal_submissions_of_one_model_the_earlier_stands() -> None:
    team = "one team"
    releases = [scored("late", 0.8, team=team, day=9), scored("early", 0.8, team=team, day=2)]
    assert [s.entrant.submission_id for s in placed(releases)] == ["early"]


def test_of_a_submission_that_was_scored_again_the_newest_release_counts() -> None:
    board = placed([scored("a", 0.9), scored("b", 0.8), scored("a", 0.7)])
    assert [(s.entrant.submission_id, s.entrant.figures["auroc"], s.entries) for s in board] == [
        ("b", 0.8, 1),
        ("a", 0.7, 1),
    ]


def test_order_of_the_releases_does_not_matter() -> None:
    releases = [
        scored(name, value) for name, value in zip("abcd", (0.7, 0.9, 0.7, None), strict=True)
    ]
    there, back = placed(releases), placed(releases[::-1])
    assert [(s.rank, s.entrant.submission_id) for s in there] == [
        (s.rank, s.entrant.submission_id) for s in back
    ]


def test_baselines_are_marked() -> None:
    board = placed([scored("a", 0.7, team="Baseline"), scored("b", 0.8)])
    assert [s.entrant.baseline for s in board] == [False, True]


def test_a_figure_with_a_target_value_cannot_placed() -> None:
    with pytest.raises(ValueError, match="'calibration_slope', which has no better direction"):
        placed([scored("a", 0.7)], "calibration_slope")


def test_nothing_released_is_an_empty_board() -> None:
    assert placed([]) == ()


def test_the_worst_group_is_the_least_shown_value() -> None:
    # hand_made shifts the fourth level of an attribute down by 0.026: 80+ is the lowest shown.
    worst = worst_group(released())
    assert worst is not None
    assert (worst.attribute, worst.level, worst.estimate.value) == ("age_group", "80+", 0.825)
    assert (worst.attribute, worst.level) != OVERALL
    assert worst_group(scored("a", 0.7)) is None


def printed(releases: list[Release], width: int = 140, page: int = 1) -> str:
    console = Console(width=width, file=io.StringIO(), color_system=None)
    kept = OfReleases(lambda _: releases)
    board = kept.board("chest-opacity", "auroc")
    console.print(render_terminal(board, kept, title="Chest [red]opacity", page=page))
    text = console.file
    assert isinstance(text, io.StringIO)
    return text.getvalue()


def test_the_terminal_shows_each_standing_with_its_interval() -> None:
    text = printed([scored("a", 0.7), scored("b", None), scored("c", 0.5, team="baseline")])
    assert "Chest [red]opacity" in text
    assert "0.666–0.734" in text
    assert "needs both classes" in text
    assert "(baseline)" in text


def test_markup_in_a_name_is_printed_as_it_is() -> None:
    text = printed([scored("a", 0.7, team="[bold red]us[/] [link=http://x]y")])
    assert "[bold red]us[/]" in text.replace("\n", "")


def test_the_terminal_says_that_a_board_is_empty() -> None:
    assert "No submission has been released yet." in printed([])


def test_the_terminal_table_keeps_every_figure_at_eighty_columns() -> None:
    text = printed([scored("a", 0.7123)], width=80)
    assert "0.712" in text
    assert "…" not in text
    assert "2026-01-03" in text
    assert "300" in text


def test_the_terminal_shows_a_page_and_says_how_to_see_the_next() -> None:
    releases = [scored(f"s{number}", 0.9 - number / 1000) for number in range(51)]
    first, last = printed(releases), printed(releases, page=2)
    assert "Rows 1 to 50 of 51; --page 2 shows the next." in first
    assert "Rows 51 to 51 of 51." in last
    assert "team s50" not in first
    assert "team s50" in last
    with pytest.raises(ViewError, match="has 2 pages, and page 3 was asked for"):
        printed(releases, page=3)
