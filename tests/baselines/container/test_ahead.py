"""What is read ahead comes in its order, as many at once as asked, and a failure in its place."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from functools import partial

import pytest

from baselines.container.ahead import ahead


def test_results_come_in_the_order_of_the_inputs() -> None:
    later = threading.Event()

    def read(place: int) -> int:
        if place == 0:
            later.wait(20)  # the first waits until the third was read
        if place == 2:
            later.set()
        return place

    assert list(ahead((partial(read, place) for place in range(5)), 2, 4)) == [0, 1, 2, 3, 4]


def test_no_more_are_begun_than_may_wait() -> None:
    begun: list[int] = []
    reads: Iterator[Callable[[], None]] = (partial(begun.append, place) for place in range(100))
    taken = ahead(reads, 1, 3)
    next(taken)
    assert len(begun) <= 4
    taken.close()
    assert len(begun) <= 4


def test_a_failure_is_raised_in_its_place() -> None:
    def read(place: int) -> int:
        if place == 2:
            raise ValueError("the third")
        return place

    taken = ahead((partial(read, place) for place in range(9)), 2, 4)
    assert [next(taken), next(taken)] == [0, 1]
    with pytest.raises(ValueError, match="the third"):
        next(taken)
