"""What changed between two releases of a team: figures, and groups shown in one of them alone.

A group that one release shows and the other withholds is what an attack by differences needs.
"""

from __future__ import annotations

from dataclasses import dataclass

from evaluator.disclosure.control import Release
from evaluator.glossary import figure
from evaluator.leaderboard.drawing import numbers
from evaluator.scoring.results import OVERALL
from metrics.estimate import Estimate

EVERYONE = "all cases"
ABSENT = "not shown"


@dataclass(frozen=True, slots=True)
class Changed:
    """One figure in both releases, as text, and by how much it moved."""

    figure: str
    group: str
    before: str
    now: str
    moved: str


@dataclass(frozen=True, slots=True)
class Difference:
    """What changed since a release: figures of all cases first, then of groups."""

    since: Release
    same_cohort: bool
    overall: tuple[Changed, ...]
    groups: tuple[Changed, ...]
    compared: int
    newly_shown: tuple[str, ...]
    newly_withheld: tuple[str, ...]


def difference(now: Release, before: Release) -> Difference:
    """Compare what two releases show."""
    old = {(str(each.figure), *each.group): each.estimate for each in before.results}
    new = {(str(each.figure), *each.group): each.estimate for each in now.results}
    overall: list[Changed] = []
    groups: list[Changed] = []
    for key in [*new, *(key for key in old if key not in new)]:
        written, attribute, level = key
        changed = _changed(written, group_name(attribute, level), old.get(key), new.get(key))
        if changed is not None:
            (overall if (attribute, level) == OVERALL else groups).append(changed)
    hidden = {(each.attribute, each.level) for each in now.withheld}
    were = {(each.attribute, each.level) for each in before.withheld}
    return Difference(
        since=before,
        same_cohort=now.cohort_digest == before.cohort_digest,
        overall=tuple(overall),
        groups=tuple(groups),
        compared=len(new.keys() | old.keys()),
        newly_shown=tuple(sorted(group_name(*each) for each in were - hidden)),
        newly_withheld=tuple(sorted(group_name(*each) for each in hidden - were)),
    )


def group_name(attribute: str, level: str) -> str:
    """A group as a reader knows it."""
    return EVERYONE if (attribute, level) == OVERALL else f"{attribute}: {level}"


def _changed(
    written: str, group: str, before: Estimate | None, now: Estimate | None
) -> Changed | None:
    old, new = _text(before), _text(now)
    if old == new:
        return None
    moved = ""
    if before is not None and now is not None and None not in (before.value, now.value):
        assert before.value is not None
        assert now.value is not None
        places = max(numbers.digits(before), numbers.digits(now))
        sign = "+" if now.value > before.value else ""
        moved = sign + numbers.number(now.value - before.value, places)
    return Changed(figure=figure(written).short, group=group, before=old, now=new, moved=moved)


def _text(estimate: Estimate | None) -> str:
    if estimate is None:
        return ABSENT
    if estimate.value is None:
        return estimate.undefined or ABSENT
    return numbers.with_interval(estimate)
