"""The process that takes releases to MLflow beside the queue's work.

MLflow takes seconds to import and a good part of one for each run: in a process of its own it
keeps neither the queue nor the interpreter's lock. ``python -m evaluator.tracker HOME`` tracks what
is untracked at each line of its input, and a last time at its end.
"""

from __future__ import annotations

import subprocess
import sys
from contextlib import suppress
from fcntl import LOCK_EX, flock
from pathlib import Path
from types import TracebackType
from typing import Self

from evaluator.installation import Installation
from evaluator.tracking import TrackingError, prepare, track_releases
from submissions.ledger import Ledger, LedgerError

_REFUSED = 3


class Tracker:
    """The dispatcher's end of the process; started when there is something to do."""

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
        if self._process is None:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", __name__, str(self._installation.root.resolve())],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                start_new_session=True,  # what interrupts the queue lets it finish its run
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
        if error is None and self._process.returncode == _REFUSED:
            raise TrackingError(said.strip())
        if error is None and self._process.returncode != 0:
            raise TrackingError(
                f"the process that tracks ended with code {self._process.returncode}; its "
                f"releases are on the board, and `sequestra run` tracks them"
            )


def _serve(root: Path) -> None:
    installation = Installation(root)
    with (root / "tracking.lock").open("w") as lock:
        # The process of a dispatcher that was killed may still end its last run.
        flock(lock, LOCK_EX)
        prepare()
        try:
            ledger = installation.ledger()
            for _ in sys.stdin:
                with suppress(TrackingError, LedgerError):  # tried again, and told at the end
                    track_releases(installation, ledger)
            track_releases(installation, ledger)
        except (TrackingError, LedgerError) as error:
            sys.stdout.write(str(error))
            sys.exit(_REFUSED)


if __name__ == "__main__":
    _serve(Path(sys.argv[1]))
