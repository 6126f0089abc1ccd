"""An installation whose ledger has a seal and signed releases, as runs of a queue leave them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace

from evaluator.disclosure.control import Release
from evaluator.signing.signer import sign
from evaluator.stores.installation import Installation
from submissions.fact_sheet import FactSheet, template
from submissions.ledger.ledger import Arrival, Ledger
from submissions.quota import Quota
from submissions.submission import Failure, Owner, State, Submission
from tests.support.hand_made import COHORT, released

BENCHMARK = "chest-opacity"
SHEET = FactSheet.from_toml(template())


def seal(ledger: Ledger, benchmark: str = BENCHMARK, digest: str = COHORT) -> None:
    """The entry that a steward's seal leaves."""
    ledger.record("seal", benchmark, f"{digest}; pictures compared")


def entered(ledger: Ledger, release: Release, *, sheet: FactSheet | None = None) -> None:
    """Enter the submission of a release; no state but received."""
    submission = Submission(
        submission_id=release.submission_id,
        team=release.team,
        model=release.model,
        benchmark=release.benchmark,
        image_digest="archive:" + "2" * 64,
        threshold=release.threshold,
        state=State.RECEIVED,
        received=release.received,
    )
    digest = hashlib.sha256(release.submission_id.encode()).hexdigest()
    arrival = Arrival(submitted_by="0123456789ab", archive_team="t1", archive_sha256=digest)
    told = None if sheet is None else sheet.to_json()
    ledger.receive(submission, Quota(100, 7), arrival=arrival, fact_sheet=told)


def publish(
    installation: Installation,
    ledger: Ledger,
    release: Release,
    *,
    sheet: FactSheet | None = SHEET,
    held: bool = False,
    votes: Sequence[str] = (),
    shell: bool = False,
    hold: bool = False,
) -> None:
    """Enter, run and publish a release, as the queue does.

    One that was ``held`` is released after what people did; to ``hold`` it leaves it held.
    """
    name = release.submission_id
    entered(ledger, release, sheet=sheet)
    ledger.admitted(name, release.image_digest, State.LINTED, State.QUEUED)
    ledger.move(name, State.RUNNING)
    ledger.move(name, State.SCORING)
    document = release.to_json()
    key = hashlib.sha256(document.encode()).hexdigest()
    installation.enclave().keep_release(name, key, document)
    ledger.publish(name, key, document, state=State.HELD if held or hold else State.RELEASED)
    for vote in votes:
        ledger.record("vote", name, vote)
    if shell:
        ledger.record("released-at-shell", name, "0123456789ab")
    if held:
        ledger.move(name, State.RELEASED, by=Owner.REVIEWERS if votes else Owner.STEWARD)


def failed(ledger: Ledger, release: Release, failure: Failure) -> None:
    """Enter and run a submission that fails."""
    entered(ledger, release)
    ledger.admitted(release.submission_id, release.image_digest, State.LINTED, State.QUEUED)
    ledger.move(release.submission_id, State.RUNNING)
    ledger.move(release.submission_id, State.FAILED, failure)


def home_with(
    installation: Installation, ledger: Ledger, name: str = "s-0001", **changed: object
) -> Release:
    """Seal, publish one release and sign it."""
    release = replace(released(name), **changed)  # type: ignore[arg-type]
    seal(ledger)
    publish(installation, ledger, release)
    sign(installation, ledger)
    return release
