"""Ranks submissions by released values alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from evaluator.glossary import figure
from evaluator.scoring.results import OVERALL, Result
from metrics.estimate import Estimate

if TYPE_CHECKING:
    from evaluator.disclosure.control import Release

BASELINE_TEAMS = frozenset({"baseline", "baselines"})
"""Teams, in lower case, whose rows are marked as baselines."""

POLICY = (
    "One row a model: the best of the team's released submissions of it, by released value. "
    "Equal values share a rank. Ranks are not tests: overlapping intervals do not show that two "
    "models are equal, nor a higher rank that one is better."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entrant:
    """What ranking needs of one submission's newest release; ``figures`` are overall values.

    ``number`` is the release's in the ledger.
    """

    number: int
    submission_id: str
    team: str
    model: str
    received: datetime
    figures: Mapping[str, float]
    cohort_digest: str = ""
    plan_digest: str = ""

    @property
    def baseline(self) -> bool:
        """Whether the row is marked as a baseline's."""
        return is_baseline(self.team)


@dataclass(frozen=True, slots=True)
class Place:
    """One row of a board; ``rank`` is None where the primary figure is undefined.

    ``entries`` counts the released submissions that the row is the best of.
    """

    rank: int | None
    entrant: Entrant
    entries: int


def is_baseline(team: str) -> bool:
    """Whether the rows of a team are marked as baselines."""
    return team.strip().lower() in BASELINE_TEAMS


def places(entrants: Sequence[Entrant], primary: str = "auroc") -> tuple[Place, ...]:
    """Order by the primary figure; equal released values share a rank, undefined ones have none.

    ``entrants`` come oldest first: of a submission that was scored again, the newest counts.
    Raises ValueError for a figure that is best at a target value, since it orders nothing.
    """
    better = figure(primary).better
    if not better:
        raise ValueError(
            f"the primary figure is {primary!r}, which has no better direction; declare one such "
            f"as auroc or brier"
        )
    sign = -1.0 if better == "higher" else 1.0

    def place(entrant: Entrant) -> tuple[bool, float, datetime, str]:
        value = entrant.figures.get(primary)
        worth = 0.0 if value is None else sign * value
        return value is None, worth, entrant.received, entrant.submission_id

    newest = {entrant.submission_id: entrant for entrant in entrants}
    best: dict[tuple[str, str], Entrant] = {}
    entries: dict[tuple[str, str], int] = {}
    for entrant in sorted(newest.values(), key=place):
        model = (entrant.team, entrant.model)
        best.setdefault(model, entrant)  # in the order of their places
        entries[model] = entries.get(model, 0) + 1
    found: list[Place] = []
    for position, (model, entrant) in enumerate(best.items(), start=1):
        value = entrant.figures.get(primary)
        rank: int | None = None if value is None else position
        if rank is not None and found and found[-1].entrant.figures.get(primary) == value:
            rank = found[-1].rank
        found.append(Place(rank, entrant, entries[model]))
    return tuple(found)


def placed(releases: Sequence[Release], primary: str = "auroc") -> tuple[Place, ...]:
    """Rank releases, which come oldest first, as :func:`places` ranks what is kept of them."""
    entrants = []
    for number, release in enumerate(releases, start=1):
        found = release.find(primary)
        value = None if found is None else found.value
        entrants.append(
            Entrant(
                number=number,
                submission_id=release.submission_id,
                team=release.team,
                model=release.model,
                received=release.received,
                figures={} if value is None else {primary: value},
                cohort_digest=release.cohort_digest,
                plan_digest=release.plan_digest,
            )
        )
    return places(entrants, primary)


def not_released(n_cases: int, n_patients: int) -> Estimate:
    """The estimate of a figure that a release does not hold."""
    return Estimate(
        value=None,
        low=None,
        high=None,
        n_cases=n_cases,
        n_patients=n_patients,
        n_positive=0,
        method="",
        undefined="not released",
    )


def worst_group(release: Release, metric: str = "auroc") -> Result | None:
    """The shown subgroup or intersection with the worst value; None where none has one."""
    shown = [
        (result.estimate.value, result)
        for result in release.results
        if result.metric == metric
        and (result.attribute, result.level) != OVERALL
        and result.estimate.value is not None
    ]
    if not shown:
        return None
    sign = -1.0 if figure(metric).better == "lower" else 1.0
    return min(shown, key=lambda pair: (sign * pair[0], pair[1].attribute, pair[1].level))[1]
