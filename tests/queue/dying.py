"""Run a command that kills itself at a chosen call: ``MODULE:NAME before|after NTH COMMAND ...``.

A window of a millisecond is hit each time, and nothing of the program knows of it.
"""

from __future__ import annotations

import importlib
import itertools
import os
import runpy
import signal
import sys
from typing import Any

from evaluator.cli import main


def arm(where: str, when: str, nth: int) -> None:
    """Have the ``nth`` call of a function be the last thing that this process does."""
    module, _, path = where.partition(":")
    owner: Any = importlib.import_module(module)
    *within, name = path.split(".")
    for part in within:
        owner = getattr(owner, part)
    real = getattr(owner, name)
    calls = itertools.count(1)

    def dying(*arguments: Any, **named: Any) -> Any:
        last = next(calls) == nth
        if last and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        given = real(*arguments, **named)
        if last:
            os.kill(os.getpid(), signal.SIGKILL)
        return given

    setattr(owner, name, dying)


if __name__ == "__main__":
    where, when, nth, *command = sys.argv[1:]
    arm(where, when, int(nth))
    if command[0] == "track":  # the process that the dispatcher starts beside it
        sys.argv = ["tracker", command[-1]]
        runpy.run_module("evaluator.tracking", run_name="__main__")
    else:
        sys.argv = ["sequestra", *command]
        main()
