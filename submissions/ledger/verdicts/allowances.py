"""Which teams share one allowance, as the ledger knows it.

The process that takes entries knows the accounts, and keeps with each entry which teams shared its
allowance then. The process that judges opens no accounts, and reads it here. Teams that a person
entered for are tied too. A tie, once made, stays: what was spent is never given back.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

from sqlalchemy import Connection, insert, select

from submissions.ledger.database import audit_chain
from submissions.ledger.database.audit_chain import ALLOWANCE, digest_of
from submissions.ledger.database.tables import ALLOWANCES, ENTRIES, SUBMISSIONS


def keep(connection: Connection, submission_id: str, team: str, allowance: Iterable[str]) -> None:
    """Append which teams share the allowance of a submission; nothing where its own is alone."""
    teams = sorted({team.casefold(), *(each.casefold() for each in allowance)})
    if len(teams) < 2:
        return
    written = written_as(teams)
    connection.execute(insert(ALLOWANCES).values(submission_id=submission_id, teams=written))
    audit_chain.append(connection, ALLOWANCE, submission_id, digest_of(written))


def of_person(connection: Connection, person: str | None) -> frozenset[str]:
    """The teams, in lower case, for which a person entered submissions before."""
    if person is None:
        return frozenset()
    query = (
        select(SUBMISSIONS.c.team)
        .join(ENTRIES, ENTRIES.c.submission_id == SUBMISSIONS.c.submission_id)
        .where(ENTRIES.c.submitted_by == person)
    )
    return frozenset(team.casefold() for team in connection.execute(query).scalars())


def tied(connection: Connection, teams: Iterable[str]) -> frozenset[str]:
    """The teams, in lower case, that share an allowance with one of these, these included."""
    return _reached({team.casefold() for team in teams}, _ties(connection))


def grouped(connection: Connection, teams: Iterable[str]) -> list[frozenset[str]]:
    """The allowances of teams, each once: names in lower case, with all that share it."""
    ties, known = _ties(connection), set[frozenset[str]]()
    for team in teams:
        if not any(team.casefold() in each for each in known):
            known.add(_reached({team.casefold()}, ties))
    return sorted(known, key=sorted)


def _reached(teams: set[str], ties: Iterable[set[str]]) -> frozenset[str]:
    while True:
        reached = [tie for tie in ties if not teams.isdisjoint(tie)]
        more = teams.union(*reached)
        if more == teams:
            return frozenset(teams)
        teams = more


def written_as(teams: Iterable[str]) -> str:
    """Teams as the tables keep them."""
    return json.dumps(sorted(teams), ensure_ascii=False)


def _ties(connection: Connection) -> list[set[str]]:
    """Sets of teams that were tied: by the accounts at an entry, or by a person who entered."""
    ties = [set(json.loads(row.teams)) for row in connection.execute(select(ALLOWANCES))]
    people: dict[str, set[str]] = {}
    entered = (
        select(SUBMISSIONS.c.team, ENTRIES.c.submitted_by)
        .join(ENTRIES, ENTRIES.c.submission_id == SUBMISSIONS.c.submission_id)
        .where(ENTRIES.c.submitted_by.is_not(None))
    )
    for row in connection.execute(entered):
        people.setdefault(row.submitted_by, set()).add(row.team.casefold())
    return ties + [teams for teams in people.values() if len(teams) > 1]
