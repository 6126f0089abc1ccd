"""The dry run of a submission: practice cases in, figures and the whole log out to its team.

It unlocks the sequestered run of the same image digest. No sequestered case is near it, and it is
never charged.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from contextlib import closing, suppress

from evaluator.queue.admission import leave_nothing
from evaluator.queue.dry_run import Practised, renamed
from evaluator.queue.job import Job
from evaluator.queue.record import Record
from evaluator.sandbox.engine import Engine, EngineUnavailable
from evaluator.stores.enclave import StageTime
from evaluator.stores.installation import Installation
from evaluator.stores.practice_cases import read_cases
from evaluator.tasks.first_look import look_of
from evaluator.workers.shard import Ended
from submissions.ledger.ledger import Ledger
from submissions.stage_times import Stage, coarse
from submissions.submission import State


class PracticeRuns:
    """Prepares dry runs and keeps what came of them."""

    def __init__(
        self, installation: Installation, ledger: Ledger, record: Record, shards: int
    ) -> None:
        """Expect that the sequestered run's cases are shared among so many ``shards``."""
        self._installation = installation
        self._ledger = ledger
        self._record = record
        self._shards = shards

    def prepare(self, job: Job) -> None:
        """Give a job the practice cases, in an order and under ids drawn now.

        Raises PracticeError where they are not there.
        """
        cases = read_cases(self._installation, job.benchmark.name)
        job.practice = renamed(tuple(random.SystemRandom().sample(cases, len(cases))))

    def finish(self, job: Job, ended: Ended) -> None:
        """Keep figures and log, and let the submission into the queue or reject it.

        Both are one transaction: a dry run that was cut off before it is done again.
        """
        assert job.practice is not None
        exact = dict(ended.seconds)
        scores, expected = None, None
        if ended.predictions is not None:
            outputs = job.benchmark.contract.outputs
            scores = look_of(job.practice, ended.predictions, outputs)
            once = exact.get(Stage.LOAD, 0.0) + exact.get(Stage.START, 0.0)
            n_cases = len(job.cohort.cases())
            whole = expected_seconds(
                once, exact.get(Stage.INFER, 0.0), len(job.practice), n_cases, self._shards
            )
            expected = coarse(whole)
        seconds = sum(exact.values())
        practised = Practised(
            n_cases=len(job.practice),
            seconds=seconds,
            failure=ended.failure,
            detail=ended.detail,
            log=ended.log,
            scores=scores,
        )
        state = State.QUEUED if ended.failure is None else State.REJECTED
        with self._record.unless_cancelled(job):
            self._ledger.practised(
                job.name, practised.to_json(expected), state=state, failure=ended.failure
            )
        self._record.tell(job.submission, state, ended.failure)
        self._record.times(job.name, _times(ended))
        if state is State.REJECTED:
            # An engine that is gone keeps the image until `sequestra prune`.
            with suppress(EngineUnavailable), closing(Engine.connect()) as engine:
                leave_nothing(self._installation, self._ledger, engine, job.submission)


def expected_seconds(
    once: float, infer: float, n_practice: int, n_cases: int, shards: int
) -> float:
    """How long a run on ``n_cases`` may take, from a dry run's seconds.

    ``once`` is what each container takes whatever its cases, ``infer`` what ``n_practice`` cases
    took. The cases are shared among ``shards`` containers that run beside each other.
    """
    of_one = math.ceil(n_cases / max(1, min(shards, n_cases)))
    return once + infer / n_practice * of_one


def _times(ended: Ended) -> Sequence[StageTime]:
    return [StageTime(Stage.DRY_RUN, sum(ended.seconds.values()), ended.host)]
