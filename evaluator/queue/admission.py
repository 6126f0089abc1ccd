"""The queue's first step: an image that was received is linted, loaded and looked at.

What passes is recorded by the digest of its configuration, under which it is run. What breaks the
contract is rejected with a finding for its team, and nothing of it stays.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from evaluator.benchmark.specification import Benchmark
from evaluator.queue.registry import pulled
from evaluator.sandbox.engine import Engine
from evaluator.stores.installation import Installation
from submissions.drop import Drop, DropError
from submissions.ledger.ledger import Ledger, LedgerError
from submissions.stage_times import Stage
from submissions.submission import ENDED, ContractBroken, State, Submission


class ArchiveGone(ValueError):
    """The archive of a submission that was received is not as it was sent: ours, not the team's."""


def admit(
    installation: Installation,
    ledger: Ledger,
    engine: Engine,
    benchmark: Benchmark,
    submission: Submission,
) -> Submission:
    """Lint, load and look at the image of a submission in the state received.

    It becomes linted, and queued in the same transaction where its benchmark has no practice cases.
    The engine keeps the image under a name of the submission's. A process that is killed at any
    point leaves the submission received, and to be admitted again.

    Raises ContractBroken after the submission was rejected: it is not charged, its finding is in
    the ledger, and neither the engine nor the drop folder has anything of it. Raises ArchiveGone,
    EngineUnavailable or OSError, the submission being received still, and LedgerError where it was
    withdrawn meanwhile, the engine having nothing of it.
    """
    began = time.monotonic()
    name = submission.submission_id
    try:
        with (
            _image_of(installation, ledger, benchmark, submission) as image,
            engine.receive(image, benchmark.contract) as content,
        ):
            engine.let_in(content, benchmark.contract)
            engine.keep(content.digest, name)
    except ContractBroken as broken:
        ledger.reject(name, broken.failure, broken.detail)
        leave_nothing(installation, ledger, engine, submission)
        raise
    then = [State.LINTED] if benchmark.practice.cases else [State.LINTED, State.QUEUED]
    try:
        ledger.admitted(name, content.digest, *then)
    except LedgerError:
        engine.forget(name)
        raise
    ledger.record_times(name, {Stage.ADMIT: time.monotonic() - began})
    return ledger.submission(name)


@contextmanager
def _image_of(
    installation: Installation, ledger: Ledger, benchmark: Benchmark, submission: Submission
) -> Iterator[str]:
    """Name or archive of an image: in the drop folder, a registry, or the engine already."""
    arrival = ledger.arrival(submission.submission_id)
    if arrival is not None and arrival.archive_sha256 is not None:
        yield str(_archive(installation, arrival.archive_team or "", arrival.archive_sha256))
    elif arrival is not None and arrival.reference is not None:
        with pulled(arrival.reference, benchmark.contract) as archive:
            yield str(archive)
    else:
        yield submission.image_digest


def _archive(installation: Installation, team_id: str, sha256: str) -> Path:
    """The archive that was entered, whose bytes are still those."""
    try:
        path = Drop(installation.drop).archive(team_id, sha256)
    except DropError as error:
        raise ArchiveGone(str(error)) from error
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if digest != sha256:
        raise ArchiveGone(
            f"the archive {sha256[:12]} of team {team_id} has other bytes than were sent; remove "
            f"{path} and send it again"
        )
    return path


def leave_nothing(
    installation: Installation, ledger: Ledger, engine: Engine, submission: Submission
) -> None:
    """Remove what the engine, the enclave and the drop folder have of a rejected submission.

    What a process that is killed here has not removed, `sequestra prune` does.
    """
    engine.forget(submission.submission_id)
    discard_archive(installation, ledger, submission)
    digest = submission.image_digest
    others = (each for each in ledger.submissions() if each.state not in ENDED)
    if digest.startswith("sha256:") and not any(
        each.image_digest == digest and each.submission_id != submission.submission_id
        for each in others
    ):
        installation.enclave().image_archive(digest).unlink(missing_ok=True)


def discard_archive(installation: Installation, ledger: Ledger, submission: Submission) -> None:
    """Remove the archive of a submission from the drop folder, unless another waits for it."""
    arrival = ledger.arrival(submission.submission_id)
    if arrival is None or arrival.archive_sha256 is None:
        return
    for other in ledger.submissions(state=State.RECEIVED):
        if other.submission_id == submission.submission_id:
            continue
        also = ledger.arrival(other.submission_id)
        if also is not None and (also.archive_team, also.archive_sha256) == (
            arrival.archive_team,
            arrival.archive_sha256,
        ):
            return
    with suppress(DropError):
        Drop(installation.drop).discard(arrival.archive_team or "", arrival.archive_sha256)
