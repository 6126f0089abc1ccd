"""Counts the looks that each team has had at a cohort, whatever became of them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from submissions.ledger.ledger import Ledger
from submissions.ledger.verdicts import allowances


def looks(ledger: Ledger, benchmark: str, before: datetime) -> Mapping[str, int]:
    """Charged looks received up to a time, by team in lower case.

    Failed and withdrawn runs count: each told its team something. Teams that share an allowance
    have one count.
    """
    counts: dict[str, int] = {}
    for group in tied_teams(ledger, benchmark):
        first, *others = sorted(group)
        charged = ledger.charged(first, benchmark, allowance=others)
        counts |= dict.fromkeys(group, sum(at <= before for at in charged))
    return counts


def tied_teams(ledger: Ledger, benchmark: str) -> list[frozenset[str]]:
    """The teams of a benchmark in lower case, those together that share an allowance.

    The ledger knows it from the entries: which teams the accounts tied then, and who entered. Who
    joined a team later without entering anything stands in the accounts alone, which the process
    that scores does not open.
    """
    teams = [each.team for each in ledger.submissions() if each.benchmark == benchmark]
    return ledger.read(lambda connection: allowances.grouped(connection, dict.fromkeys(teams)))
