"""Masks as runs, by hand and there and back."""

from __future__ import annotations

import numpy as np
import pytest

from cohort_selection.task.runs import MOST_RUNS, RunsError, painted, read_runs, runs_of


def test_a_mask_by_hand() -> None:
    # Two rows of five: pixels 2, 3 and 4 of the first, 1 of the second (the 6th in all).
    mask = np.array([[0, 1, 1, 1, 0], [1, 0, 0, 0, 0]], dtype=bool)
    assert runs_of(mask) == "2 3 6 1"
    assert (painted(read_runs("2 3 6 1", 10), (2, 5)) == mask).all()


def test_a_run_goes_on_into_the_next_row() -> None:
    mask = np.array([[0, 0, 1], [1, 1, 0]], dtype=bool)
    assert runs_of(mask) == "3 3"
    # The same in two runs that touch.
    assert (painted(read_runs("3 1 4 2", 6), (2, 3)) == mask).all()


@pytest.mark.parametrize("shape", [(1, 1), (3, 7), (64, 48)])
@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_what_is_written_is_read(shape: tuple[int, int], share: float) -> None:
    mask = np.random.default_rng(7).random(shape) < share
    assert (painted(read_runs(runs_of(mask), mask.size), shape) == mask).all()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("1", "without a length"),
        ("1 2 3", "without a length"),
        ("0 2", "count from 1"),
        ("3 0", "count from 1"),
        ("3 2 4 1", "before the one before it ends"),
        ("5 1 2 1", "before the one before it ends"),
        ("9 3", "ends at pixel 11 and the picture has 10"),
        ("9999999999 9999999999", "the picture has 10"),
        ("1  2", "no pairs"),
        (" 1 2", "no pairs"),
        ("1 2 ", "no pairs"),
        ("1 -2", "no pairs"),
        ("1 2.0", "no pairs"),
        ("1 1e1", "no pairs"),
        ("\u0661 2", "no pairs"),
        ("12345678901 1", "no pairs"),
    ],
)
def test_what_is_no_mask_is_refused(text: str, said: str) -> None:
    with pytest.raises(RunsError, match=said):
        read_runs(text, 10)


def test_more_runs_than_any_outline_has_are_not_read() -> None:
    with pytest.raises(RunsError, match="at most"):
        read_runs("1 1 " * MOST_RUNS + "1 1", 1 << 40)
