"""A process that has libraries and rooms imported and waits; each command runs in a fork of it.

A command of its own process spends most of its time on imports. A fork has them. What reads its
terminal or its environment as it is imported, such as the command line itself, each fork imports as
any process would. Tests of the pages for the roles and of the installed package start each command
as a process of its own.
"""

from __future__ import annotations

import atexit
import importlib
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from threading import Lock

from tests.support.repository import REPOSITORY

LIBRARIES = (
    "alembic.migration",
    "distributed",
    "docker",
    "jinja2",
    "numba",
    "numpy",
    "pyarrow.csv",
    "pyarrow.parquet",
    "pydantic",
    "pydicom",
    "rich.table",
    "scipy.optimize",
    "scipy.special",
    "scipy.stats",
    "sqlalchemy.orm",
    "typer",
)
"""What commands import; none of it starts a thread by that.

Nor does any look at a variable that a test gives its commands (``KNOWN_LATER`` in commands.py).
"""

ROOMS = (
    "evaluator.evaluation",
    "evaluator.queue.dispatcher",
    "evaluator.steward.steward",
    "evaluator.workers.workers",
)
"""Modules of ours that most commands come to, with all that they import."""

OF_A_COMMAND = "evaluator.screen"
"""Is given the columns and colours of its process as it is imported: never before the fork."""


class ReadyProcess:
    """Runs one command at a time; another one meanwhile has to start a process of its own."""

    def __init__(self) -> None:
        """Nothing starts before the first command."""
        self._turn = Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def run(
        self, arguments: Sequence[str], cwd: Path | None, env: Mapping[str, str], timeout: float
    ) -> tuple[int, str, str] | None:
        """Exit code, standard output and standard error; None where a command is under way."""
        if not self._turn.acquire(blocking=False):
            return None
        try:
            with tempfile.TemporaryDirectory() as folder:
                streams = [Path(folder, name) for name in ("out", "err")]
                asked = {
                    "arguments": list(arguments),
                    "cwd": str(cwd or Path.cwd()),
                    "env": dict(env),
                    "streams": [str(stream) for stream in streams],
                }
                code = self._answer(asked, timeout)
                out, err = (stream.read_text(encoding="utf-8") for stream in streams)
                return code, out, err
        finally:
            self._turn.release()

    def _answer(self, asked: Mapping[str, object], timeout: float) -> int:
        process = self._process or self._started()
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(f"{json.dumps(asked)}\n".encode())
        child = int(process.stdout.readline())
        if not select.select([process.stdout], [], [], timeout)[0]:
            os.kill(child, signal.SIGKILL)
            process.stdout.readline()
            raise subprocess.TimeoutExpired(str(asked["arguments"]), timeout)
        return int(process.stdout.readline())

    def _started(self) -> subprocess.Popen[bytes]:
        program = "from tests.support.ready_process import serve; serve()"
        self._process = subprocess.Popen(
            [sys.executable, "-c", program],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,  # a buffer would take the second line with the first, unseen by select
            cwd=REPOSITORY,
            # Linux shares processors out among sessions: what tracks at the lowest rank for a
            # command would else wait for all tests that run beside it.
            start_new_session=True,
        )
        atexit.register(self._end)
        return self._process

    def _end(self) -> None:
        """End it; a command that is under way then belongs to a test that was interrupted."""
        assert self._process is not None
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.communicate()


def serve() -> None:
    """Fork for each line; the fork leaves this function's loop and ends as any process ends."""
    for module in (*LIBRARIES, *ROOMS):
        importlib.import_module(module)
    assert OF_A_COMMAND not in sys.modules
    for line in sys.stdin:
        asked = json.loads(line)
        child = os.fork()
        if child == 0:
            _become(**asked)
            from evaluator.cli import main

            main()
            return
        _tell(child)
        _tell(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))


def _tell(number: int) -> None:
    sys.stdout.write(f"{number}\n")
    sys.stdout.flush()


def _become(
    arguments: Sequence[str], cwd: str, env: Mapping[str, str], streams: Sequence[str]
) -> None:
    """Take the place of a process that was started with these arguments."""
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(env)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    for number, stream in enumerate(streams, start=1):
        file = os.open(stream, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(file, number)
        os.close(file)
    os.close(nothing)
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.argv = ["-c", *arguments]
