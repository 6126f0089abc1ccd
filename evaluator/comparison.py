"""What leaves of a comparison of a board's submissions: the document, and nothing else."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property, lru_cache
from typing import Any

from evaluator.scoring.results import OVERALL, as_mapping

SCHEMA = 1

OTHER_OF_MODEL = "another submission of the same model stands for it"
NO_FIGURE = "its release shows no primary figure"
ALIKE = "its predictions differ from those of an earlier submission in few cases"
SETS_APART = "its predictions set few cases apart"
TOO_FEW = "the cases do not allow the figure to be compared"
ANOTHER_PLAN = "it was scored by another analysis plan or on another cohort"


class ComparisonError(ValueError):
    """A stored comparison cannot be read, or one that was asked for does not exist."""


def refuse_several(boards: Sequence[str]) -> None:
    """Raise ComparisonError where submissions are of several boards."""
    if len(boards) > 1:
        raise ComparisonError(
            f"the submissions are of {' and of '.join(boards)}; name those of one board"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedEntry:
    """One row of a board as it was when its submissions were compared.

    ``value``, ``low`` and ``high`` are those of its release. ``rank_low`` to ``rank_high`` holds
    the rank at the comparison's confidence, 1 best. Submissions of one ``tier`` are not told apart
    from its first. ``first_share`` is the share of replicates in which it is first, one decimal.
    ``looks`` counts every charged look of the team at this cohort; ``corrected_low`` and
    ``corrected_high`` bound the figure where the entry is the best of several looks.
    """

    submission_id: str
    team: str
    model: str
    baseline: bool
    value: float
    low: float | None
    high: float | None
    rank_low: int
    rank_high: int
    tier: int
    first_share: float
    looks: int
    corrected_low: float | None = None
    corrected_high: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedPair:
    """The figure of ``first`` less that of ``second`` on the same cases of one group.

    ``adjusted_p`` is adjusted (Holm) over all pairs of the comparison for the group of all cases,
    and over all pairs and levels together for the levels.
    """

    first: str
    second: str
    attribute: str
    level: str
    difference: float
    low: float
    high: float
    adjusted_p: float


@dataclass(frozen=True, slots=True, kw_only=True)
class NotCompared:
    """A submission that was released, and took no part."""

    submission_id: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """All submissions of a benchmark that were released at a time, compared with one another.

    ``entries`` are the rows of the board, best first. It covers releases up to ``frozen_at``.
    """

    benchmark: str
    cohort_digest: str
    plan_digest: str
    figure: str
    confidence: float
    replicates: int
    seed_note: str
    frozen_at: datetime
    code_version: str
    others: tuple[NotCompared, ...] = ()
    entries: tuple[ComparedEntry, ...]
    pairs: tuple[ComparedPair, ...]

    @property
    def covered(self) -> frozenset[str]:
        """The submissions that were released, whether they took part or not."""
        return frozenset(self._entries) | {each.submission_id for each in self.others}

    def entry(self, submission_id: str) -> ComparedEntry | None:
        """A row, or None where the submission took no part."""
        return self._entries.get(submission_id)

    def between(self, first: str, second: str) -> Iterator[ComparedPair]:
        """The pairs of two submissions, all cases first, as stored: either may come first."""
        yield from self._pairs.get(frozenset((first, second)), ())

    @cached_property
    def _entries(self) -> dict[str, ComparedEntry]:
        return {each.submission_id: each for each in self.entries}

    @cached_property
    def _pairs(self) -> dict[frozenset[str], list[ComparedPair]]:
        pairs: dict[frozenset[str], list[ComparedPair]] = {}
        for pair in sorted(self.pairs, key=lambda pair: (pair.attribute, pair.level) != OVERALL):
            pairs.setdefault(frozenset((pair.first, pair.second)), []).append(pair)
        return pairs

    @property
    def digest(self) -> str:
        """SHA-256 over the canonical JSON."""
        return "sha256:" + hashlib.sha256(self.to_json().encode()).hexdigest()

    def to_json(self) -> str:
        """Write canonical JSON: sorted keys, no whitespace, no NaN; the digest is over this."""
        document = as_mapping(self) | {"schema": SCHEMA, "frozen_at": self.frozen_at.isoformat()}
        return json.dumps(
            document, sort_keys=True, separators=(",", ":"), allow_nan=False, default=as_mapping
        )

    @classmethod
    def from_json(cls, text: str) -> Comparison:
        """Read what ``to_json`` wrote; raises ComparisonError for anything else."""
        return _read(text)


def _parse(document: dict[str, Any]) -> Comparison:
    schema = document.pop("schema")
    if schema != SCHEMA:
        raise ValueError(f"its schema is {schema!r}")
    return Comparison(
        frozen_at=datetime.fromisoformat(document.pop("frozen_at")),
        entries=tuple(ComparedEntry(**entry) for entry in document.pop("entries")),
        pairs=tuple(ComparedPair(**pair) for pair in document.pop("pairs")),
        others=tuple(NotCompared(**other) for other in document.pop("others")),
        **document,
    )


@lru_cache(maxsize=16)  # pages read it again and again, and it never changes
def _read(text: str) -> Comparison:
    try:
        return _parse(json.loads(text))
    except (ValueError, TypeError, KeyError, AttributeError) as problem:
        raise ComparisonError(
            f"a stored comparison cannot be read ({problem}); expected the JSON document of "
            f"schema {SCHEMA} that `sequestra run` writes: restore the ledger from a backup"
        ) from problem
