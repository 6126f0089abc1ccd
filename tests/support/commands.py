"""The command line as a person uses it: a process of its own, its words and its exit code."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.support.ready_process import ReadyProcess
from tests.support.repository import REPOSITORY

PROGRAM = (sys.executable, "-c", "from evaluator.cli import main; main()")

_READY = ReadyProcess()
_SECONDS = 900

KNOWN_LATER = ("SEQUESTRA_", "MLFLOW_")
"""How variables are called that only commands look at, no library that a fork has already."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended."""

    code: int
    printed: str
    complained: str


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment without what would lead a command out of its folder."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name == "SEQUESTRA_DATA"
        or not (name.startswith("SEQUESTRA_") or name == "MLFLOW_TRACKING_URI")
    }
    nowhere = {"XDG_CONFIG_HOME": "/nonexistent"}  # the logins of this user are not the tests'
    return {**kept, **nowhere, "COLUMNS": "200", "NO_COLOR": "1", **(extra or {})}


def sequestra(
    *arguments: str | Path, cwd: Path | None = None, env: Mapping[str, str] | None = None
) -> Ended:
    """Run a command to its end; where ``cwd`` has a copy of the code, by that copy."""
    has_a_copy = cwd is not None and cwd != REPOSITORY and (cwd / "evaluator").is_dir()
    if not has_a_copy and all(name.startswith(KNOWN_LATER) for name in env or ()):
        forked = _READY.run(list(map(str, arguments)), cwd, environment(env), _SECONDS)
        if forked is not None:
            return Ended(*forked)
    ended = subprocess.run(
        [*PROGRAM, *map(str, arguments)],
        check=False,
        capture_output=True,
        text=True,
        cwd=cwd,
        env=environment(env),
        timeout=_SECONDS,
    )
    return Ended(ended.returncode, ended.stdout, ended.stderr)


def succeed(
    *arguments: str | Path, cwd: Path | None = None, env: Mapping[str, str] | None = None
) -> str:
    """Run a command that must end well; return what it printed."""
    ended = sequestra(*arguments, cwd=cwd, env=env)
    assert ended.code == 0, f"{arguments}\n{ended.printed}\n{ended.complained}"
    return ended.printed


def refused(*arguments: str | Path, env: Mapping[str, str] | None = None) -> str:
    """Run a command that must be refused with one sentence; return the sentence."""
    ended = sequestra(*arguments, env=env)
    assert ended.code == 2, f"{arguments}\n{ended.printed}\n{ended.complained}"
    assert "Traceback" not in ended.complained
    return ended.complained
