"""Cohorts that are spent: their benchmarks take no new submissions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import Connection, select

from submissions.ledger.beside_releases.exposures import newest_load
from submissions.ledger.database.reading import charged_submissions
from submissions.ledger.database.tables import AUDIT

if TYPE_CHECKING:
    from submissions.quota import Quota

RETIRED = "retired"
"""The event of a benchmark whose cohort is spent; the content says why."""

NEXT_DRAW = "next-draw"
"""The event of a fresh cohort: the subject is the former benchmark, the content begins with the
name of the new one."""

BRIDGE = "bridge"
"""The event of a run that links two draws: the subject is its submission, the content the former
one."""


@dataclass(frozen=True, slots=True)
class Spent:
    """Why the cohort of a benchmark is spent; ``successor`` is the benchmark of the next draw."""

    why: str
    successor: str | None


class Draws(NamedTuple):
    """Names of the benchmarks with the draw before and the next one; None without."""

    former: str | None
    later: str | None


def refuse_spent(connection: Connection, benchmark: str, quota: Quota) -> None:
    """Raise QuotaError where the cohort of a benchmark is spent, naming the next draw if any."""
    from submissions.quota import QuotaError

    why = spent(connection, benchmark, quota)
    if why is None:
        return
    successor = next_draw(connection, benchmark)
    instead = f"submit to {successor!r}" if successor else "ask the steward for the next draw"
    raise QuotaError(
        f"benchmark {benchmark!r} takes no new submissions, since its cohort is spent: {why}; "
        f"{instead}"
    )


def spent(connection: Connection, benchmark: str, quota: Quota) -> str | None:
    """Why the cohort of a benchmark is spent; None where it is not."""
    query = select(AUDIT.c.content).where(AUDIT.c.event == RETIRED, AUDIT.c.subject == benchmark)
    why = connection.execute(query.order_by(AUDIT.c.number.desc()).limit(1)).scalar_one_or_none()
    if why is not None:
        return str(why)
    if quota.cohort_looks is not None:
        looks = len(charged_submissions(connection, None, benchmark))
        if looks >= quota.cohort_looks:
            return f"all teams together have had {looks} looks; {quota.cohort_looks} are allowed"
    if quota.load_factor is not None:
        load = newest_load(connection, benchmark)
        if load is not None and load >= quota.load_factor:
            return f"its load factor is {load:g}, and {quota.load_factor:g} is the most"
    return None


def ending(connection: Connection, benchmark: str, quota: Quota) -> Spent | None:
    """Why a benchmark takes no more submissions, and where to go; None where it takes them."""
    why = spent(connection, benchmark, quota)
    return None if why is None else Spent(why, next_draw(connection, benchmark))


def draws(connection: Connection, benchmark: str) -> Draws:
    """The draws before and after that of a benchmark."""
    query = select(AUDIT.c.subject, AUDIT.c.content).where(AUDIT.c.event == NEXT_DRAW)
    former = None
    for row in connection.execute(query.order_by(AUDIT.c.number)):
        if str(row.content).partition(";")[0] == benchmark:
            former = str(row.subject)
    return Draws(former, next_draw(connection, benchmark))


def next_draw(connection: Connection, benchmark: str) -> str | None:
    """The name of the benchmark that has the next draw, or None."""
    query = select(AUDIT.c.content).where(AUDIT.c.event == NEXT_DRAW, AUDIT.c.subject == benchmark)
    entry = connection.execute(query.order_by(AUDIT.c.number.desc()).limit(1)).scalar_one_or_none()
    return None if entry is None else str(entry).partition(";")[0]
