"""The queue: hands submissions to workers, survives being killed, scores each exactly once."""

from __future__ import annotations

import logging
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from threading import Thread
from typing import TYPE_CHECKING

from cohort_selection.atomic_files import sweep
from cohort_selection.cases import BlindedCase
from evaluator.host.resources import WorkersError
from evaluator.queue.admission_thread import Admissions
from evaluator.queue.completion import Completion, prepare_scoring
from evaluator.queue.determinism import drawn_again
from evaluator.queue.dry_run import blinded_cases
from evaluator.queue.image_supply import ImageSupply
from evaluator.queue.job import Job, shared
from evaluator.queue.practice_run import PracticeRuns
from evaluator.queue.readiness import Fitness
from evaluator.queue.record import Cancelled, Record
from evaluator.reviewing.decisions import Reviews
from evaluator.sandbox.engine import EngineUnavailable
from evaluator.scoring.code_version import code_version
from evaluator.signing.key import SigningError
from evaluator.stores.enclave import Enclave, EnclaveUnavailable, Event
from evaluator.stores.installation import Installation
from evaluator.stores.practice_cases import PracticeError
from evaluator.tracking.process import Tracker, refuse_or_tell
from evaluator.workers.scheduler_address import refuse_scheduler
from evaluator.workers.shard import Ended, Shard, clean_host
from submissions.ledger.ledger import Ledger, LedgerError
from submissions.submission import Failure, State, Submission

if TYPE_CHECKING:
    from evaluator.workers.workers import Finished, Workers

_DRY = (State.LINTED, State.DRY_RUN)
_UNFINISHED = (State.RUNNING, State.SCORING, State.QUEUED, *_DRY)

MOST_ENGINE_FAULTS = 3
POLL_SECONDS = 1.0
"""How often a cancelled submission, a lost scheduler and, watching, a new entry are looked for."""

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Work:
    """How a queue is worked through.

    ``scheduler`` is a Dask scheduler's address; empty, this process works. Each submission's cases
    are shared among ``shards`` containers. ``watch`` goes on when the queue is empty. Without
    ``wait`` the queue ends with the last release: its MLflow run follows, and the next queue tells
    what MLflow said against it.
    """

    scheduler: str = ""
    shards: int = 1
    watch: bool = False
    wait: bool = False


def run_queue(
    installation: Installation,
    work: Work,
    *,
    report: Callable[[Submission], None] = lambda _: None,
) -> int:
    """Work through queued and interrupted submissions and have them tracked; return their number.

    ``report`` is called with a submission at each of its state changes. Submissions for
    benchmarks that are not sealed in this installation are left alone: the ledger may be shared.
    What is wrong with the installation stops the queue and is nobody's failure: whatever is under
    way then goes back to the queue.
    """
    if work.scheduler:
        refuse_scheduler(work.scheduler)
    ledger = installation.ledger()
    refuse_or_tell(installation.tracking_uri)
    tracker = Tracker(installation, ledger, awaited=work.wait or work.watch)
    with installation.dispatching(), ledger.dispatching(), tracker:
        dispatcher = _Dispatcher(installation, ledger, tracker, work, report)
        with ExitStack() as opened:
            dispatcher.work_through(opened)
    dispatcher.refuse_unfit()
    return len(dispatcher.worked)


class _Dispatcher:
    def __init__(
        self,
        installation: Installation,
        ledger: Ledger,
        tracker: Tracker,
        work: Work,
        report: Callable[[Submission], None],
    ) -> None:
        self.worked: set[str] = set()
        self._installation = installation
        self._ledger = ledger
        self._enclave: Enclave = installation.enclave()
        self._tracker = tracker
        self._work = work
        self._record = Record(ledger, self._enclave, report)
        self._completion = Completion(installation, ledger, self._record, tracker, work.shards)
        self._reviews = Reviews(
            installation, ledger, self._record.tell, self._completion.signer, tracker
        )
        self._practice = PracticeRuns(installation, ledger, self._record, work.shards)
        self._workers: Workers | None = None
        self._fitness = Fitness(installation)
        self._images = ImageSupply(self._enclave, self._fitness)
        self._admissions = Admissions(installation, ledger, self._fitness, self._record)
        self._waiting: deque[str] = deque()
        self._jobs: dict[str, Job] = {}
        self._looked = 0.0
        self._prepared = False

    def work_through(self, opened: ExitStack) -> None:
        """Take up, hand out, take back, until nothing is left; watching, until stopped."""
        sweep(self._enclave.images_folder())
        if not self._work.scheduler:  # the workers of one do this on their hosts
            clean_host(self._enclave.staging_folder())
        with self._put_back_at_the_end():
            while True:
                if self._work.watch:
                    self._fitness.ask_again()
                self.worked.update(self._admissions.go_on(), self._reviews.keep_up())
                self._take_up_more(opened)
                self._completion.keep_up()
                # A queue that ends has its releases tracked at its end.
                self._tracker.keep_up(busy=bool(self._jobs) or not self._work.watch)
                if self._jobs and self._workers is not None:
                    finished = self._workers.finished(POLL_SECONDS)
                    if finished is not None:
                        self._take_back(finished)
                    else:
                        self._put_back_alone(self._workers)
                    self._drop_cancelled()
                    self._begin_what_is_at_hand(self._workers)
                elif self._admissions.under_way:
                    self.worked.update(self._admissions.go_on(POLL_SECONDS))
                elif self._work.watch:
                    time.sleep(POLL_SECONDS)
                elif not self._waiting:
                    self.worked.update(self._reviews.keep_up(at_once=True))
                    break
        self._completion.conclude()

    def refuse_unfit(self) -> None:
        """Raise what kept a submission waiting, if anything did."""
        self._fitness.refuse_unfit()

    # Taking up

    def _take_up_more(self, opened: ExitStack) -> None:
        while True:
            if not self._waiting:
                self._waiting.extend(self._unfinished())
            if not self._waiting:
                return
            if self._workers is None:
                staging = self._enclave.staging_folder()
                self._tracker.get_ready()
                code_version()  # kept from now on: it parses source, before workers have threads
                from evaluator.workers.workers import open_workers  # slow: the other starts

                self._workers = opened.enter_context(open_workers(self._work.scheduler, staging))
            if not all(job.started for job in self._jobs.values()):
                return  # one more waits at hand
            self._ledger.refuse_lost_lock()
            self._take_up(self._workers, self._ledger.submission(self._waiting.popleft()))

    def _unfinished(self) -> Iterator[str]:
        for submission in self._ledger.submissions():
            name = submission.submission_id
            waits = submission.state in _UNFINISHED and name not in self._jobs
            if (
                waits
                and not self._fitness.waits(submission)
                and self._enclave.is_sealed(submission.benchmark)
                and self._has_place(submission)
            ):
                yield name

    def _has_place(self, submission: Submission) -> bool:
        """Whether a submission may run beside the others of its team.

        The log of a dry run goes to the team: it never runs beside a container of the same team
        that reads sequestered cases, which could signal to it through the machine that they share.
        """
        team = submission.team.casefold()
        beside = [job for job in self._jobs.values() if job.submission.team.casefold() == team]
        if any((job.practice is None) == (submission.state in _DRY) for job in beside):
            return False
        benchmark = self._fitness.benchmark(submission.benchmark)
        limit = None if benchmark is None else benchmark.quota.concurrent
        same = sum(job.benchmark.name == submission.benchmark for job in beside)
        return limit is None or same < limit

    def _take_up(self, workers: Workers, submission: Submission) -> None:
        if submission.state not in _UNFINISHED or not self._has_place(submission):
            return  # cancelled while it waited, or listed again when another has ended
        sealed = self._fitness.sealed(workers, submission.benchmark)
        if sealed is None:
            return
        benchmark, cohort = sealed
        key = self._enclave.blinding_key(submission.submission_id)
        job = Job(submission=submission, benchmark=benchmark, cohort=cohort, key=key)
        with self._settled(job):
            if submission.state in _DRY:
                taken = self._practise(workers, job)
            else:
                taken = self._completion.stands(job) or self._start(workers, job)
            if taken:
                self.worked.add(job.name)

    def _practise(self, workers: Workers, job: Job) -> bool:
        """Begin a dry run; False where there is nothing to run or to run on."""
        if not job.benchmark.practice.cases:  # linted by a version that had no dry runs
            self._record.move(job, State.QUEUED)
            return False
        try:
            self._practice.prepare(job)
        except PracticeError as error:
            self._fitness.hold(job.submission, error)
            return False
        return self._start(workers, job)

    def _start(self, workers: Workers, job: Job) -> bool:
        """Begin a job, or have it at hand; False where its image is nowhere."""
        contract = job.benchmark.contract
        if not self._images.finds(workers, job):
            self._lose_image(job)
            return False
        if job.practice is None:
            blinded = job.cohort.blinded(job.key, contract.visible)
            job.parts.extend(shared(blinded, self._work.shards))
            job.again = drawn_again(blinded, contract, seed=int.from_bytes(job.key[:4], "big"))
        else:
            job.parts.append(blinded_cases(job.practice, contract))
        self._jobs[job.name] = job
        if not workers.remote and not contract.gpus:
            # Laid out here, it runs once it is admitted. More of them could keep all threads, and
            # one with a GPU would keep that, from shards of those that run.
            self._hand_out(workers, job, job.parts.popleft())
        self._begin_if_it_fits(workers, job)
        if not self._prepared:
            self._prepared = True
            Thread(target=prepare_scoring, args=(workers.remote,), daemon=True).start()
        return True

    def _begin_what_is_at_hand(self, workers: Workers) -> None:
        for job in [each for each in self._jobs.values() if not each.started]:
            with self._settled(job):
                self._begin_if_it_fits(workers, job)

    def _begin_if_it_fits(self, workers: Workers, job: Job) -> None:
        """Begin a job where the workers have room for it; else it waits at hand, still queued."""
        beside = [
            shard.contract
            for other in self._jobs.values()
            for shard in other.out.values()
            if other.started
        ]
        if not beside or workers.have_room(job.benchmark.contract, beside):
            self._begin(workers, job)

    def _begin(self, workers: Workers, job: Job) -> None:
        """Say that a job is running, and let it run: in this order."""
        job.started = True
        self._record.move(job, job.runs_as)
        if job.practice is None:
            self._record.event(job, Event.STARTED)
        job.queued = max(0.0, (datetime.now(UTC) - job.submission.received).total_seconds())
        workers.admit(job.attempt)
        while job.parts:
            self._hand_out(workers, job, job.parts.popleft())

    def _hand_out(self, workers: Workers, job: Job, cases: tuple[BlindedCase, ...]) -> str:
        shard = Shard(
            submission_id=job.name,
            image_digest=job.submission.image_digest,
            cases=cases,
            contract=job.benchmark.contract,
            staging=self._enclave.staging_folder(),
            archive=job.archive,
            attempt=job.attempt,
            practice=job.practice is not None,
        )
        token = workers.start(shard)
        job.out[token] = shard
        return token

    def _lose_image(self, job: Job) -> None:
        """Put a submission back into the queue because no engine has its image."""
        self._fitness.lose_image(job.submission)
        if job.name in self._jobs or job.submission.state is job.runs_as:
            self._put_back([job])

    # Taking back

    def _take_back(self, finished: Finished) -> None:
        assert self._workers is not None
        job = next((each for each in self._jobs.values() if finished.token in each.out), None)
        if job is None:
            return
        shard = job.out.pop(finished.token)
        self._begin_what_is_at_hand(self._workers)
        with self._settled(job):
            ended = finished.ended
            if ended is not None and ended.failure is Failure.CANCELLED:
                self._record.refuse_cancelled(job)
                # Not by a person, as the ledger knows: by a dispatcher that took it for its own.
                ended = replace(ended, failure=None, engine_fault=ended.detail)
            if ended is None:
                self._worker_fault(job, finished.error)
            elif ended.harness_fault:
                self._record.event(job, Event.HARNESS_FAULT, ended.harness_fault)
                self._end(job, Failure.HARNESS_ERROR)
            elif ended.engine_fault:
                self._engine_fault(job, shard, finished, ended)
            elif job.practice is not None:
                self._leave(job)
                self._practice.finish(job, ended)
            elif ended.failure is not None:
                self._completion.fail(job, ended, ended.failure)
                self._end(job, ended.failure)
            elif job.repeat == finished.token:
                job.repeated = ended.predictions
            else:
                job.back.append(ended)
            if job.name in self._jobs and not job.out:
                if job.again and not job.repeat:
                    # Not beside the first run: the two could signal through files that they share.
                    cases = tuple(job.again.values())
                    job.repeat = self._hand_out(self._workers, job, cases)
                else:
                    self._completion.complete(job, self._leave)

    def _worker_fault(self, job: Job, error: BaseException | None) -> None:
        if isinstance(error, OSError):
            raise error  # a full disk: the installation's, and the queue's to stop for
        self._record.event(job, Event.WORKER_LOST, "".join(traceback.format_exception(error)))
        self._end(job, Failure.HARNESS_ERROR)

    def _engine_fault(self, job: Job, shard: Shard, finished: Finished, ended: Ended) -> None:
        """Stop where the engine is gone; give a submission that only it refuses up in the end.

        A submission one of whose shards an answering engine has refused ``MOST_ENGINE_FAULTS``
        times fails, and is not charged: it must not keep the others waiting.
        """
        assert self._workers is not None
        faults = job.faults.pop(finished.token, 0)
        if ended.lacks_image and not self._images.finds(self._workers, job):
            self._lose_image(job)
            return
        if ended.lacks_image and shard.archive is None and job.archive is not None:
            # A worker that came later than the question who has the image.
            shard = replace(shard, archive=job.archive)
        elif ended.engine_gone:
            self._record.event(job, Event.ENGINE_LOST, ended.engine_fault)
            if not self._workers.remote:
                raise EngineUnavailable(ended.engine_fault)
            self._workers.retire(finished.worker)
        else:
            self._record.event(job, Event.ENGINE_FAULT, ended.engine_fault)
            faults += 1
            if faults >= MOST_ENGINE_FAULTS:
                _LOG.warning("submission %s could not be run: %s", job.name, ended.engine_fault)
                self._end(job, Failure.HARNESS_ERROR)
                return
        token = self._workers.start(shard, rather_not=finished.worker)
        job.out[token] = shard
        job.faults[token] = faults
        if job.repeat == finished.token:
            job.repeat = token

    # Ends

    @contextmanager
    def _settled(self, job: Job) -> Iterator[None]:
        """Let only what is the installation's stop the queue; the rest ends this one job."""
        try:
            yield
        except Cancelled:
            self._record.event(job, Event.CANCELLED)
            self._leave(job)
        except (OSError, LedgerError, SigningError, WorkersError):
            raise
        except Exception as error:
            _LOG.exception("submission %s failed through a fault of the harness", job.name)
            self._record.event(job, Event.HARNESS_FAULT, "".join(traceback.format_exception(error)))
            self._end(job, Failure.HARNESS_ERROR)

    @contextmanager
    def _put_back_at_the_end(self) -> Iterator[None]:
        """Whatever ends the work, leave no container behind and nothing in the state running."""
        try:
            yield
        finally:
            self._put_back(list(self._jobs.values()))

    def _put_back(self, left: Sequence[Job]) -> None:
        for job in left:
            self._leave(job)
        for job in left:
            self._record.put_back(job)
            with suppress(EnclaveUnavailable):
                if job.started:
                    self._record.event(job, Event.CUT_OFF)

    def _put_back_alone(self, workers: Workers) -> None:
        """Let those wait in the queue for which no worker is left, so that the others go on."""
        for token, error in workers.alone().items():
            for job in [each for each in self._jobs.values() if token in each.out]:
                self._fitness.lose(job.benchmark.name, error)
                self._put_back([job])

    def _drop_cancelled(self) -> None:
        if not self._jobs or time.monotonic() - self._looked < POLL_SECONDS:
            return
        self._looked = time.monotonic()
        self._ledger.refuse_lost_lock()
        for name in self._ledger.among(self._jobs, State.FAILED):
            job = self._jobs[name]
            self._record.event(job, Event.CANCELLED)
            self._leave(job)
            self._record.tell(job.submission, State.FAILED, Failure.CANCELLED)

    def _end(self, job: Job, failure: Failure) -> None:
        self._leave(job)
        with suppress(Cancelled):
            self._record.move(job, State.FAILED, failure)

    def _leave(self, job: Job) -> None:
        """Give up what is out for a job."""
        self._jobs.pop(job.name, None)
        if self._workers is not None and job.out:
            for token in job.out:
                self._workers.drop(token)
            self._workers.kill(job.name, job.attempt)
        job.out.clear()
