"""What anybody may put into the folder of locks takes a name from it, and holds nobody up."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from threading import Thread

import pytest

from evaluator.host.locks import held

PLANTED: dict[str, Callable[[Path], object]] = {
    "a named pipe": lambda path: os.mkfifo(path),
    "a link to nothing": lambda path: path.symlink_to("nowhere"),
    "a link to a file": lambda path: path.symlink_to(__file__),
    "a folder": lambda path: path.mkdir(),
}


def first_of(folder: Path, *names: str) -> str:
    """The name that is given, by a thread that must not hang."""
    given: list[str] = []

    def take() -> None:
        with held("thing", names, folder=folder) as (name,):
            given.append(name)

    thread = Thread(target=take, daemon=True)
    thread.start()
    thread.join(10)
    assert given, "held up"
    return given[0]


@pytest.mark.parametrize("what", PLANTED)
def test_another_name_is_given_where_something_else_than_a_lock_lies(
    what: str, tmp_path: Path
) -> None:
    PLANTED[what](tmp_path / "sequestra-thing-a")
    assert first_of(tmp_path, "a", "b") == "b"


def test_each_holder_has_another_name_and_gives_it_back(tmp_path: Path) -> None:
    with held("thing", ("a", "b"), folder=tmp_path) as one:
        assert one == ("a",)
        assert first_of(tmp_path, "a", "b") == "b"
        assert first_of(tmp_path, "a", "b") == "b"
    assert first_of(tmp_path, "a", "b") == "a"


def test_who_waits_long_is_told_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("evaluator.host.locks.TELL_SECONDS", 0.0)

    def give_up() -> None:
        if caplog.messages:
            raise TimeoutError

    with (
        held("thing", ("a",), folder=tmp_path),
        pytest.raises(TimeoutError),
        held("thing", ("a",), waiting=give_up, folder=tmp_path),
    ):
        pass
    assert caplog.messages == [f"a run waits: no thing is free, by the locks in {tmp_path}"]


def test_a_folder_that_nobody_may_write_to_is_the_hosts_fault(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"), held("thing", ("a",), folder=tmp_path / "x"):
        pass
