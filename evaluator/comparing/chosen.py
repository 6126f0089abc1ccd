"""Chooses some submissions of a comparison for a reader, and says why that cannot be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations

from evaluator.comparison import (
    ComparedEntry,
    ComparedPair,
    Comparison,
    ComparisonError,
)
from evaluator.scoring.results import OVERALL
from submissions.design.dates import moment

MOST_CHOSEN = 8
"""Submissions that are compared side by side."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """Rows in the order in which they were asked for; each pair has the earlier one first."""

    comparison: Comparison
    entries: tuple[ComparedEntry, ...]
    pairs: tuple[ComparedPair, ...]

    @property
    def overall(self) -> tuple[ComparedPair, ...]:
        """The differences over all cases."""
        return tuple(each for each in self.pairs if (each.attribute, each.level) == OVERALL)

    @property
    def attributes(self) -> tuple[str, ...]:
        """The attributes by whose levels differences are given, in order."""
        names = sorted({each.attribute for each in self.pairs})
        return tuple(name for name in names if name != OVERALL[0])

    def by(self, attribute: str) -> tuple[ComparedPair, ...]:
        """The differences by the levels of an attribute, level by level."""
        pairs = [each for each in self.pairs if each.attribute == attribute]
        return tuple(sorted(pairs, key=lambda each: each.level))


def coverage(comparison: Comparison, later: int) -> str:
    """What a comparison covers, where ``later`` submissions were released since; a sentence."""
    since = {0: "none was released since", 1: "1 later one is not in it"}
    return (
        f"This comparison covers the {_counted(len(comparison.covered))} released by "
        f"{moment(comparison.frozen_at)}; {since.get(later, f'{later} later ones are not in it')}."
    )


def choose(comparison: Comparison | None, benchmark: str, names: Sequence[str]) -> Chosen:
    """The rows ``names`` and their pairs; raise ComparisonError, one sentence, where that fails."""
    named = list(dict.fromkeys(names))
    if not 2 <= len(named) <= MOST_CHOSEN:
        raise ComparisonError(
            f"{_counted(len(named))} named; name 2 to {MOST_CHOSEN} different ones of one board"
        )
    if comparison is None:
        raise ComparisonError(
            f"the submissions of {benchmark} have not been compared yet: that happens only at the "
            f"times that its file declares under [board]; until then read each report by itself"
        )
    entries = []
    for name in named:
        entry = comparison.entry(name)
        if entry is None:
            raise ComparisonError(_absent(comparison, name))
        entries.append(entry)
    pairs = [
        _turned(pair, first)
        for first, second in combinations(named, 2)
        for pair in comparison.between(first, second)
    ]
    return Chosen(comparison, tuple(entries), tuple(pairs))


def _absent(comparison: Comparison, name: str) -> str:
    date = moment(comparison.frozen_at)
    for other in comparison.others:
        if other.submission_id == name:
            return (
                f"submission {name} takes no part in the comparison of {date}: "
                f"{other.reason}; name another, such as {_example(comparison)}"
            )
    return (
        f"submission {name} is not in the comparison of {date}, which was made before "
        f"its release; wait for the next one, or name another, such as {_example(comparison)}"
    )


def _example(comparison: Comparison) -> str:
    first = next(iter(comparison.entries), None)
    return "one that it covers" if first is None else first.submission_id


def _turned(pair: ComparedPair, first: str) -> ComparedPair:
    """The pair with ``first`` first."""
    if pair.first == first:
        return pair
    return replace(
        pair,
        first=pair.second,
        second=pair.first,
        difference=-pair.difference + 0.0,
        low=-pair.high + 0.0,
        high=-pair.low + 0.0,
    )


def _counted(n: int) -> str:
    return f"{n} {'submission' if n == 1 else 'submissions'}"
