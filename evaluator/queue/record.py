"""Writes what happens to submissions into both stores, and tells who listens.

The ledger holds the states, the enclave what the steward alone may read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace

from evaluator.queue.job import Job, stage_times
from evaluator.stores.enclave import Enclave, Event, StageTime
from evaluator.workers.shard import Ended
from submissions.ledger.ledger import Ledger, LedgerError
from submissions.stage_times import Stage
from submissions.submission import Failure, State, Submission


class Cancelled(Exception):
    """The submission was cancelled while it was worked on."""


class Record:
    """The one place in which a queue's work on a submission is recorded."""

    def __init__(
        self, ledger: Ledger, enclave: Enclave, report: Callable[[Submission], None]
    ) -> None:
        """Record in both stores; ``report`` is called at each change of state."""
        self._ledger = ledger
        self._enclave = enclave
        self._report = report

    def move(self, job: Job, state: State, failure: Failure | None = None) -> None:
        """Append a change of state; raise Cancelled where a person was faster."""
        with self.unless_cancelled(job):
            self._ledger.move(job.name, state, failure)
        self.tell(job.submission, state, failure)

    def put_back(self, job: Job) -> None:
        """Give a job that is given up the state in which it waits."""
        # A store that is gone or full: the submission is taken up as it stands. What was
        # cancelled meanwhile stays so, and nobody may listen to the report any more.
        with suppress(LedgerError, OSError):
            self._ledger.move(job.name, job.waits_as)
            self.tell(job.submission, job.waits_as)

    @contextmanager
    def unless_cancelled(self, job: Job) -> Iterator[None]:
        """Tell a change that the ledger refuses because the submission was cancelled."""
        try:
            yield
        except LedgerError:
            self.refuse_cancelled(job)
            raise

    def refuse_cancelled(self, job: Job) -> None:
        """Raise Cancelled where the ledger says that the submission was cancelled."""
        if self._ledger.submission(job.name).failure is Failure.CANCELLED:
            raise Cancelled

    def tell(self, submission: Submission, state: State, failure: Failure | None = None) -> None:
        """Say that a submission has another state."""
        # A fault of the output ends no submission: a terminal may be gone, or lack a character.
        with suppress(Exception):
            self._report(replace(submission, state=state, failure=failure))

    def event(self, job: Job, event: Event, detail: str = "") -> None:
        """Append what happened to a job's run, for the steward."""
        self._enclave.record(job.name, job.cohort.digest, event, detail)

    def run(self, job: Job, back: Sequence[Ended]) -> None:
        """Keep how long a job waited, and what the stages of its shards took as far as it came."""
        self.times(job.name, [StageTime(Stage.QUEUE, job.queued), *stage_times(back)])

    def times(self, submission_id: str, exact: Sequence[StageTime]) -> None:
        """Keep what each stage took; a team is told of each the longest, coarsely."""
        self._enclave.record_stages(submission_id, exact)
        longest: dict[Stage, float] = {}
        for each in exact:
            longest[each.stage] = max(each.seconds, longest.get(each.stage, 0.0))
        self._ledger.record_times(submission_id, longest)
