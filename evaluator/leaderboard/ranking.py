"""Ranks submissions by released values alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from evaluator.disclosure.control import Release
from evaluator.glossary import figure
from evaluator.scoring.results import OVERALL, Result
from metrics.estimate import Estimate

BASELINE_TEAMS = frozenset({"baseline", "baselines"})
"""Teams, in lower case, whose rows are marked as baselines."""

POLICY = (
    "One row a model: the best of the team's released submissions of it, by released value. "
    "Equal values share a rank. Ranks are not tests: overlapping intervals do not show that two "
    "models are equal, nor a higher rank that one is better."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """One row of a board; ``rank`` is None where the primary figure is undefined.

    ``entries`` counts the released submissions that the row is the best of.
    """

    rank: int | None
    team: str
    model: str
    submission_id: str
    primary: Estimate
    received: datetime
    baseline: bool
    entries: int


def rank(releases: Sequence[Release], primary: str = "auroc") -> tuple[Standing, ...]:
    """Order by the primary figure; equal released values share a rank, undefined ones have none.

    ``releases`` come oldest first: of a submission that was scored again, the newest counts.
    Raises ValueError for a figure that is best at a target value, since it orders nothing.
    """
    better = figure(primary).better
    if not better:
        raise ValueError(
            f"the primary figure is {primary!r}, which has no better direction; declare one such "
            f"as auroc or brier"
        )

    def place(release: Release) -> tuple[bool, float, datetime, str]:
        value = primary_of(release, primary).value
        worth = 0.0 if value is None else -value if better == "higher" else value
        return value is None, worth, release.received, release.submission_id

    entries: dict[tuple[str, str], list[Release]] = {}
    newest = {release.submission_id: release for release in releases}
    for release in sorted(newest.values(), key=place):
        entries.setdefault((release.team, release.model), []).append(release)
    best = sorted((own[0] for own in entries.values()), key=place)
    standings: list[Standing] = []
    for position, release in enumerate(best, start=1):
        estimate = primary_of(release, primary)
        before = standings[-1] if standings else None
        shared = before is not None and before.primary.value == estimate.value
        standings.append(
            Standing(
                rank=None
                if estimate.value is None
                else before.rank
                if before is not None and shared
                else position,
                team=release.team,
                model=release.model,
                submission_id=release.submission_id,
                primary=estimate,
                received=release.received,
                baseline=release.team.strip().lower() in BASELINE_TEAMS,
                entries=len(entries[release.team, release.model]),
            )
        )
    return tuple(standings)


def primary_of(release: Release, primary: str) -> Estimate:
    """The overall primary figure, or an undefined estimate where the release holds none."""
    found = release.find(primary)
    if found is not None:
        return found
    return Estimate(
        value=None,
        low=None,
        high=None,
        n_cases=release.n_cases,
        n_patients=release.n_patients,
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
