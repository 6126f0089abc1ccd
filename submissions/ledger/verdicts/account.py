"""The one account of looks: what each allowance has spent at a cohort, and what is left.

A look is spent in one transaction with the verdict that it brought, so that no two looks of an
allowance have one number, and a process that is killed leaves both or none.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, Connection, Row, insert, select

from submissions.ledger.database import audit_chain, reading
from submissions.ledger.database.audit_chain import CLAIMS, VERDICT, hour
from submissions.ledger.database.tables import AUDIT, SUBMISSIONS, VERDICTS
from submissions.ledger.database.verification import verdict_content
from submissions.ledger.verdicts.allowances import tied, written_as
from submissions.ledger.verdicts.told import ToldVerdict, read_told
from submissions.submission import UNDER_WAY, WAITING, State

if TYPE_CHECKING:
    from submissions.quota import Quota

Opened = Callable[[], AbstractContextManager[Connection]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What is looked at: an image at a threshold, by the claims of a cohort."""

    submission_id: str
    team: str
    benchmark: str
    image_digest: str
    threshold: float
    cohort_digest: str
    claims_digest: str
    looks: int

    @property
    def digest(self) -> str:
        """By which the same look is known again, from any team."""
        parts = (self.image_digest, repr(self.threshold), self.cohort_digest, self.claims_digest)
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Left:
    """Looks of an allowance: declared, spent for good, and those that are under way."""

    looks: int
    spent: int
    under_way: int

    @property
    def remaining(self) -> int:
        """How many more may be entered now."""
        return max(0, self.looks - self.spent - self.under_way)


@dataclass(frozen=True, slots=True)
class Verdicts:
    """The verdicts of a ledger."""

    reading: Opened
    transaction: Opened

    def declare(self, benchmark: str, claims_digest: str, looks: int) -> None:
        """Append that a benchmark has claims, and how many looks each team has; once.

        The latest such entry stands: claims that are added later have a digest of their own.
        """
        content = f"{claims_digest} {looks}"
        with self.transaction() as connection:
            if _declared(connection, benchmark) != content:
                audit_chain.append(connection, CLAIMS, benchmark, content)

    def are_declared(self, benchmark: str) -> bool:
        """Whether a benchmark has claims: until its cohort closes, no figure of it is told."""
        with self.reading() as connection:
            return _declared(connection, benchmark) is not None

    def spend(self, look: Look, judge: Callable[[int], tuple[float, str]]) -> ToldVerdict:
        """The verdict of a look, which costs one of the allowance's unless it had the same before.

        ``judge`` is given the number of the look, and gives its level and what may be told as
        JSON. It runs within the transaction: the number is taken exactly where its verdict stands.
        A submission that has a verdict keeps it, whatever ``judge`` would say.
        """
        with self.transaction() as connection:
            verdict = _of(connection, look.submission_id)
            if verdict is not None:
                return read_told(verdict)
            allowance = tied(connection, [look.team])
            before = _rows(connection, allowance, VERDICTS.c.cohort_digest == look.cohort_digest)
            same = [row for row in before if row.look_digest == look.digest]
            if same:
                first = same[0]
                values = {name: getattr(first, name) for name in ("look", "level", "document")}
                values |= {"looks": first.looks, "repeats": first.repeats or first.number}
            else:
                number = 1 + sum(row.repeats is None for row in before)
                level, document = judge(number)
                values = {"look": number, "level": level, "document": document}
                values |= {"looks": look.looks, "repeats": None}
            return read_told(_append(connection, look, written_as(allowance), values))

    def of(self, submission_id: str) -> ToldVerdict | None:
        """What a submission's team may be told of its claims now; None where nothing was judged.

        Which of several claims are met is told once the allowance has no look left, or the result
        is released or refused.
        """
        with self.reading() as connection:
            row = _of(connection, submission_id)
            if row is None:
                return None
            verdict = read_told(row)
            return verdict if _may_know_all(connection, row) else verdict.masked()

    def recorded(self, submission_id: str) -> ToldVerdict | None:
        """What became of each claim, for the queue and for stewards."""
        with self.reading() as connection:
            row = _of(connection, submission_id)
        return None if row is None else read_told(row)

    def first_of(self, submission_id: str) -> str:
        """The submission that made the same look first; its own id where it is the first."""
        with self.reading() as connection:
            row = _of(connection, submission_id)
            if row is None or row.repeats is None:
                return submission_id
            query = select(VERDICTS.c.submission_id).where(VERDICTS.c.number == row.repeats)
            return connection.execute(query).scalar_one()

    def sharing(self, team: str) -> frozenset[str]:
        """The teams, in lower case, that share a team's allowance, as the ledger knows it."""
        with self.reading() as connection:
            return tied(connection, [team])

    def teams_that_tried(self, benchmark: str) -> int:
        """How many teams had claims of a benchmark judged, whatever came of it."""
        query = select(VERDICTS.c.team).where(VERDICTS.c.benchmark == benchmark)
        with self.reading() as connection:
            return len({team.casefold() for team in connection.execute(query).scalars()})

    def left(self, benchmark: str, teams: Iterable[str]) -> Left | None:
        """The looks of an allowance at a benchmark; None where it declares no claims."""
        with self.reading() as connection:
            return left(connection, benchmark, teams)

    def admitting(self, benchmark: str, team: str, teams: Iterable[str], quota: Quota) -> Quota:
        """The quota that is left to check beside the account; raise QuotaError without a look."""
        with self.reading() as connection:
            return admitting(connection, benchmark, team, teams, quota)

    def in_progress(self, benchmark: str) -> bool:
        """Whether a submission to a benchmark may still be judged: it waits or is worked on."""
        with self.reading() as connection:
            entered = reading.submissions(connection, SUBMISSIONS.c.benchmark == benchmark)
        return any(each.state in WAITING | UNDER_WAY for each in entered)


def left(connection: Connection, benchmark: str, teams: Iterable[str]) -> Left | None:
    """The looks of an allowance at a benchmark; None where it declares no claims."""
    declared = _declared(connection, benchmark)
    if declared is None:
        return None
    allowance = tied(connection, teams)
    rows = _rows(connection, allowance, VERDICTS.c.benchmark == benchmark)
    judged = {row.submission_id for row in rows}
    under_way = [
        each
        for each in reading.of_teams(connection, allowance, benchmark)
        if each.state in WAITING | UNDER_WAY and each.submission_id not in judged
    ]
    spent = sum(row.repeats is None for row in rows)
    return Left(int(declared.rpartition(" ")[2]), spent, len(under_way))


def admitting(
    connection: Connection, benchmark: str, team: str, teams: Iterable[str], quota: Quota
) -> Quota:
    """The quota that is left to check beside this account; the same where nothing is claimed.

    Where a benchmark declares claims, this account stands in place of the quota's lifetime: a run
    that brought no predictions costs no look. Raises QuotaError where no look is left.
    """
    remaining = left(connection, benchmark, {team, *teams})
    if remaining is None:
        return quota
    if remaining.remaining:
        return replace(quota, lifetime=None)
    from submissions.quota import QuotaError

    if remaining.spent >= remaining.looks:
        raise QuotaError(
            f"team {team!r} has used all its {remaining.looks} looks at benchmark {benchmark!r}, "
            f"and they never renew; wait for the next draw of the cohort, or ask the steward"
        )
    raise QuotaError(
        f"team {team!r} has {remaining.looks} looks at benchmark {benchmark!r}: {remaining.spent} "
        f"are used and {remaining.under_way} submissions under way may use the rest; "
        "wait until they end"
    )


def _declared(connection: Connection, benchmark: str) -> str | None:
    query = select(AUDIT.c.content).where(AUDIT.c.event == CLAIMS, AUDIT.c.subject == benchmark)
    newest = query.order_by(AUDIT.c.number.desc()).limit(1)
    return connection.execute(newest).scalar_one_or_none()


def _rows(
    connection: Connection, allowance: frozenset[str], of: ColumnElement[bool]
) -> list[Row[Any]]:
    """The verdicts of an allowance at a cohort or benchmark, oldest first."""
    query = select(VERDICTS).where(of).order_by(VERDICTS.c.number)
    return [row for row in connection.execute(query) if row.team.casefold() in allowance]


def _of(connection: Connection, submission_id: str) -> Row[Any] | None:
    query = select(VERDICTS).where(VERDICTS.c.submission_id == submission_id)
    return connection.execute(query).one_or_none()


def _may_know_all(connection: Connection, row: Row[Any]) -> bool:
    """Whether no look is left that the words on single claims could steer."""
    state = reading.history(connection, row.submission_id)[-1][0]
    if state in (State.RELEASED, State.REFUSED):
        return True
    allowance = tied(connection, [row.team])
    verdicts = _rows(connection, allowance, VERDICTS.c.cohort_digest == row.cohort_digest)
    return sum(each.repeats is None for each in verdicts) >= row.looks


def _append(
    connection: Connection, look: Look, allowance: str, values: dict[str, object]
) -> Row[Any]:
    row = {
        "team": look.team,
        "allowance": allowance,
        "benchmark": look.benchmark,
        "cohort_digest": look.cohort_digest,
        "claims_digest": look.claims_digest,
        "look_digest": look.digest,
        **{name: values[name] for name in ("look", "looks", "level", "repeats", "document")},
        "salt": secrets.token_hex(16),
    }
    connection.execute(insert(VERDICTS).values(submission_id=look.submission_id, **row, at=hour()))
    content = verdict_content(list(row.values()))
    audit_chain.append(connection, VERDICT, look.submission_id, content)
    verdict = _of(connection, look.submission_id)
    assert verdict is not None
    return verdict
