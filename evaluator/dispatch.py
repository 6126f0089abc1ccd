"""The queue: takes submissions up in order, survives being killed, scores each exactly once."""

from __future__ import annotations

import logging
import traceback
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import uuid4

from cohort_selection.cohort import Cohort
from evaluator import tracking
from evaluator.enclave import Enclave, Event
from evaluator.engine import Engine, EngineUnavailable
from evaluator.evaluation import evaluate, predict
from evaluator.installation import Installation
from evaluator.specification import Benchmark
from submissions.image import lint
from submissions.ledger import Ledger, LedgerError
from submissions.submission import ContractBroken, Failure, State, Submission

_UNFINISHED = (State.RUNNING, State.SCORING, State.QUEUED)

MOST_CHARACTERS = 100
MOST_ENGINE_FAULTS = 3

_LOG = logging.getLogger(__name__)


class SubmissionError(ValueError):
    """What was entered, or asked of a submission, cannot be."""


def submit(
    installation: Installation,
    engine: Engine,
    benchmark: Benchmark,
    image: str,
    *,
    team: str,
    model: str,
    threshold: float,
) -> Submission:
    """Enter an image for a benchmark by its content digest; raise QuotaError or ContractBroken.

    An image that breaks the contract is entered as rejected, which costs no quota. The threshold
    is the benchmark's where its [analysis] table declares one.
    """
    declared = benchmark.analysis.threshold
    ledger = installation.ledger()
    if not ledger.is_recorded("seal", benchmark.name):
        raise SubmissionError(
            f"benchmark {benchmark.name!r} has no sealed cohort yet; `sequestra seal "
            f"{benchmark.name}` makes one"
        )
    configuration = engine.inspect(image)
    submission = Submission(
        submission_id=uuid4().hex[:12],
        team=named("team", team),
        model=named("model", model),
        benchmark=benchmark.name,
        image_digest=configuration.digest,
        threshold=operating_point(threshold if declared is None else declared),
        state=State.RECEIVED,
        received=datetime.now(UTC),
    )
    engine.keep(submission.image_digest, submission.submission_id)
    ledger.receive(submission, benchmark.quota)
    try:
        lint(configuration, benchmark.contract)
    except ContractBroken as broken:
        ledger.move(submission.submission_id, State.REJECTED, broken.failure)
        raise
    ledger.move(submission.submission_id, State.LINTED)
    ledger.move(submission.submission_id, State.QUEUED)
    return ledger.submission(submission.submission_id)


def run_queue(
    installation: Installation,
    engine: Engine,
    *,
    report: Callable[[Submission], None] = lambda _: None,
) -> int:
    """Work through what is queued or was cut off, then track it; return how many were worked on.

    ``report`` is called with a submission at each of its state changes. Submissions for
    benchmarks that are not sealed in this installation are left alone: the ledger may be shared.
    What is wrong with the installation stops the queue and is nobody's failure.
    """
    worked = 0
    with installation.dispatching():
        ledger, enclave = installation.ledger(), installation.enclave()
        opened: dict[str, tuple[Benchmark, Cohort]] = {}
        for submission in ledger.submissions():
            name = submission.benchmark
            if submission.state not in _UNFINISHED or not enclave.is_sealed(name):
                continue
            if name not in opened:
                opened[name] = installation.sealed(name)
            _take_up(_Job(submission, *opened[name], ledger, engine, enclave, report))
            worked += 1
        track_releases(installation, ledger)
    return worked


def release_held(installation: Installation, submission_id: str) -> Submission:
    """Release a result that the steward has held; raise SubmissionError for any other state."""
    ledger, enclave = installation.ledger(), installation.enclave()
    submission = ledger.submission(submission_id)
    if submission.state is not State.HELD:
        raise SubmissionError(f"submission {submission_id} is {submission.state.value}, not held")
    benchmark, cohort = installation.sealed(submission.benchmark)
    predictions = enclave.predictions(submission_id, cohort.digest)
    if predictions is None:
        raise SubmissionError(f"submission {submission_id} is held but has no stored predictions")
    evaluated = evaluate(submission, benchmark, predictions, enclave)
    ledger.publish(submission_id, evaluated.key, evaluated.release.to_json(), state=State.RELEASED)
    return ledger.submission(submission_id)


def track_releases(installation: Installation, ledger: Ledger) -> None:
    """Give every release its one MLflow run; a tracking server that is down is tried again."""
    for published in ledger.untracked():
        run_id = tracking.track(published, installation)
        ledger.tracked(published.number, run_id)


def named(what: str, text: str) -> str:
    """A team's or a model's name as it will be shown; raise SubmissionError for an unfit one."""
    name = " ".join(unicodedata.normalize("NFKC", text).split())
    if not 1 <= len(name) <= MOST_CHARACTERS or not name.isprintable():
        raise SubmissionError(
            f"the {what}'s name is {text!r}; give 1 to {MOST_CHARACTERS} printable characters"
        )
    return name


def operating_point(threshold: float) -> float:
    """A threshold that can be declared; raise SubmissionError."""
    if not 0.0 <= threshold <= 1.0:
        raise SubmissionError(f"the threshold is {threshold}; declare a probability from 0 to 1")
    return threshold


@dataclass(frozen=True, slots=True)
class _Job:
    submission: Submission
    benchmark: Benchmark
    cohort: Cohort
    ledger: Ledger
    engine: Engine
    enclave: Enclave
    report: Callable[[Submission], None]

    def move(self, state: State, failure: Failure | None = None) -> None:
        self.ledger.move(self.submission.submission_id, state, failure)
        self.tell()

    def tell(self) -> None:
        self.report(self.ledger.submission(self.submission.submission_id))

    def note(self, event: Event, error: Exception) -> None:
        name = self.submission.submission_id
        detail = "".join(traceback.format_exception(error))
        self.enclave.record(name, self.cohort.digest, event, detail)


def _take_up(job: _Job) -> None:
    submission = job.submission
    try:
        if submission.state is not State.SCORING:
            job.move(State.RUNNING)
        predictions = predict(submission, job.benchmark, job.cohort, job.engine, job.enclave)
        job.move(State.SCORING)
        evaluated = evaluate(submission, job.benchmark, predictions, job.enclave)
        if job.benchmark.disclosure.feedback == "held":
            job.move(State.HELD)  # the document itself stays in the enclave until it is released
        else:
            document = evaluated.release.to_json()
            job.ledger.publish(
                submission.submission_id, evaluated.key, document, state=State.RELEASED
            )
            job.tell()
    except ContractBroken as broken:
        job.move(State.FAILED, broken.failure)
    except EngineUnavailable as error:
        _engine_fault(job, error)
    except (OSError, LedgerError):
        raise  # a full disk, a lost store: the installation's, and the queue's to stop for
    except Exception as error:
        _LOG.exception("submission %s failed through a fault of the harness", submission)
        job.note(Event.HARNESS_FAULT, error)
        job.move(State.FAILED, Failure.HARNESS_ERROR)


def _engine_fault(job: _Job, error: EngineUnavailable) -> None:
    """Stop the queue where the engine is gone; set aside a submission that only it refuses.

    A submission that an answering engine has refused ``MOST_ENGINE_FAULTS`` times fails, and is
    not charged: it must not keep the others waiting.
    """
    job.note(Event.ENGINE_FAULT, error)
    Engine.connect()
    name = job.submission.submission_id
    faults = [each for each in job.enclave.attempts(name) if each.event is Event.ENGINE_FAULT]
    _LOG.warning("submission %s could not be run: %s", name, error)
    if len(faults) >= MOST_ENGINE_FAULTS:
        job.move(State.FAILED, Failure.HARNESS_ERROR)
