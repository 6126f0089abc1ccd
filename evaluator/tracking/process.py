"""The dispatcher's end of the process that takes releases to MLflow beside the queue's work.

MLflow takes seconds to import and a good part of one for each run: in a process of its own
(evaluator/tracking/mlflow_runs.py) it keeps neither the queue nor the interpreter's lock.
"""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from evaluator.stores.installation import Installation
from submissions.addresses.tracker import tracker_fault
from submissions.ledger.ledger import Ledger, PublishedRelease

LATE_SECONDS = 600.0
"""Longest time that a release waits for its MLflow run while others wait to be released."""

ASK_SECONDS = 60.0
"""How often an idle queue looks for releases without an MLflow run."""

_LOG = logging.getLogger(__name__)

REFUSED = 3
"""Exit code of the process where MLflow takes a release no more."""


class TrackingError(ValueError):
    """The tracking server does not take a release; it waits in the ledger."""


def untracked(installation: Installation, ledger: Ledger) -> list[PublishedRelease]:
    """Releases without an MLflow run, of the benchmarks sealed here: a ledger may be shared."""
    enclave = installation.enclave()
    return [each for each in ledger.untracked() if enclave.is_sealed(each.benchmark)]


def refuse_or_tell(uri: str) -> None:
    """Say before anything is run that MLflow does not answer; raise where it never could.

    A server that is gone may come back, and costs the queue nothing. Raises TrackingError where
    the address itself is wrong.
    """
    fault = tracker_fault(uri)
    if fault is None:
        return
    if fault.lasting:
        raise TrackingError(fault.sentence)
    _LOG.warning("%s; the queue goes on, and later runs track what it releases", fault.sentence)


class Tracker:
    """Takes releases to MLflow; its process is started when there is something to do."""

    def __init__(self, installation: Installation, ledger: Ledger, *, awaited: bool) -> None:
        """Track what is untracked in ``ledger``; the end waits for it where it is ``awaited``.

        Else what is said against it is kept in the installation, for the next one to tell.
        """
        self._awaited = awaited
        self._installation = installation
        self._ledger = ledger
        self._process: subprocess.Popen[str] | None = None
        self._owed: float | None = None
        self._asked = time.monotonic()

    def __enter__(self) -> Self:
        """Log how many releases lack an MLflow run that nobody makes, with the last error."""
        if not self._awaited and not self._ledger.is_tracking():
            waiting = len(untracked(self._installation, self._ledger))
            lines = (
                self._said.read_text("utf-8", "replace").split("\n") if self._said.is_file() else []
            )
            last = next((line for line in reversed(lines) if line.strip()), "no error was logged")
            if waiting:
                _LOG.warning("%d releases have no MLflow run yet (%s)", waiting, last)
        return self

    @property
    def _said(self) -> Path:
        return self._installation.root / "tracking.log"

    def get_ready(self) -> None:
        """Start the process before there is a release, unless nobody will wait for it."""
        if self._awaited:
            self._start()

    def _start(self) -> None:
        if self._process is None or self._process.poll() is not None:
            home = self._installation.root.resolve()
            with ExitStack() as opened:
                # A program that reads the queue's output to its end does not wait for this process.
                log = None if self._awaited else opened.enter_context(self._said.open("a"))
                if log is not None:
                    log.truncate(0)
                self._process = subprocess.Popen(
                    [sys.executable, "-P", "-m", "evaluator.tracking.mlflow_runs", str(home)],
                    stdin=subprocess.PIPE,
                    stdout=log or subprocess.PIPE,
                    stderr=log,
                    encoding="utf-8",
                    errors="replace",
                    env={**os.environ, "PYTHONIOENCODING": "utf-8:backslashreplace"},
                    # What interrupts the queue lets it finish its run. Not a session of its own:
                    # Linux shares processors out among sessions, and its low rank would count for
                    # nothing.
                    process_group=0,
                )

    def owe(self) -> None:
        """There is a new release."""
        if self._owed is None:
            self._owed = time.monotonic()

    def keep_up(self, *, busy: bool) -> None:
        """Have new releases tracked, unless the queue is busy and the oldest is not late yet.

        A run in MLflow costs about half of what a small submission does, and would keep the next
        one waiting.
        """
        now = time.monotonic()
        if not busy and now - self._asked >= ASK_SECONDS:
            self._asked = now
            if untracked(self._installation, self._ledger):
                self._owed = now
        if self._owed is None or (busy and now - self._owed < LATE_SECONDS):
            return
        self._owed = None
        self._start()
        with suppress(BrokenPipeError):  # it has ended, and says why at the end
            assert self._process is not None
            assert self._process.stdin is not None
            self._process.stdin.write("\n")
            self._process.stdin.flush()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Wait until nothing is left to track; raise TrackingError, unless the work itself failed.

        After a failure of the work the process still ends what it can, unheard, and so it does
        where it is not awaited. One that got ready for nothing is sent away.
        """
        owed = error is not None or bool(untracked(self._installation, self._ledger))
        if error is None and owed:
            self._start()
        if self._process is None:
            return
        if not self._awaited:
            with suppress(BrokenPipeError):
                assert self._process.stdin is not None
                self._process.stdin.close()
            return
        if not owed:
            self._process.terminate()
        output, _ = self._process.communicate()
        if error is None and self._process.returncode == REFUSED:
            raise TrackingError(output.strip())
        if owed and error is None and self._process.returncode != 0:
            raise TrackingError(
                f"the process that tracks ended with code {self._process.returncode}; its "
                f"releases are on the board, and `sequestra run` tracks them"
            )
