"""Counts the looks that each team has had at a cohort, whatever became of them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from submissions.ledger.ledger import Ledger


def looks(ledger: Ledger, benchmark: str, before: datetime) -> Mapping[str, int]:
    """Charged looks received up to a time, by team in lower case.

    Failed and withdrawn runs count: each told its team something. Teams for which the same person
    entered submissions share one allowance, and so one count. Who belongs to a team without ever
    having entered anything is not known here: that stands in the accounts, which the process that
    scores does not open.
    """
    counts: dict[str, int] = {}
    for group in tied_teams(ledger, benchmark):
        first, *others = sorted(group)
        charged = ledger.charged(first, benchmark, allowance=others)
        counts |= dict.fromkeys(group, sum(at <= before for at in charged))
    return counts


def tied_teams(ledger: Ledger, benchmark: str) -> list[set[str]]:
    """The teams of a benchmark in lower case, those together for which the same people entered."""
    arrivals = ledger.arrivals()
    people: dict[str, set[str]] = {}
    for each in ledger.submissions():
        if each.benchmark != benchmark:
            continue
        arrival = arrivals.get(each.submission_id)
        who = people.setdefault(each.team.casefold(), set())
        if arrival is not None and arrival.submitted_by is not None:
            who.add(arrival.submitted_by)
    return _sharing(people)


def _sharing(people: Mapping[str, set[str]]) -> list[set[str]]:
    """Groups of teams that people in common tie together."""
    groups: list[tuple[set[str], set[str]]] = []
    for team, who in people.items():
        apart = [group for group in groups if not group[1] & who]
        tied = [group for group in groups if group[1] & who]
        teams = {team}.union(*(each[0] for each in tied))
        groups = [*apart, (teams, who.union(*(each[1] for each in tied)))]
    return [teams for teams, _ in groups]
