"""What a run that has ended comes to: predictions kept, scored and released, or a failure."""

from __future__ import annotations

import time
from collections.abc import Callable

from evaluator.comparing.freezing import Freezer
from evaluator.feedback.exposure import retire_if_spent, use_of
from evaluator.identity import run_key
from evaluator.queue.determinism import compared
from evaluator.queue.dry_run import practice_auroc
from evaluator.queue.job import Job
from evaluator.queue.record import Record
from evaluator.signing.signer import Signer
from evaluator.stores.enclave import Enclave, Event, StageTime
from evaluator.stores.installation import Installation
from evaluator.tracking.process import Tracker
from evaluator.workers.shard import LAID_OUT, Ended
from submissions.ledger.ledger import Ledger
from submissions.predictions import Predictions
from submissions.stage_times import Stage
from submissions.submission import Failure, State

LAID_OUT_SECONDS = 10.0
"""How long the preparation of scoring lets a worker of this process go first."""


class Completion:
    """Keeps what runs on the sequestered cases bring, scores it and publishes it, once each."""

    def __init__(
        self,
        installation: Installation,
        ledger: Ledger,
        record: Record,
        tracker: Tracker,
        shards: int,
    ) -> None:
        """Complete runs whose cases were shared among so many ``shards``."""
        self._ledger = ledger
        self._enclave: Enclave = installation.enclave()
        self._record = record
        self._tracker = tracker
        self.signer = Signer(installation, ledger)
        self._freezer = Freezer(installation, ledger, self.signer)
        self._shards = shards

    def keep_up(self) -> None:
        """Compare what is due, and sign, each at most once a minute."""
        self._freezer.keep_up()
        self.signer.keep_up()

    def conclude(self) -> None:
        """Compare what is due, and sign, as the queue ends."""
        self._freezer.freeze()
        self.signer.sign()

    def stands(self, job: Job) -> bool:
        """Whether an earlier run stands, and is now complete: its own, or one of its image."""
        digest = job.cohort.digest
        stored = self._enclave.predictions(job.name, digest)
        if stored is None:
            for attempt in self._enclave.attempts(job.name):
                if attempt.failure is not None:
                    self._record.move(job, State.FAILED, attempt.failure)
                    return True
            before = self._enclave.run_of(self._run_key(job))
            stored = None if before is None else self._enclave.predictions(before, digest)
            if stored is None:
                return False
            self._enclave.record_predictions(
                job.name,
                digest,
                stored,
                run_key=self._run_key(job),
                event=Event.REUSED,
                detail=f"the run of submission {before}: the same image on the same cases",
            )
        self._score(job, stored)
        return True

    def fail(self, job: Job, ended: Ended, failure: Failure) -> None:
        """Keep a failure that is the team's: it stands, and the run is not tried again."""
        self._enclave.record_failure(
            job.name, job.cohort.digest, failure, detail=ended.detail, log=ended.log
        )
        self._record.run(job, [ended])

    def complete(self, job: Job, leave: Callable[[Job], None]) -> None:
        """All shards are back: keep what they predicted together, ``leave`` the job, score it."""
        agrees = True
        if job.repeated is not None:
            comparison = compared(job.again, job.predicted(), job.repeated, job.benchmark.contract)
            agrees = comparison.agrees
            self._record.event(job, Event.REPEATED, comparison.sentence())
        predictions = job.unblinded()
        self._enclave.record_predictions(
            job.name,
            job.cohort.digest,
            predictions,
            # What comes out differently each time is nobody else's run.
            run_key=self._run_key(job) if agrees else None,
            log="\n".join(ended.log for ended in job.back if ended.log),
        )
        leave(job)
        self._record.run(job, job.back)
        self._score(job, predictions)

    def _score(self, job: Job, predictions: Predictions) -> None:
        from evaluator.evaluation import evaluate
        from evaluator.feedback.claims_judged import StudyJudge

        self._record.move(job, State.SCORING)
        began = time.monotonic()
        evaluated = evaluate(
            job.submission,
            job.benchmark,
            job.cohort,
            predictions,
            self._enclave,
            practice=practice_auroc(self._ledger.practice(job.name)),
            judge_claims=StudyJudge(self._ledger, self._enclave, spends=True),
        )
        scored = time.monotonic()
        if job.benchmark.disclosure.feedback == "held":
            # What reviewers decide on; the queue releases or refuses it when they have voted.
            self._enclave.hold(job.name, evaluated.key, evaluated.release.to_json())
            retire_if_spent(self._ledger, self._enclave, job.benchmark, job.cohort)
            self._record.move(job, State.HELD)
        else:
            document = evaluated.release.to_json()
            retire_if_spent(self._ledger, self._enclave, job.benchmark, job.cohort)
            use = use_of(self._enclave, job.benchmark, job.cohort)
            with self._record.unless_cancelled(job):
                self._ledger.publish(
                    job.name, evaluated.key, document, state=State.RELEASED, use=use
                )
            self._record.tell(job.submission, State.RELEASED)
            self.signer.sign()
            self._tracker.owe()
        published = time.monotonic()
        times = [
            StageTime(Stage.SCORE, scored - began),
            StageTime(Stage.PUBLISH, published - scored),
        ]
        if evaluated.release.verdict is None:
            self._record.times(job.name, times)
        else:  # how long labels took is told to no team while looks are open
            self._enclave.record_stages(job.name, times)

    def _run_key(self, job: Job) -> str:
        return run_key(job.submission, job.benchmark, job.cohort, self._shards)


def prepare_scoring(remote: bool) -> None:
    """Import what scoring needs while there is nothing to do but wait for containers.

    A worker of this process would share the interpreter with it while it lays out cases.
    """
    if not remote:
        LAID_OUT.wait(LAID_OUT_SECONDS)
    from evaluator.evaluation import prepare

    prepare()
