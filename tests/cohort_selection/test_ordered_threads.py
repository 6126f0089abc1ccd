"""Work in threads gives its results in order, holds no more than its bound, and ends when asked."""

from __future__ import annotations

import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import closing

import pytest
from pydicom.config import IGNORE, settings

from cohort_selection import ordered_threads
from cohort_selection.ordered_threads import in_order


def test_results_come_in_the_order_of_the_items() -> None:
    def later_is_faster(number: int) -> int:
        time.sleep(0.002 * (20 - number))
        return number

    assert list(in_order(later_is_faster, ((k, 1) for k in range(20)), workers=4)) == list(
        range(20)
    )


@pytest.mark.parametrize(("size", "most"), [(1, 6), (40, 2), (1000, 1)])
def test_no_more_is_held_than_the_bound(
    monkeypatch: pytest.MonkeyPatch, size: int, most: int
) -> None:
    """Two for each of three threads, and of sizes no more than 100 together but for a large one."""
    monkeypatch.setattr(ordered_threads, "MOST_BYTES", 100)
    asked = taken = held = 0

    def items() -> Iterator[tuple[int, int]]:
        nonlocal asked, held
        for number in range(30):
            yield number, size
            asked += 1
            held = max(held, asked - taken)

    for _ in in_order(lambda number: number, items(), workers=3):
        taken += 1
    assert (taken, held) == (30, most)


def test_an_error_is_raised_in_its_place_and_nothing_runs_afterwards() -> None:
    begun: list[int] = []

    def work(number: int) -> int:
        begun.append(number)
        if number == 5:
            raise OSError("the disk is full")
        time.sleep(0.01)
        return number

    got: list[int] = []
    with (
        pytest.raises(OSError, match="the disk is full"),
        closing(in_order(work, ((k, 1) for k in range(1000)), workers=2)) as results,
    ):
        got.extend(results)
    threads = [each.name for each in threading.enumerate() if "ThreadPool" in each.name]
    assert threads == []
    assert begun[-1] < 12
    time.sleep(0.05)
    assert begun[-1] < 12


def test_what_is_left_ends_its_threads_and_gives_the_settings_back() -> None:
    before, filters = settings.reading_validation_mode, list(warnings.filters)
    with closing(in_order(lambda number: number, ((k, 1) for k in range(99)), workers=2)) as found:
        assert next(found) == 0
        assert settings.reading_validation_mode == IGNORE
    assert settings.reading_validation_mode == before
    assert list(warnings.filters) == filters
    assert not [each for each in threading.enumerate() if "ThreadPool" in each.name]
