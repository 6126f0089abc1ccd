"""Enters submissions, cancels them, releases them, scores them again and frees their images."""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from evaluator.benchmark.specification import Benchmark
from evaluator.evaluation import Evaluated, evaluate
from evaluator.sandbox.engine import Engine
from evaluator.stores.installation import Installation
from submissions.quota import QuotaError
from submissions.submission import ENDED, ContractBroken, Failure, State, Submission

MOST_CHARACTERS = 100

INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f"
    "\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0000-\U000e0fff"
    "\u2800]"
)
"""Characters by which two names differ and look the same: Default_Ignorable_Code_Point in Unicode's
DerivedCoreProperties.txt, 4174 of them as of version 14, and the blank pattern of Braille."""


class SubmissionError(ValueError):
    """An entry, or a request about a submission, that cannot be accepted."""


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
    """Enter an image, by name, digest or archive; raise QuotaError or ContractBroken.

    The image is entered by the digest of its configuration. An image that breaks the contract is
    entered as rejected and costs no quota; if an archive brought it, the engine removes it again.
    The threshold is the benchmark's where its [analysis] table declares one.
    """
    declared = benchmark.analysis.threshold
    ledger = installation.ledger()
    if not ledger.is_recorded("seal", benchmark.name):
        raise SubmissionError(
            f"benchmark {benchmark.name!r} has no sealed cohort yet; `sequestra seal "
            f"{benchmark.name}` makes one"
        )
    team, model = named("team", team), named("model", model)
    threshold = operating_point(threshold if declared is None else declared)
    ledger.admit(team, benchmark.name, benchmark.quota)  # before an archive is loaded
    with engine.receive(image, benchmark.contract) as configuration:
        submission = Submission(
            submission_id=uuid4().hex[:12],
            team=team,
            model=model,
            benchmark=benchmark.name,
            image_digest=configuration.digest,
            threshold=threshold,
            state=State.RECEIVED,
            received=datetime.now(UTC),
        )
        try:
            engine.let_in(configuration, benchmark.contract)
        except ContractBroken as broken:
            ledger.receive(submission, benchmark.quota, State.REJECTED, failure=broken.failure)
            raise
        engine.keep(submission.image_digest, submission.submission_id)
    try:
        ledger.receive(submission, benchmark.quota, State.LINTED, State.QUEUED)
    except QuotaError:  # used up by another entry of this very moment
        engine.forget(submission.submission_id)
        raise
    return ledger.submission(submission.submission_id)


def cancel(installation: Installation, submission_id: str) -> Submission:
    """Cancel a submission that has no result yet; a dispatcher at work ends its containers.

    A submission that never ran is not charged to the quota. Raises SubmissionError where the
    submission has ended.
    """
    ledger = installation.ledger()
    submission = ledger.submission(submission_id)
    if submission.state in ENDED | {State.HELD}:
        raise SubmissionError(
            f"submission {submission_id} is {submission.state.value}: there is nothing to cancel"
        )
    ledger.move(submission_id, State.FAILED, Failure.CANCELLED)
    return ledger.submission(submission_id)


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
    evaluated = evaluate(submission, benchmark, cohort, predictions, enclave)
    ledger.publish(submission_id, evaluated.key, evaluated.release.to_json(), state=State.RELEASED)
    return ledger.submission(submission_id)


def score_again(installation: Installation, name: str) -> list[Submission]:
    """Score the released submissions of a benchmark again from their stored predictions.

    No container runs. Nothing changes where the present release comes from the same scoring code.
    Otherwise a new release takes the place of the old one, which stays in the ledger. Returns the
    submissions that have a new release.

    Raises SubmissionError, and releases nothing, where the code is that of an older release: the
    ledger only grows.
    """
    benchmark, cohort = installation.sealed(name)
    ledger, enclave = installation.ledger(), installation.enclave()
    again: list[tuple[Submission, Evaluated]] = []
    present = {found.submission_id: found.evaluation_key for found in ledger.releases(name)}
    for submission in ledger.submissions(state=State.RELEASED):
        if submission.submission_id not in present:
            continue
        predictions = enclave.predictions(submission.submission_id, cohort.digest)
        if predictions is None:
            continue
        evaluated = evaluate(submission, benchmark, cohort, predictions, enclave)
        if present[submission.submission_id] in (evaluated.key, evaluated.former_key):
            continue
        if evaluated.key in ledger.evaluation_keys(submission.submission_id):
            raise SubmissionError(
                f"submission {submission.submission_id}: this version of Sequestra gives the "
                f"figures of an older release, and the ledger does not go back; use the version of "
                f"the newest release, or a newer one"
            )
        again.append((submission, evaluated))
    for submission, evaluated in again:
        document = evaluated.release.to_json()
        ledger.publish(submission.submission_id, evaluated.key, document, state=State.RELEASED)
    return [submission for submission, _ in again]


def prune(installation: Installation, engine: Engine, days: int) -> list[Submission]:
    """Remove the images of submissions that ended ``days`` or more ago; return those submissions.

    Their predictions stay. An image stays if it has another name or a younger submission needs it.
    """
    ledger, enclave = installation.ledger(), installation.enclave()
    ended = ledger.ended(datetime.now(UTC) - timedelta(days=days))
    over = {submission.submission_id for submission in ended}
    needed = {each.image_digest for each in ledger.submissions() if each.submission_id not in over}
    kept = engine.kept()
    freed = [
        submission
        for submission in ended
        if submission.submission_id in kept and engine.forget(submission.submission_id)
    ]
    for digest in {submission.image_digest for submission in ended} - needed:
        enclave.image_archive(digest).unlink(missing_ok=True)
    return freed


def named(what: str, text: str) -> str:
    """A team's or a model's name as it will be shown; raise SubmissionError for an unfit one."""
    name = " ".join(unicodedata.normalize("NFKC", text).split())
    if unseen := INVISIBLE.search(name):
        raise SubmissionError(
            f"the {what}'s name is {text!a} and has the invisible character "
            f"U+{ord(unseen[0]):04X}; leave it out"
        )
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
