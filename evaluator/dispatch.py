"""The queue: takes submissions up in order, survives being killed, scores each exactly once."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from uuid import uuid4

from evaluator import tracking
from evaluator.engine import Engine, EngineUnavailable
from evaluator.evaluation import evaluate, predict
from evaluator.installation import Installation
from evaluator.specification import Benchmark
from submissions.image import lint
from submissions.ledger import Ledger
from submissions.submission import ContractBroken, Failure, State, Submission

_UNFINISHED = (State.RUNNING, State.SCORING, State.QUEUED)

_LOG = logging.getLogger(__name__)


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

    An image that breaks the contract is entered as rejected, which costs no quota.
    """
    if not 0.0 <= threshold <= 1.0:
        raise ValueError(f"the threshold is {threshold}; declare a probability from 0 to 1")
    installation.enclave().cohort(benchmark.name)
    configuration = engine.inspect(image)
    ledger = installation.ledger()
    now = datetime.now(UTC)
    benchmark.quota.admit(team, ledger.charged(team, benchmark.name), now)
    submission = Submission(
        submission_id=uuid4().hex[:12],
        team=team,
        model=model,
        benchmark=benchmark.name,
        image_digest=configuration.digest,
        threshold=threshold,
        state=State.RECEIVED,
        received=now,
    )
    ledger.receive(submission)
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

    ``report`` is called with a submission at each of its state changes.
    """
    worked = 0
    with installation.dispatching():
        ledger = installation.ledger()
        for submission in ledger.submissions():
            if submission.state in _UNFINISHED:
                _take_up(submission, installation, ledger, engine, report)
                worked += 1
        track_releases(installation, ledger)
    return worked


def release_held(installation: Installation, submission_id: str) -> Submission:
    """Release a result that the steward has held; the ledger refuses any other state."""
    ledger = installation.ledger()
    ledger.move(submission_id, State.RELEASED)
    track_releases(installation, ledger)
    return ledger.submission(submission_id)


def track_releases(installation: Installation, ledger: Ledger) -> None:
    """Give every release its one MLflow run; a tracking server that is down is tried again."""
    for published in ledger.untracked():
        run_id = tracking.track(published, installation)
        ledger.tracked(published.number, run_id)


def _take_up(
    submission: Submission,
    installation: Installation,
    ledger: Ledger,
    engine: Engine,
    report: Callable[[Submission], None],
) -> None:
    name = submission.submission_id

    def move(state: State, failure: Failure | None = None) -> None:
        ledger.move(name, state, failure)
        report(ledger.submission(name))

    enclave = installation.enclave()
    try:
        benchmark = installation.benchmark(submission.benchmark)
        cohort = enclave.cohort(benchmark.name)
        if submission.state is not State.SCORING:
            move(State.RUNNING)
        predictions = predict(submission, benchmark, cohort, engine, enclave)
        move(State.SCORING)
        evaluated = evaluate(submission, benchmark, predictions, enclave)
        held = benchmark.disclosure.feedback == "held"
        ledger.publish(
            name,
            evaluated.key,
            evaluated.release.to_json(),
            state=State.HELD if held else State.RELEASED,
        )
        report(ledger.submission(name))
    except ContractBroken as broken:
        move(State.FAILED, broken.failure)
    except EngineUnavailable:
        raise  # not the submission's fault: it stays running and is taken up again
    except Exception:
        _LOG.exception("submission %s failed through a fault of the harness", name)
        move(State.FAILED, Failure.HARNESS_ERROR)
