"""Run a command that kills at a chosen call: ``MODULE:NAME before|after NTH COMMAND ...``.

It kills itself, or the processes whose ids the environment names, and then goes on without them. A
window of a millisecond is hit each time, and nothing of the program knows of it.
"""

from __future__ import annotations

import importlib
import itertools
import os
import runpy
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from evaluator.commands.main import main

VICTIMS = "SEQUESTRA_TEST_VICTIMS"


def arm(where: str, when: str, nth: int) -> None:
    """Have somebody killed at the ``nth`` call of a function."""
    module, _, path = where.partition(":")
    owner: Any = importlib.import_module(module)
    *within, name = path.split(".")
    for part in within:
        owner = getattr(owner, part)
    real = getattr(owner, name)
    calls = itertools.count(1)

    def dying(*arguments: Any, **named: Any) -> Any:
        now = next(calls) == nth
        if now and when == "before":
            strike()
        given = real(*arguments, **named)
        if now and when == "after":
            strike()
        return given

    setattr(owner, name, dying)


def strike() -> None:
    """kill -9 of this process; or of others and their children, until nothing is left of them."""
    named = os.environ.get(VICTIMS)
    if named is None:
        os.kill(os.getpid(), signal.SIGKILL)
        return
    victims = [int(each) for each in named.split(",")]
    victims += [
        int(child)
        for each in victims
        for child in Path(f"/proc/{each}/task/{each}/children").read_text().split()
    ]
    for each in victims:
        with suppress(ProcessLookupError):
            os.kill(each, signal.SIGKILL)
    while not all(_is_dead(each) for each in victims):
        time.sleep(0.01)


def _is_dead(process: int) -> bool:
    """Whether a process is gone, or waits only for its parent to hear of it."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


if __name__ == "__main__":
    where, when, nth, *command = sys.argv[1:]
    arm(where, when, int(nth))
    if command[0] == "track":  # the process that the dispatcher starts beside it
        sys.argv = ["tracker", command[-1]]
        runpy.run_module("evaluator.tracking.mlflow_runs", run_name="__main__")
    else:
        sys.argv = ["sequestra", *command]
        main()
