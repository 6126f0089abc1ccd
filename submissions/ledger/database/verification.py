"""Holds the tables against the audit chain: what was changed, removed, added or put in order."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, select

from submissions.addresses.database import aware
from submissions.ledger.database import audit_chain
from submissions.ledger.database.audit_chain import (
    ADMISSION,
    ALLOWANCE,
    COMPARISON,
    ENTRY,
    FACT_SHEET,
    FINDING,
    MIGRATION,
    PRACTICE,
    RELEASE,
    STAGE_TIMES,
    STATE,
    TRACKED_RUN,
    VERDICT,
    VOTE,
    digest_of,
    digest_of_row,
)
from submissions.ledger.database.tables import (
    ADMISSIONS,
    ALLOWANCES,
    AUDIT,
    COMPARISONS,
    ENTRIES,
    FACT_SHEETS,
    FINDINGS,
    PRACTICES,
    RELEASES,
    SUBMISSIONS,
    TIMES,
    TRACKED,
    TRANSITIONS,
    VERDICTS,
    VOTES,
)

_UNTOLD_ONCE = (ENTRY, STAGE_TIMES, TRACKED_RUN)
"""Kinds of rows that the chain of the first build told nothing of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Told:
    """One row as the chain tells of it; ``at`` is None where the row has no hour of its own."""

    event: str
    content: str
    at: datetime | None


_Stories = dict[tuple[str, str], list[_Told]]
"""What happened in order, by kind of event and subject."""


def problems(connection: Connection) -> list[str]:
    """Walk the chain and hold the tables against it; one sentence for each problem."""
    differences = list(audit_chain.broken_links(connection))
    stories, migration = _chain(connection)
    stored = _tables(connection, stories)
    untold: list[tuple[str, str, str]] = []
    for key in sorted(stored.keys() | stories.keys()):
        rows, entries = stored.get(key, []), stories.get(key, [])
        before = len(rows) - len(entries)
        if key[0] in _UNTOLD_ONCE and before > 0 and _same(rows[before:], entries):
            untold += [(each.event, key[1], each.content) for each in rows[:before]]
            rows = rows[before:]
        differences += _differences(key[1], rows, entries)
    if migration is not None:
        if migration != _rows(untold):
            differences.append("the rows from before the migration are not those that it found")
    else:
        differences += [
            f"{event} of {subject} stands in the tables and not in the audit chain"
            for event, subject, _ in untold
        ]
    return differences


def append_migration(connection: Connection, revision: str) -> None:
    """Append what the rows are that no entry tells of, so that they too are held from now on."""
    stories, _ = _chain(connection)
    untold = [
        (each.event, subject, each.content)
        for (kind, subject), rows in sorted(_tables(connection, stories).items())
        if kind in _UNTOLD_ONCE
        for each in rows
    ]
    audit_chain.append(connection, MIGRATION, revision, _rows(untold))


def entry_content(submission: Sequence[object], arrival: Sequence[object] | None) -> str:
    """What the chain keeps of a submission's row and of how it came, in the tables' order."""
    return digest_of_row([*submission, *(arrival or ())])


def release_content(document: str, benchmark: str, evaluation_key: str) -> str:
    """What the chain keeps of a release."""
    return f"{digest_of(document)} {benchmark} {evaluation_key}"


def comparison_content(document: str, cohort_digest: str, cause: str) -> str:
    """What the chain keeps of a comparison."""
    return f"{digest_of(document)} {cohort_digest} {cause}"


def practice_content(image_digest: str, document: str) -> str:
    """What the chain keeps of a dry run."""
    return f"{image_digest} {digest_of(document)}"


def vote_content(reviewer: str, row: Sequence[object]) -> str:
    """What the chain keeps of a vote: who voted, and no more of what than a digest.

    ``row`` has the table's columns in order, from the evaluation's key to the reason.
    """
    return f"{reviewer} {digest_of_row(row)}"


def verdict_content(row: Sequence[object]) -> str:
    """What the chain keeps of a verdict; ``row`` has the columns from the team to the salt."""
    return digest_of_row(row)


def stage_times_content(stages: Sequence[tuple[str, int]]) -> str:
    """What the chain keeps of stage times that were written together."""
    return ", ".join(f"{stage} {seconds}" for stage, seconds in stages)


def _rows(untold: Sequence[tuple[str, str, str]]) -> str:
    return f"{len(untold)} rows {digest_of_row(sorted(map(list, untold)))}"


def _same(rows: Sequence[_Told], entries: Sequence[_Told]) -> bool:
    return [(each.event, each.content) for each in rows] == [
        (each.event, each.content) for each in entries
    ]


def _differences(subject: str, rows: Sequence[_Told], entries: Sequence[_Told]) -> Iterator[str]:
    if _same(rows, entries):
        for row, entry in zip(rows, entries, strict=True):
            # The row was written a moment before its entry: the hour may have ended between.
            if row.at is not None and entry.at is not None:
                late = entry.at - row.at
                if not timedelta(0) <= late <= timedelta(hours=1):
                    yield f"the hour of {row.event} of {subject} is not that of its audit entry"
        return
    in_rows = Counter((each.event, each.content) for each in rows)
    in_entries = Counter((each.event, each.content) for each in entries)
    if in_rows == in_entries:
        yield f"the tables have {rows[0].event} of {subject} in another order than the audit chain"
    for event, _ in in_rows - in_entries:
        yield f"{event} of {subject} stands in the tables and not in the audit chain"
    for event, _ in in_entries - in_rows:
        yield f"{event} of {subject} stands in the audit chain and not in the tables"


def _chain(connection: Connection) -> tuple[_Stories, str | None]:
    """What the chain tells of rows, and of the rows from before a migration."""
    stories: _Stories = defaultdict(list)
    migration: str | None = None
    single = {ENTRY, FACT_SHEET, ADMISSION, FINDING, PRACTICE, TRACKED_RUN, RELEASE, COMPARISON}
    single |= {VOTE, ALLOWANCE, VERDICT}
    for row in connection.execute(select(AUDIT).order_by(AUDIT.c.number)):
        at = aware(row.at)
        if row.event.startswith(STATE):
            stories[STATE, row.subject].append(_Told(event=row.event, content=row.content, at=at))
        elif row.event in single:
            stories[row.event, row.subject].append(
                _Told(event=row.event, content=row.content, at=at)
            )
        elif row.event == STAGE_TIMES:
            stories[row.event, row.subject] += [
                _Told(event=row.event, content=each, at=at) for each in row.content.split(", ")
            ]
        elif row.event == MIGRATION and migration is None:
            migration = row.content
    return dict(stories), migration


def _tables(connection: Connection, stories: _Stories) -> _Stories:
    """The rows of the tables, as the chain would tell of them."""
    stored: _Stories = defaultdict(list)
    for row in connection.execute(select(TRANSITIONS).order_by(TRANSITIONS.c.number)):
        stored[STATE, row.submission_id].append(
            _Told(event=f"{STATE}{row.state}", content=row.failure or "", at=aware(row.at))
        )
    # The first build's entry of a release has the document's digest alone.
    short = {
        (subject, each.content)
        for (kind, subject), entries in stories.items()
        for each in entries
        if kind == RELEASE and " " not in each.content
    }
    for row in connection.execute(select(RELEASES).order_by(RELEASES.c.number)):
        content = release_content(row.document, row.benchmark, row.evaluation_key)
        if (row.submission_id, digest_of(row.document)) in short:
            content = digest_of(row.document)
        stored[RELEASE, row.submission_id].append(
            _Told(event=RELEASE, content=content, at=aware(row.published))
        )
    arrivals = {row.submission_id: row for row in connection.execute(select(ENTRIES))}
    for row in connection.execute(select(SUBMISSIONS)):
        content = entry_content(row, arrivals.pop(row.submission_id, None))
        stored[ENTRY, row.submission_id].append(_Told(event=ENTRY, content=content, at=None))
    for row in connection.execute(select(FACT_SHEETS)):
        stored[FACT_SHEET, row.submission_id].append(
            _Told(event=FACT_SHEET, content=digest_of(row.document), at=aware(row.at))
        )
    for row in connection.execute(select(ADMISSIONS)):
        stored[ADMISSION, row.submission_id].append(
            _Told(event=ADMISSION, content=row.image_digest, at=aware(row.at))
        )
    for row in connection.execute(select(FINDINGS)):
        stored[FINDING, row.submission_id].append(
            _Told(event=FINDING, content=digest_of(row.sentence), at=aware(row.at))
        )
    for row in connection.execute(select(PRACTICES)):
        content = practice_content(row.image_digest, row.document)
        stored[PRACTICE, row.submission_id].append(
            _Told(event=PRACTICE, content=content, at=aware(row.at))
        )
    for row in connection.execute(select(TIMES).order_by(TIMES.c.number)):
        content = stage_times_content([(row.stage, row.at_most_seconds)])
        stored[STAGE_TIMES, row.submission_id].append(
            _Told(event=STAGE_TIMES, content=content, at=None)
        )
    for row in connection.execute(select(TRACKED)):
        stored[TRACKED_RUN, str(row.release_number)].append(
            _Told(event=TRACKED_RUN, content=row.run_id, at=aware(row.at))
        )
    for row in connection.execute(select(COMPARISONS).order_by(COMPARISONS.c.number)):
        content = comparison_content(row.document, row.cohort_digest, row.cause)
        stored[COMPARISON, row.benchmark].append(_Told(event=COMPARISON, content=content, at=None))
    for row in connection.execute(select(VOTES).order_by(VOTES.c.number)):
        stored[VOTE, row.submission_id].append(
            _Told(event=VOTE, content=vote_content(row.reviewer, row[2:9]), at=aware(row.at))
        )
    _looks(connection, stored)
    return dict(stored)


def _looks(connection: Connection, stored: _Stories) -> None:
    """The rows of verdicts on claims, and of teams that share their looks."""
    for row in connection.execute(select(ALLOWANCES)):
        stored[ALLOWANCE, row.submission_id].append(
            _Told(event=ALLOWANCE, content=digest_of(row.teams), at=None)
        )
    for row in connection.execute(select(VERDICTS).order_by(VERDICTS.c.number)):
        stored[VERDICT, row.submission_id].append(
            _Told(event=VERDICT, content=verdict_content(row[2:14]), at=aware(row.at))
        )
