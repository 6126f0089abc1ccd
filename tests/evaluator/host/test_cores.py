"""Processors that runs hold: apart while there are enough, shared evenly when there are not."""

from __future__ import annotations

import os
from contextlib import ExitStack
from pathlib import Path

import pytest

from evaluator.host.cores import has_our_cores, taken_cores, usable_cores

FOUR = ("0", "1", "2", "3")


def test_runs_compute_apart_while_there_are_processors_enough(tmp_path: Path) -> None:
    with (
        taken_cores(2, cores=FOUR, locks=tmp_path) as one,
        taken_cores(1, cores=FOUR, locks=tmp_path) as two,
        taken_cores(1, cores=FOUR, locks=tmp_path) as three,
    ):
        assert sorted((*one, *two, *three)) == list(FOUR)


def test_what_is_given_back_goes_to_the_next(tmp_path: Path) -> None:
    with ExitStack() as first:
        assert first.enter_context(taken_cores(3, cores=FOUR, locks=tmp_path)) == ("0", "1", "2")
        with taken_cores(1, cores=FOUR, locks=tmp_path) as alone:
            assert alone == ("3",)
            first.close()
            with taken_cores(3, cores=FOUR, locks=tmp_path) as after:
                assert after == ("0", "1", "2")


@pytest.mark.parametrize("runs", [5, 8, 9])
def test_more_runs_than_processors_share_them_evenly(runs: int, tmp_path: Path) -> None:
    with ExitStack() as held:
        given = [
            core
            for _ in range(runs)
            for core in held.enter_context(taken_cores(1, cores=FOUR, locks=tmp_path))
        ]
    shares = [given.count(core) for core in FOUR]
    assert sum(shares) == runs
    assert max(shares) - min(shares) <= 1


def test_a_run_of_several_has_each_once_though_others_hold_them(tmp_path: Path) -> None:
    with (
        taken_cores(3, cores=FOUR, locks=tmp_path),
        taken_cores(3, cores=FOUR, locks=tmp_path) as second,
    ):
        assert len(set(second)) == 3
        assert "3" in second  # which the first run left


def test_a_process_gives_only_what_it_may_use_itself() -> None:
    before = os.sched_getaffinity(0)
    last = max(before)
    os.sched_setaffinity(0, {last})  # as taskset or a batch system does
    try:
        assert usable_cores(1) == (str(last),)
    finally:
        os.sched_setaffinity(0, before)


@pytest.mark.parametrize(
    ("listed", "cores"),
    [("0-511\n", 512), ("0-3,8-1023\n", 1020)],
)
def test_a_run_that_wants_more_than_that_gets_them_of_the_machine(
    listed: str, cores: int, tmp_path: Path
) -> None:
    online = tmp_path / "online"  # as /sys/devices/system/cpu/online of a larger machine
    online.write_text(listed, encoding="ascii")
    found = usable_cores(os.cpu_count() or 1, online)
    assert found == tuple(map(str, sorted(os.sched_getaffinity(0))))
    assert len(usable_cores(500, online)) == cores


def test_an_engine_with_other_processors_than_ours_is_another_machine(tmp_path: Path) -> None:
    online = tmp_path / "online"
    online.write_text("0-511\n", encoding="ascii")
    ours = len(os.sched_getaffinity(0))  # what an engine counts that is held to the same ones
    assert has_our_cores(512, online)
    assert has_our_cores(ours, online)
    assert not has_our_cores(512 + ours, online)


def test_processors_are_named_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    with taken_cores(3, cores=("2", "10", "9"), locks=tmp_path) as cores:
        assert cores == ("2", "9", "10")
