"""What is kept beside the releases for boards, read once and again after a new release."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from threading import Lock
from typing import TYPE_CHECKING, Protocol

from pydantic_core import from_json

from evaluator.comparison import ComparedEntry, Comparison
from evaluator.glossary import FIGURES
from evaluator.leaderboard.board.details import Details, Sorting
from evaluator.leaderboard.board.ranking import Entrant, Place, places
from submissions.ledger.beside_releases import board_rows, retirement
from submissions.ledger.beside_releases.retirement import Draws, Spent
from submissions.ledger.database.audit_chain import CLAIMS
from submissions.ledger.database.records import BoardRow
from submissions.ledger.ledger import Ledger
from submissions.quota import Quota

if TYPE_CHECKING:
    from evaluator.claims.sealed_study import SealedStudy
    from evaluator.disclosure.control import Release

_AT_ONCE = 500

Comparisons = Callable[[str], Comparison | None]
"""The newest comparison of a benchmark, or None before there is one."""

Reader = Callable[[str | None], "Sequence[Release]"]
"""Released documents of one benchmark, or of all where the name is None; oldest first."""


@dataclass(frozen=True)
class Board:
    """The rows of one benchmark in order, and what they have in common.

    ``stamp`` is another as soon as anything is: the number of the newest release, and when the
    comparison was frozen.
    """

    stamp: tuple[int, str]
    primary: str
    places: tuple[Place, ...]
    entrants: tuple[Entrant, ...]
    comparison: Comparison | None = None
    claims: bool = False
    """Whether its submissions were judged by declared claims."""
    ordered: dict[tuple[str, bool], tuple[Place, ...]] = field(default_factory=dict, compare=False)
    """Orders that were asked for before."""
    narrowed: dict[tuple[str, bool, str, str], tuple[Place, ...]] = field(
        default_factory=dict, compare=False
    )
    """Rows of the last searches and choices, in their order."""

    @cached_property
    def compared(self) -> Mapping[str, ComparedEntry]:
        """Entries of the comparison by submission."""
        entries = () if self.comparison is None else self.comparison.entries
        return {entry.submission_id: entry for entry in entries}

    @cached_property
    def baselines(self) -> tuple[Entrant, ...]:
        """Rows that are marked as baselines."""
        return tuple(place.entrant for place in self.places if place.entrant.baseline)

    @cached_property
    def left_out(self) -> Mapping[str, str]:
        """Why released submissions took no part in the comparison."""
        others = () if self.comparison is None else self.comparison.others
        return {other.submission_id: other.reason for other in others}

    @cached_property
    def metrics(self) -> tuple[str, ...]:
        """Figures that a row has a value of, in the glossary's order."""
        there: set[str] = set()
        for place in self.places:
            there.update(place.entrant.figures)
        known = [name for name in FIGURES if name in there]
        return (*known, *sorted(there - set(known)))

    @cached_property
    def searched(self) -> Mapping[int, str]:
        """Model and team of each row in the letters that a search compares, by release number."""
        return {
            place.entrant.number: f"{place.entrant.model}\n{place.entrant.team}".casefold()
            for place in self.places
        }

    @cached_property
    def latest(self) -> datetime | None:
        """When the last submission was received that is shown."""
        return max((each.received for each in self.entrants), default=None)

    @cached_property
    def cohorts(self) -> int:
        """How many cohorts the rows were scored on."""
        return len({place.entrant.cohort_digest for place in self.places})

    @cached_property
    def plans(self) -> int:
        """How many analysis plans the rows were scored with."""
        return len({place.entrant.plan_digest for place in self.places})


@dataclass(frozen=True, slots=True)
class Declaration:
    """Which claims stand for a benchmark, by their digest, and since when (ISO, whole hours).

    ``added`` is the study of claims that were declared after the seal, None where the benchmark's
    own file has them.
    """

    digest: str
    at: str
    added: SealedStudy | None = None


class Kept(Protocol):
    """What boards and reports are read from."""

    def board(self, benchmark: str, primary: str) -> Board:
        """The board of a benchmark, as it is now."""

    def details(self, numbers: Sequence[int]) -> Mapping[int, Details]:
        """The rest that a board shows of releases, by their numbers."""

    def sortings(self, numbers: Sequence[int], primary: str) -> Mapping[int, Sorting]:
        """What releases are sorted by, by their numbers."""

    def release(self, submission_id: str) -> Release | None:
        """The newest release of a submission; None where it has none."""

    def document(self, submission_id: str) -> str | None:
        """The same as it is stored."""

    def moment(self) -> int | None:
        """Another number as soon as anything is another; None where nothing tells."""

    def waiting(self, benchmark: str) -> int | None:
        """How many submissions wait for the queue; None where nobody knows."""

    def spent(self, benchmark: str, quota: Quota) -> Spent | None:
        """Why a benchmark takes no more submissions; None where its cohort is not spent."""

    def tried(self, benchmark: str) -> int | None:
        """How many teams had its claims judged; None where nobody knows."""

    def declaration(self, benchmark: str) -> Declaration | None:
        """The claims that stand for a benchmark; None where none was sealed or added."""

    def draws(self, benchmark: str) -> Draws:
        """The benchmarks of the draws before and after that of a benchmark."""


class OfLedger:
    """Reads the public store; a board stays in memory until its benchmark has a new release."""

    def __init__(self, ledger: Ledger, comparisons: Comparisons = lambda benchmark: None) -> None:
        """Nothing is read before it is asked for."""
        self._ledger = ledger
        self._comparisons = comparisons
        self._lock = Lock()
        self._entrants: dict[str, list[Entrant]] = {}
        self._boards: dict[tuple[str, str], Board] = {}
        self._checked: dict[tuple[str, str], tuple[int, int]] = {}
        self._sortings: dict[str, dict[int, Sorting]] = {}

    def board(self, benchmark: str, primary: str) -> Board:
        """The board of a benchmark; only rows of new releases are read."""
        key = benchmark, primary
        stamp = self._ledger.boards.stamp(benchmark)
        if self._checked.get(key) == stamp:
            return self._boards[key]
        with self._lock:
            comparison = self._comparisons(benchmark)
            frozen = "" if comparison is None else comparison.frozen_at.isoformat()
            board = self._boards.get(key)
            if board is None or board.stamp != (stamp[0], frozen):
                entrants = self._newer(benchmark, stamp[0])
                newest = {each.submission_id: each for each in entrants}
                board = Board(
                    stamp=(stamp[0], frozen),
                    primary=primary,
                    places=places(entrants, primary),
                    entrants=tuple(newest.values()),
                    comparison=comparison,
                    claims=self._claims(entrants),
                )
                self._boards[key] = board
            self._checked[key] = stamp
        return board

    def _newer(self, benchmark: str, newest: int) -> list[Entrant]:
        """All rows of a benchmark, after those were read that are new."""
        entrants = self._entrants.setdefault(benchmark, [])
        after = entrants[-1].number if entrants else 0
        if after < newest:
            entrants += _entrants(self._ledger.boards.rows(benchmark, after=after))
        return entrants

    def _claims(self, entrants: Sequence[Entrant]) -> bool:
        """Whether the newest release has a verdict: all of a benchmark have one, or none."""
        newest = [each.number for each in entrants[-1:]]
        return any(details.verdict for details in self.details(newest).values())

    def details(self, numbers: Sequence[int]) -> Mapping[int, Details]:
        """The rest that a board shows of releases, by their numbers.

        Pages are kept as they are sent, and of these nothing: thousands of them would have Python
        look through millions of objects for garbage.
        """
        texts = self._ledger.boards.shown(numbers)
        return {number: Details(from_json(text)) for number, text in texts.items()}

    def sortings(self, numbers: Sequence[int], primary: str) -> Mapping[int, Sorting]:
        """What releases are sorted by; each release is read once, and few at a time."""
        known = self._sortings.setdefault(primary, {})
        asked = [number for number in numbers if number not in known]
        for start in range(0, len(asked), _AT_ONCE):
            for number, details in self.details(asked[start : start + _AT_ONCE]).items():
                known[number] = Sorting.of(details, primary)
        return known

    def release(self, submission_id: str) -> Release | None:
        """The newest release of a submission; None where it has none."""
        from evaluator.disclosure.control import Release  # slow, and boards need none

        found = self.document(submission_id)
        return None if found is None else Release.from_json(found)

    def document(self, submission_id: str) -> str | None:
        """The same as it is stored."""
        found = self._ledger.boards.newest(submission_id)
        return None if found is None else found.document

    def moment(self) -> int | None:
        """The number of the last audit entry: everything that is written has one."""
        return self._ledger.chain.head()[0]

    def waiting(self, benchmark: str) -> int | None:
        """How many submissions wait for the queue."""
        return self._ledger.boards.waiting(benchmark)

    def spent(self, benchmark: str, quota: Quota) -> Spent | None:
        """Why a benchmark takes no more submissions, and which one has the next draw."""
        return self._ledger.read(lambda held: retirement.ending(held, benchmark, quota))

    def tried(self, benchmark: str) -> int | None:
        """How many teams had the claims of a benchmark judged."""
        return self._ledger.verdicts.teams_that_tried(benchmark)

    def declaration(self, benchmark: str) -> Declaration | None:
        """The claims that stand for a benchmark, as the audit chain has them."""
        found = list(self._ledger.chain.entries(subjects=[benchmark], event=CLAIMS))
        if not found:
            return None
        from evaluator.claims import addendum  # slow, and few benchmarks have claims

        digest, _, _ = found[-1].content.partition(" ")
        added = addendum.of(self._ledger, benchmark)
        at = found[-1].at.isoformat() if added is None else added.sealed_at
        return Declaration(digest, at, added)

    def draws(self, benchmark: str) -> Draws:
        """The benchmarks of the draws before and after that of a benchmark."""
        return self._ledger.read(lambda held: retirement.draws(held, benchmark))


class OfReleases:
    """Reads releases that somebody holds in memory, at each request."""

    def __init__(self, read: Reader, comparisons: Comparisons = lambda benchmark: None) -> None:
        """``read`` gives the releases of one benchmark or of all."""
        self._read = read
        self._comparisons = comparisons

    def board(self, benchmark: str, primary: str) -> Board:
        """The board of a benchmark."""
        entrants = _entrants(
            [
                _row(number, release)
                for number, release in enumerate(self._read(None), start=1)
                if release.benchmark == benchmark
            ]
        )
        newest = {each.submission_id: each for each in entrants}
        last = self.details([each.number for each in entrants[-1:]])
        comparison = self._comparisons(benchmark)
        frozen = "" if comparison is None else comparison.frozen_at.isoformat()
        return Board(
            stamp=(max((each.number for each in entrants), default=0), frozen),
            primary=primary,
            places=places(entrants, primary),
            entrants=tuple(newest.values()),
            comparison=comparison,
            claims=any(each.verdict for each in last.values()),
        )

    def details(self, numbers: Sequence[int]) -> Mapping[int, Details]:
        """The rest that a board shows of releases, by their numbers."""
        wanted = set(numbers)
        return {
            number: Details(json.loads(board_rows.derived(release.to_json())["shown"]))
            for number, release in enumerate(self._read(None), start=1)
            if number in wanted
        }

    def sortings(self, numbers: Sequence[int], primary: str) -> Mapping[int, Sorting]:
        """What releases are sorted by."""
        found = self.details(numbers)
        return {number: Sorting.of(details, primary) for number, details in found.items()}

    def release(self, submission_id: str) -> Release | None:
        """The newest release of a submission; None where it has none."""
        found = [each for each in self._read(None) if each.submission_id == submission_id]
        return found[-1] if found else None

    def document(self, submission_id: str) -> str | None:
        """The same as it is stored."""
        found = self.release(submission_id)
        return None if found is None else found.to_json()

    def moment(self) -> int | None:
        """Nothing tells whether the releases are the same."""
        return None

    def waiting(self, benchmark: str) -> int | None:
        """Nobody waits here."""
        return None

    def spent(self, benchmark: str, quota: Quota) -> Spent | None:
        """Nothing tells here."""
        return None

    def tried(self, benchmark: str) -> int | None:
        """Nobody counts here."""
        return None

    def declaration(self, benchmark: str) -> Declaration | None:
        """Nothing tells here."""
        return None

    def draws(self, benchmark: str) -> Draws:
        """Nothing tells here."""
        return Draws(None, None)


def _row(number: int, release: Release) -> BoardRow:
    derived = board_rows.derived(release.to_json())
    return BoardRow(
        number=number,
        submission_id=release.submission_id,
        benchmark=release.benchmark,
        team=release.team,
        model=release.model,
        received=release.received,
        cohort_digest=derived["cohort_digest"],
        plan_digest=derived["plan_digest"],
        figures=derived["figures"],
    )


_SAME: dict[str, str] = {}
"""One object for each digest that thousands of rows repeat."""


def _entrants(rows: Sequence[BoardRow]) -> list[Entrant]:
    """What is ranked of rows; their figures are read as one text, which keeps each name once."""
    figures = json.loads(f"[{','.join(row.figures for row in rows)}]")
    return [_entrant(row, found) for row, found in zip(rows, figures, strict=True)]


def _entrant(row: BoardRow, figures: Mapping[str, float]) -> Entrant:
    return Entrant(
        number=row.number,
        submission_id=row.submission_id,
        team=row.team,
        model=row.model,
        received=row.received,
        figures=figures,
        cohort_digest=_SAME.setdefault(row.cohort_digest, row.cohort_digest),
        plan_digest=_SAME.setdefault(row.plan_digest, row.plan_digest),
    )
