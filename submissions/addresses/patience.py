"""Limits the wait for an address."""

from __future__ import annotations

from collections.abc import Callable
from queue import Empty, SimpleQueue
from threading import Thread
from typing import TypeVar

ANSWER_SECONDS = 8.0
"""Longest time that an address may take to answer, in all."""

_Answer = TypeVar("_Answer")


class NoAnswer(OSError):
    """Nothing came back in time."""


def within(seconds: float, act: Callable[[], _Answer]) -> _Answer:
    """Call ``act``; raise NoAnswer where it takes longer than ``seconds``, and leave it running.

    An exception of ``act`` is raised here.
    """
    answers: SimpleQueue[tuple[_Answer | None, BaseException | None]] = SimpleQueue()

    def run() -> None:
        try:
            answers.put((act(), None))
        except BaseException as error:
            answers.put((None, error))

    Thread(target=run, daemon=True).start()
    try:
        answer, error = answers.get(timeout=seconds)
    except Empty:
        raise NoAnswer(f"no answer within {seconds:g} seconds") from None
    if error is not None:
        raise error
    return answer  # type: ignore[return-value]
