"""Who saw which figures of which cohort: a row for each release and for each comparison.

A row of a release is written in the transaction that publishes it; it tells no more than the
release's own document, which the audit chain holds.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Row, insert, select

from submissions.addresses.database import aware
from submissions.ledger.database.audit_chain import hour
from submissions.ledger.database.reading import charged_submissions
from submissions.ledger.database.records import FrozenComparison
from submissions.ledger.database.tables import EXPOSURES, RELEASES, SUBMISSIONS
from submissions.ledger.verdicts import allowances

RELEASE = "release"
COMPARISON = "comparison"


@dataclass(frozen=True, slots=True)
class Use:
    """What the queue knows of a cohort as it publishes.

    ``lifetime`` is how many looks a team has in all, None without a limit; ``load_factor`` how many
    looks have read each of the cohort's cases, as a mean.
    """

    lifetime: int | None = None
    load_factor: float | None = None


UNKNOWN = Use()


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposure:
    """One row: ``team`` saw ``figures`` of a cohort, each with how many groups it was shown for.

    ``subject`` is the submission, or the digest of the comparison, by ``kind``. ``look`` is the
    number of the look at this benchmark, of ``lifetime``, that the team and those that share its
    allowance have had.
    """

    kind: str
    subject: str
    team: str
    benchmark: str
    cohort_digest: str
    figures: Mapping[str, int]
    look: int | None
    lifetime: int | None
    load_factor: float | None
    at: datetime


def of_release(
    connection: Connection, submission_id: str, benchmark: str, document: str, use: Use
) -> None:
    """Append that a release was shown to its team."""
    team = connection.execute(
        select(SUBMISSIONS.c.team).where(SUBMISSIONS.c.submission_id == submission_id)
    ).scalar_one()
    cohort_digest, figures = _shown(document)
    connection.execute(
        insert(EXPOSURES).values(
            kind=RELEASE,
            subject=submission_id,
            team=team,
            benchmark=benchmark,
            cohort_digest=cohort_digest,
            figures=figures,
            look=_look(connection, submission_id, team, benchmark),
            lifetime=use.lifetime,
            load_factor=None if use.load_factor is None else round(use.load_factor, 2),
            at=hour(),
        )
    )


def of_comparison(connection: Connection, frozen: FrozenComparison) -> None:
    """Append that a comparison was shown, a row for each team in it.

    Its figure comes with the number of differences. Call it in the transaction that stores the
    comparison.
    """
    teams, figures = _compared(frozen.document)
    for team in sorted(teams):
        connection.execute(
            insert(EXPOSURES).values(
                kind=COMPARISON,
                subject=frozen.digest,
                team=team,
                benchmark=frozen.benchmark,
                cohort_digest=frozen.cohort_digest,
                figures=figures,
                at=hour(),
            )
        )


def read(connection: Connection, *, benchmark: str | None = None) -> list[Exposure]:
    """All exposures in order; of one benchmark where given."""
    query = select(EXPOSURES).order_by(EXPOSURES.c.number)
    if benchmark is not None:
        query = query.where(EXPOSURES.c.benchmark == benchmark)
    return [_exposure(row) for row in connection.execute(query)]


def of_submission(connection: Connection, submission_id: str) -> Exposure | None:
    """The newest exposure of a submission's release, or None."""
    query = (
        select(EXPOSURES)
        .where(EXPOSURES.c.subject == submission_id, EXPOSURES.c.kind == RELEASE)
        .order_by(EXPOSURES.c.number.desc())
        .limit(1)
    )
    row = connection.execute(query).one_or_none()
    return None if row is None else _exposure(row)


def newest_load(connection: Connection, benchmark: str) -> float | None:
    """The load factor of a benchmark's cohort as the newest release tells it."""
    query = (
        select(EXPOSURES.c.load_factor)
        .where(EXPOSURES.c.benchmark == benchmark, EXPOSURES.c.load_factor.is_not(None))
        .order_by(EXPOSURES.c.number.desc())
        .limit(1)
    )
    return connection.execute(query).scalar_one_or_none()


def problems(connection: Connection) -> list[str]:
    """Hold the rows of releases against the releases themselves; one sentence for each problem."""
    stored: dict[str, list[tuple[str, ...]]] = {}
    rows = select(EXPOSURES).where(EXPOSURES.c.kind == RELEASE).order_by(EXPOSURES.c.number)
    for row in connection.execute(rows):
        identity = (row.team, row.benchmark, row.cohort_digest, row.figures)
        stored.setdefault(row.subject, []).append(identity)
    released: dict[str, list[tuple[str, ...]]] = {}
    query = select(RELEASES, SUBMISSIONS.c.team).join(
        SUBMISSIONS, SUBMISSIONS.c.submission_id == RELEASES.c.submission_id
    )
    for row in connection.execute(query.order_by(RELEASES.c.number)):
        identity = (row.team, row.benchmark, *_shown(row.document))
        released.setdefault(row.submission_id, []).append(identity)
    return [
        f"the exposures of {name} are not those of its releases"
        for name in sorted(stored.keys() | released.keys())
        if stored.get(name) != released.get(name)
    ]


def _shown(document: str) -> tuple[str, str]:
    """The cohort's digest and the figures of a release, each with the groups it is shown for."""
    try:
        release = json.loads(document)
        counted = Counter(str(row["metric"]) for row in release["results"])
        return str(release["cohort_digest"]), json.dumps(counted, sort_keys=True)
    except (ValueError, TypeError, KeyError):
        return "", "{}"  # a document that boards cannot read either


def _compared(document: str) -> tuple[set[str], str]:
    """The teams of a comparison, and its figure with the number of differences."""
    try:
        comparison = json.loads(document)
        teams = {str(entry["team"]) for entry in comparison["entries"]}
        return teams, json.dumps({str(comparison["figure"]): len(comparison["pairs"])})
    except (ValueError, TypeError, KeyError):
        return set(), "{}"  # a document that pages cannot read either


def _look(connection: Connection, submission_id: str, team: str, benchmark: str) -> int | None:
    """The place of a submission among the looks of its allowance, in order of entry."""
    teams = allowances.tied(connection, [team])
    looks = [each.submission_id for each in charged_submissions(connection, teams, benchmark)]
    return looks.index(submission_id) + 1 if submission_id in looks else None


def _exposure(row: Row[tuple[object, ...]]) -> Exposure:
    return Exposure(
        kind=row.kind,
        subject=row.subject,
        team=row.team,
        benchmark=row.benchmark,
        cohort_digest=row.cohort_digest,
        figures=json.loads(row.figures),
        look=row.look,
        lifetime=row.lifetime,
        load_factor=row.load_factor,
        at=aware(row.at),
    )
