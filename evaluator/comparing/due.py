"""Says when the submissions of a board are to be compared, and which of them are covered then."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time

from evaluator.benchmark.board import Freezes
from submissions.ledger.database.records import FirstRelease, LastComparison

FEWEST_TEAMS = 2
"""Teams that a number of new releases must come from: a team alone brings no comparison about.

Nor do two for which the same person enters submissions."""


@dataclass(frozen=True, slots=True)
class Due:
    """A comparison that is to be made, and the submissions that it covers.

    ``cause`` is the same whenever it is asked for, so that none is made twice.
    """

    cause: str
    at: datetime
    covered: tuple[FirstRelease, ...]

    @property
    def through(self) -> int:
        """The number of the last release that is covered."""
        return max(each.number for each in self.covered)


def due(
    declared: Freezes,
    released: Sequence[FirstRelease],
    newest: LastComparison | None,
    now: datetime,
    tied: Iterable[Collection[str]] = (),
) -> Due | None:
    """The comparison that is due at the time ``now``; None where none is.

    A declared day covers what was released before it began, however late it is asked for. Of
    several days that passed without a comparison the last one counts, and a day before the newest
    comparison is past. A number counts submissions whose first release came after all that the
    newest comparison covers. Teams that people tie together, in lower case in ``tied``, are one.
    """
    passed = [
        datetime.combine(day, time(), UTC)
        for day in declared.freeze_on
        if datetime.combine(day, time(), UTC) <= now
    ]
    if passed and (newest is None or newest.at < passed[-1]):
        covered = tuple(each for each in released if each.published < passed[-1])
        if covered:
            return Due(passed[-1].date().isoformat(), passed[-1], covered)
    if declared.freeze_every is None:
        return None
    new = [each for each in released if newest is None or each.number > newest.through]
    one_of = {team: min(group) for group in tied for team in group}
    teams = {one_of.get(each.team.casefold(), each.team.casefold()) for each in new}
    if len(new) < declared.freeze_every or len(teams) < FEWEST_TEAMS:
        return None
    last = max(each.number for each in new)
    hour = now.replace(minute=0, second=0, microsecond=0)
    return Due(f"release {last}", hour, tuple(released))
