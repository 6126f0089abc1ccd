"""Enters submissions, cancels them, releases them, scores them again and frees their images."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

from evaluator.benchmark.specification import Benchmark
from evaluator.claims.closing import refusal
from evaluator.evaluation import Evaluated, evaluate
from evaluator.feedback.claims_judged import StudyJudge
from evaluator.feedback.exposure import use_of
from evaluator.queue.admission import admit, discard_archive
from evaluator.reviewing.held import prepared, waits_for_others
from evaluator.sandbox.engine import Engine
from evaluator.sandbox.image_ids import CONTAINERD
from evaluator.signing.signer import sign
from evaluator.stores.installation import Installation
from submissions.ledger.voting.votes import Votes
from submissions.quota import QuotaError
from submissions.receiving import Entry, named, operating_point, receive
from submissions.service.entitled import all_entitled
from submissions.submission import ENDED, Failure, Owner, State, Submission


class SubmissionError(ValueError):
    """A request about a submission, or an entry for a benchmark, that cannot be accepted."""


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
    """Enter an image of this machine, by name, digest or archive, and admit it.

    The image is entered by the digest of its configuration. An image that breaks the contract is
    entered as rejected and costs no quota; if an archive brought it, the engine removes it again.
    A dry run, where the benchmark has practice cases, is left to the queue. The threshold is the
    benchmark's where its [analysis] table declares one.

    Raises QuotaError, EntryError, PeriodError or ContractBroken. An archive that cannot be read is
    not entered.
    """
    declared = benchmark.threshold
    ledger = installation.ledger()
    if not ledger.is_recorded("seal", benchmark.name):
        raise SubmissionError(
            f"benchmark {benchmark.name!r} has no sealed cohort yet; `sequestra seal "
            f"{benchmark.name}` makes one"
        )
    benchmark.period.admit(benchmark.name, datetime.now(UTC).date())
    entry = Entry(
        team=named("team", team),
        model=named("model", model),
        benchmark=benchmark.name,
        threshold=operating_point(
            threshold if declared is None else declared, benchmark.contract.form
        ),
        form=benchmark.contract.form,
    )
    ledger.admit(entry.team, benchmark.name, benchmark.quota)  # before an archive is loaded
    name = uuid4().hex[:12]
    with engine.receive(image, benchmark.contract) as configuration:
        if Path(image).is_file() or engine.connection.store == CONTAINERD:
            # It was loaded, and goes as the block ends, also where this process is killed.
            engine.keep(configuration.digest, name)
        try:
            submission = receive(
                ledger,
                entry=replace(entry, image_digest=configuration.digest),
                quota=benchmark.quota,
                period=benchmark.period,
                submission_id=name,
            )
        except QuotaError:  # used up by another entry of this very moment
            engine.forget(name)
            raise
        return admit(installation, ledger, engine, benchmark, submission)


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
    ledger.move(submission_id, State.FAILED, Failure.CANCELLED, by=Owner.STEWARD)
    return ledger.submission(submission_id)


def release_held(installation: Installation, submission_id: str) -> Submission:
    """Release a held result at the shell, without votes; the audit chain says that it was so.

    Raises SubmissionError for any other state, and where the benchmark asks for two reviewers.
    """
    ledger, enclave = installation.ledger(), installation.enclave()
    submission = ledger.submission(submission_id)
    if submission.state is not State.HELD:
        raise SubmissionError(f"submission {submission_id} is {submission.state.value}, not held")
    benchmark, cohort = installation.sealed(submission.benchmark)
    if benchmark.disclosure.reviewers > 1:
        raise SubmissionError(
            f"benchmark {benchmark.name!r} asks for {benchmark.disclosure.reviewers} reviewers; "
            f"let them vote with `sequestra review vote` or in `sequestra console`"
        )
    if waits_for_others(installation, ledger, benchmark):
        raise SubmissionError(refusal(submission_id, benchmark.name))
    evaluated = prepared(submission, benchmark, cohort, enclave, ledger)
    use = use_of(enclave, benchmark, cohort)
    Votes(ledger).override(
        submission_id,
        evaluated.key,
        evaluated.release.to_json(),
        use,
        entitled=lambda person_id: all_entitled(installation.accounts_url, {person_id}),
    )
    sign(installation, ledger)
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
    judge = StudyJudge(ledger, enclave)  # a verdict is final, and no look is spent here
    again: list[tuple[Submission, Evaluated]] = []
    present = {release.submission_id: release.evaluation_key for release in ledger.releases(name)}
    for submission in ledger.submissions(state=State.RELEASED):
        if submission.submission_id not in present:
            continue
        predictions = enclave.predictions(submission.submission_id, cohort.digest)
        if predictions is None:
            continue
        evaluated = evaluate(
            submission, benchmark, cohort, predictions, enclave, judge_claims=judge
        )
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
        use = use_of(enclave, benchmark, cohort)
        name = submission.submission_id
        ledger.publish(
            name, evaluated.key, document, state=State.RELEASED, use=use, by=Owner.STEWARD
        )
    if again:
        sign(installation, ledger)
    return [submission for submission, _ in again]


def prune(installation: Installation, engine: Engine, days: int) -> list[Submission]:
    """Remove the images of submissions that ended ``days`` or more ago; return those submissions.

    Their predictions stay. An image stays if it has another name or a younger submission needs it.
    """
    ledger, enclave = installation.ledger(), installation.enclave()
    ended = ledger.ended(datetime.now(UTC) - timedelta(days=days))
    over = {submission.submission_id for submission in ended}
    needed = {each.image_digest for each in ledger.submissions() if each.submission_id not in over}
    images = engine.kept()
    freed = [
        submission
        for submission in ended
        if submission.submission_id in images and engine.forget(submission.submission_id)
    ]
    for submission in ended:
        discard_archive(installation, ledger, submission)
    for digest in {submission.image_digest for submission in ended} - needed:
        if digest.startswith("sha256:"):  # else it never was admitted
            enclave.image_archive(digest).unlink(missing_ok=True)
    return freed
