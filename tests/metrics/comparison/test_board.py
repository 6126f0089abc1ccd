"""A board on the reference sets: pairs as pROC, ranks that shared replicates agree on."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from metrics.comparison.board import auroc_board
from metrics.estimate import UndefinedMetric
from tests.metrics.conftest import ReferenceSet


def test_pairs_are_those_of_proc_and_adjusted_by_holm(
    reference_set: Callable[[str], ReferenceSet],
) -> None:
    given = reference_set("S1")
    board = auroc_board(given.y, given.scores, replicates=500)
    expected = {(p["a"], p["b"]): p["p"] for p in given.roc["pairs"].values()}
    found = {(pair.first, pair.second): pair for pair in board.pairs}
    assert found.keys() == expected.keys()
    for key, p in expected.items():
        assert found[key].difference.p_value == pytest.approx(p, abs=1e-9)
    smallest = min(found.values(), key=lambda pair: pair.difference.p_value)
    assert smallest.adjusted_p_value == pytest.approx(3 * smallest.difference.p_value)
    order = sorted(board.auroc, key=lambda name: -board.auroc[name])
    assert [board.ranks[name].rank for name in order] == [1, 2, 3]
    assert {stable.tier for stable in board.ranks.values()} == {1}  # no pair differs


def test_a_submission_more_changes_no_pair_and_a_copy_shares_its_rank(
    reference_set: Callable[[str], ReferenceSet],
) -> None:
    given = reference_set("S4")
    two = {name: given.scores[name] for name in ("p1", "p2")}
    before = auroc_board(given.y, two, given.patients, replicates=500)
    after = auroc_board(
        given.y, {**two, "copy": given.scores["p1"] ** 3}, given.patients, replicates=500
    )
    assert after.pairs[0].difference == before.pairs[0].difference
    assert "Obuchowski" in after.pairs[0].difference.method
    assert after.ranks["copy"] == after.ranks["p1"]
    assert after.ranks["p1"].p_best == pytest.approx(before.ranks["p1"].p_best / 2)
    assert before.ranks["p1"].p_best > 0.95  # p = 0.03 two-sided


def test_an_empty_board_is_undefined() -> None:
    with pytest.raises(UndefinedMetric, match="got none"):
        auroc_board(np.array([True, False]), {})
