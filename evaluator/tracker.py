"""The dispatcher's end of the process that takes releases to MLflow beside the queue's work.

MLflow takes seconds to import and a good part of one for each run: in a process of its own
(evaluator/tracking.py) it keeps neither the queue nor the interpreter's lock.
"""

from __future__ import annotations

import subprocess
import sys
from contextlib import suppress
from types import TracebackType
from typing import Self

from evaluator.installation import Installation
from submissions.ledger import Ledger

REFUSED = 3
"""Exit code of the process where MLflow takes a release no more."""


class TrackingError(ValueError):
    """The tracking server does not take a release; it waits in the ledger."""


class Tracker:
    """Takes releases to MLflow; its process is started when there is something to do."""

    def __init__(self, installation: Installation, ledger: Ledger) -> None:
        """Track what is untracked in ``ledger``."""
        self._installation = installation
        self._ledger = ledger
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        """Nothing is done yet."""
        return self

    def start(self) -> None:
        """Start the process, so that it is ready when there is a release."""
        if self._process is None or self._process.poll() is not None:
            home = self._installation.root.resolve()
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "evaluator.tracking", str(home)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                # What interrupts the queue lets it finish its run. Not a session of its own: Linux
                # shares processors out among sessions, and its niceness would count for nothing.
                process_group=0,
            )

    def nudge(self) -> None:
        """There is a new release; what MLflow says against it is heard at the end."""
        self.start()
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

        After a failure of the work the process still ends what it can, unheard.
        """
        if error is None and self._ledger.untracked():
            self.start()
        if self._process is None:
            return
        said, _ = self._process.communicate()
        if error is None and self._process.returncode == REFUSED:
            raise TrackingError(said.strip())
        if error is None and self._process.returncode != 0:
            raise TrackingError(
                f"the process that tracks ended with code {self._process.returncode}; its "
                f"releases are on the board, and `sequestra run` tracks them"
            )
