"""An installation whose ledger has a released result, without a container ever run."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from sqlalchemy import text

from evaluator.signing.signer import Signer
from evaluator.stores.installation import Installation
from submissions.ledger.database.records import FrozenComparison
from submissions.ledger.ledger import Arrival, Ledger
from submissions.ledger.voting.votes import Choice, Vote, Votes
from submissions.quota import Quota
from submissions.stage_times import Stage
from submissions.submission import State, Submission
from tests.support.postgresql import raw

PERSON = "0123456789ab"
DOCUMENT = '{"auroc":0.75,"schema":1}'
FACT_SHEET = '{"contact":"a@example.org","version":"1.2"}'
KEY = "5" * 64


def received(name: str, team: str = "North") -> Submission:
    return Submission(
        submission_id=name,
        team=team,
        model="Densenet",
        benchmark="chest",
        image_digest="archive:" + "2" * 64,
        threshold=0.5,
        state=State.RECEIVED,
        received=datetime(2026, 1, 2, tzinfo=UTC),
    )


@contextmanager
def opened(installation: Installation, *, examine: bool = False) -> Iterator[Ledger]:
    ledger = installation.ledger(examine=examine)
    try:
        yield ledger
    finally:
        ledger.close()


def publish(
    installation: Installation, name: str, *, document: str = DOCUMENT, scored: bool = True
) -> None:
    """Enter a submission through the service and publish a result that the enclave scored."""
    with opened(installation) as ledger:
        digest = hashlib.sha256(name.encode()).hexdigest()
        arrival = Arrival(submitted_by=PERSON, archive_team="t1", archive_sha256=digest)
        ledger.receive(received(name), Quota(100, 7), arrival=arrival, fact_sheet=FACT_SHEET)
        states = (State.LINTED, State.QUEUED, State.RUNNING, State.SCORING)
        ledger.admitted(name, "sha256:" + "1" * 64, *states)
        ledger.record_times(name, {Stage.QUEUE: 1.0})
        if scored:
            installation.enclave().keep_release(name, KEY, document)
        ledger.publish(name, KEY, document, state=State.RELEASED)


def hold(ledger: Ledger, name: str) -> None:
    """Enter a submission whose result is held, with the vote of one of two reviewers."""
    ledger.receive(received(name), Quota(100, 7))
    states = (State.LINTED, State.QUEUED, State.RUNNING, State.SCORING, State.HELD)
    ledger.admitted(name, "sha256:" + "4" * 64, *states)
    vote = Vote(
        submission_id=name,
        evaluation_key=KEY,
        document="7" * 64,
        reviewer=PERSON,
        choice=Choice.REFUSE,
        reason="the cohort was the wrong one",
    )
    Votes(ledger).cast(vote, needed=2)


def compare(installation: Installation, ledger: Ledger, through: int = 1) -> None:
    """Append a signed comparison that covers releases up to a number."""
    at = datetime(2026, 1, 3, tzinfo=UTC)
    digest = hashlib.sha256(DOCUMENT.encode()).hexdigest()
    cohort, cause = "sha256:" + "6" * 64, "2026-01-03"
    content = {
        "format": "sequestra-comparison-1",
        "benchmark": "chest",
        "cohort_digest": cohort,
        "cause": cause,
        "through": through,
        "at": at.isoformat(),
        "document_sha256": digest,
    }
    ledger.comparisons.append(
        FrozenComparison(
            benchmark="chest",
            cohort_digest=cohort,
            cause=cause,
            through=through,
            at=at,
            document=DOCUMENT,
            digest=f"sha256:{digest}",
            signed=Signer(installation, ledger).state(content),
        )
    )


def cut_off(url: str, after: int) -> None:
    """Remove every trace of what came after an audit entry, as one who knows all tables would."""
    with raw(url, unguarded=True) as connection:
        for statement in (
            "DELETE FROM release_signatures",
            "DELETE FROM heads",
            f"DELETE FROM audit WHERE number > {after}",
        ):
            connection.execute(text(statement))


def computed_again(url: str) -> None:
    """Compute the digests of the chain again, as one who knows how would after a change."""
    with raw(url, unguarded=True) as connection:
        previous = "0" * 64
        query = text("SELECT number, at, event, subject, content FROM audit ORDER BY number")
        for row in connection.execute(query).all():
            at = row.at if isinstance(row.at, datetime) else datetime.fromisoformat(row.at)
            at = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
            entry = json.dumps([previous, at.isoformat(), row.event, row.subject, row.content])
            digest = hashlib.sha256(entry.encode()).hexdigest()
            connection.execute(
                text("UPDATE audit SET previous = :p, digest = :d WHERE number = :n"),
                {"p": previous, "d": digest, "n": row.number},
            )
            previous = digest
