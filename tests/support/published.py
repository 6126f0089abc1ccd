"""Releases in a ledger of their own, on the way that the queue takes."""

from __future__ import annotations

from evaluator.disclosure.control import Release
from submissions.ledger.ledger import Ledger
from submissions.quota import Quota
from submissions.submission import State, Submission

_WAY = (State.LINTED, State.QUEUED, State.RUNNING, State.SCORING)


def entered(ledger: Ledger, release: Release, *steps: State) -> str:
    """Enter the submission of a release and take it some steps."""
    submission = Submission(
        submission_id=release.submission_id,
        team=release.team,
        model=release.model,
        benchmark=release.benchmark,
        image_digest=release.image_digest,
        threshold=release.threshold,
        state=State.RECEIVED,
        received=release.received,
    )
    return ledger.receive(submission, Quota(10_000, 7), *steps)


def publish(ledger: Ledger, release: Release, key: str = "k" * 64) -> None:
    """Publish a release; its submission is entered where it is not there."""
    if not any(each.submission_id == release.submission_id for each in ledger.submissions()):
        entered(ledger, release, *_WAY)
    ledger.publish(release.submission_id, key, release.to_json(), state=State.RELEASED)
