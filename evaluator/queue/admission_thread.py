"""Admits submissions beside the queue's work, which a long lint would hold up."""

from __future__ import annotations

import logging
import time
from contextlib import closing, suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from threading import Thread

from evaluator.benchmark.specification import Benchmark
from evaluator.queue.admission import ArchiveGone, admit
from evaluator.queue.readiness import Fitness
from evaluator.queue.record import Record
from evaluator.queue.registry import RegistryUnavailable
from evaluator.sandbox.engine import Engine, EngineUnavailable
from evaluator.stores.installation import Installation
from submissions.ledger.ledger import Ledger, LedgerError
from submissions.submission import ContractBroken, Failure, State, Submission

MOST_FAULTS = 3
"""How often an engine that answers may fail on one image before the submission fails."""

LOOK_SECONDS = 1.0
"""How often, at most, an idle admission looks into the ledger for a new entry."""

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Looked:
    """How an admission ended: the submission as it is now, and what stood against it."""

    submission: Submission
    error: Exception | None = None


class Admissions:
    """Takes received submissions up in the order of entry, one at a time.

    One archive is read at the speed of the disk; two at once would only share it. The thread has
    its own connection to the engine.
    """

    def __init__(
        self, installation: Installation, ledger: Ledger, fitness: Fitness, record: Record
    ) -> None:
        """Nothing is admitted yet."""
        self._installation = installation
        self._ledger = ledger
        self._fitness = fitness
        self._record = record
        self._done: SimpleQueue[_Looked] = SimpleQueue()
        self._faults: dict[str, int] = {}
        self._enclave = installation.enclave()
        self._found_none = -LOOK_SECONDS
        self.under_way = False

    def go_on(self, seconds: float = 0.0) -> list[str]:
        """Settle what was looked at, waiting so many seconds for it, and begin the next.

        Gives the ids of submissions that were admitted or refused. Raises OSError where the disk
        fails, LedgerError where the ledger does.
        """
        settled: list[str] = []
        if self.under_way:
            try:
                looked = self._done.get(timeout=seconds) if seconds else self._done.get_nowait()
            except Empty:
                return settled
            self.under_way = False
            self._found_none = -LOOK_SECONDS
            settled = self._settle(looked)
        self._begin_next()
        return settled

    def _begin_next(self) -> None:
        now = time.monotonic()
        if not self._fitness.can_admit or now - self._found_none < LOOK_SECONDS:
            return
        for submission in self._ledger.submissions(state=State.RECEIVED):
            if self._fitness.waits(submission) or not self._enclave.is_sealed(submission.benchmark):
                continue
            benchmark = self._fitness.benchmark(submission.benchmark)
            if benchmark is None:
                continue
            self._ledger.refuse_lost_lock()
            self.under_way = True
            # A daemon: a queue that is stopped does not wait for an archive to be read to its end.
            Thread(target=self._look, args=(benchmark, submission), daemon=True).start()
            return
        self._found_none = now

    def _look(self, benchmark: Benchmark, submission: Submission) -> None:
        """Run in the thread: admit, and give whatever came of it to the queue."""
        error: Exception | None = None
        try:
            with closing(Engine.connect()) as engine:
                submission = admit(self._installation, self._ledger, engine, benchmark, submission)
        except Exception as raised:
            error = raised
        self._done.put(_Looked(submission, error))

    def _settle(self, looked: _Looked) -> list[str]:
        submission, error = looked.submission, looked.error
        name = submission.submission_id
        match error:
            case None:
                self._record.tell(submission, submission.state)
            case ContractBroken():
                self._record.tell(submission, State.REJECTED, error.failure)
            case RegistryUnavailable():
                self._fitness.hold(submission, error)
                return []
            case EngineUnavailable() if not _answers():
                self._fitness.lose_engine(error)
                return []
            case EngineUnavailable() if self._faults.get(name, 0) + 1 < MOST_FAULTS:
                self._faults[name] = self._faults.get(name, 0) + 1
                return []
            case LedgerError() | OSError():  # one that was withdrawn took its archive with it
                if self._ledger.submission(name).state is not State.FAILED:
                    raise error
            case _:
                self._give_up(submission, error)
        return [name]

    def _give_up(self, submission: Submission, error: Exception) -> None:
        """End a submission that could not be looked at through no fault of its own."""
        expected = isinstance(error, ArchiveGone | EngineUnavailable)
        _LOG.warning(
            "submission %s could not be admitted: %s",
            submission.submission_id,
            error,
            exc_info=None if expected else error,
        )
        with suppress(LedgerError):  # withdrawn meanwhile
            self._ledger.move(submission.submission_id, State.FAILED, Failure.HARNESS_ERROR)
            self._record.tell(submission, State.FAILED, Failure.HARNESS_ERROR)


def _answers() -> bool:
    """Whether this machine's engine answers, asked over a new connection."""
    try:
        Engine.connect().close()
    except EngineUnavailable:
        return False
    return True
