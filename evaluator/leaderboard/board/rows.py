"""Makes the cells of a board's rows, and the legend of the signs in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from string import ascii_lowercase

from markupsafe import Markup

from evaluator.comparison import ComparedEntry
from evaluator.leaderboard.board.columns import (
    CASES,
    CLAIMS,
    CORRECTED,
    FIXED,
    LOOKS,
    PRIMARY,
    RECEIVED,
    TIER,
    WORST,
    Column,
)
from evaluator.leaderboard.board.details import Details
from evaluator.leaderboard.board.kept import Board
from evaluator.leaderboard.board.ranking import Place
from evaluator.leaderboard.board.selection import Selection
from evaluator.leaderboard.drawing import bars, numbers
from evaluator.leaderboard.drawing.levels import readable_level
from metrics.estimate import Estimate
from submissions.design.dates import short_day

_MOST_REASONS = 12
_OTHER_REASON = "another reason; the report tells it"


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell: what stands in it, and the smaller line below."""

    css: str
    label: str
    text: str | Markup
    below: str | Markup = ""


@dataclass(frozen=True, slots=True)
class Row:
    """One row; ``rank_below`` is the interval of ranks, ``best_of`` says how it was chosen."""

    submission_id: str
    model: str
    team: str
    baseline: bool
    best_of: str
    rank: str
    rank_below: str
    primary: Cell
    bar: Markup
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """The rows of a page, their shared axis, and what explains their signs."""

    rows: tuple[Row, ...]
    axis: Markup
    low: str
    high: str
    confidence: str
    legend: tuple[tuple[str, str], ...]


@dataclass(slots=True)
class _Reasons:
    """Letters for the reasons why a figure is not there."""

    letters: dict[str, str] = field(default_factory=dict)

    def absent(self, reason: str) -> Markup:
        if reason not in self.letters and len(self.letters) >= _MOST_REASONS - 1:
            reason = _OTHER_REASON
        letter = self.letters.setdefault(reason, ascii_lowercase[len(self.letters)])
        return Markup("{}<sup>{}</sup>").format(numbers.DASH, letter)


def drawn(board: Board, columns: Sequence[Column], found: Selection) -> Table:
    """Lay the rows of a page out."""
    primaries = [
        details.primary(board.primary, place.entrant.figures.get(board.primary))
        for place, details in zip(found.places, found.details, strict=True)
    ]
    entries = [board.compared.get(place.entrant.submission_id) for place in found.places]
    shared = bars.axis([*primaries, *filter(None, map(_corrected_estimate, entries))])
    reasons = _Reasons()
    making = _Making(board, [c for c in columns if c.key not in FIXED], shared, reasons)
    rows = tuple(
        making.row(place, details, primary, entry)
        for place, details, primary, entry in zip(
            found.places, found.details, primaries, entries, strict=True
        )
    )
    confidences = sorted({numbers.percent(details.confidence) for details in found.details})
    return Table(
        rows=rows,
        axis=bars.scale(shared),
        low="" if shared is None else f"{shared.low:g}",
        high="" if shared is None else f"{shared.high:g}",
        confidence=" and ".join(confidences),
        legend=(*_claims(found, columns), *_legend(board, columns, reasons, rows)),
    )


@dataclass(frozen=True, slots=True)
class _Making:
    """What all rows of a table share."""

    board: Board
    columns: Sequence[Column]
    shared: bars.Axis | None
    reasons: _Reasons

    def row(
        self, place: Place, details: Details, primary: Estimate, entry: ComparedEntry | None
    ) -> Row:
        entrant = place.entrant
        return Row(
            submission_id=entrant.submission_id,
            model=entrant.model,
            team=entrant.team,
            baseline=entrant.baseline,
            best_of=_best_of(place, entry),
            rank=numbers.DASH if place.rank is None else str(place.rank),
            rank_below="" if entry is None else f"{entry.rank_low} to {entry.rank_high}",
            primary=self._figure(PRIMARY, primary),
            bar=bars.bar(primary, self.shared, wider=_corrected(entry)),
            cells=tuple(self._cell(column, place, details, entry) for column in self.columns),
        )

    def _cell(
        self, column: Column, place: Place, details: Details, entry: ComparedEntry | None
    ) -> Cell:
        key = column.key
        if key in (TIER, LOOKS, CORRECTED):
            return self._of_comparison(column, place, entry)
        if key == WORST:
            worst = details.worst(self.board.primary)
            if worst is None:
                return Cell("num", column.short, self.reasons.absent("no subgroup is shown"))
            level = readable_level(worst.level)
            return Cell("num group", column.short, numbers.board_value(worst.estimate), level)
        if key == CLAIMS:
            return self._claims(column, details)
        if key == CASES:
            return Cell("num", column.short, numbers.count(details.n_cases))
        if key == RECEIVED:
            return Cell("date", column.short, _day(place.entrant.received))
        value = place.entrant.figures.get(column.metric)
        return self._figure(key, details.estimate(column.metric, value), column)

    def _claims(self, column: Column, details: Details) -> Cell:
        if not details.verdict:
            return Cell("num", column.short, self.reasons.absent("no claim was judged"))
        numbered: dict[str, list[str]] = {}
        for number, (_, outcome) in enumerate(details.verdict, start=1):
            numbered.setdefault(outcome, []).append(str(number))
        told = "; ".join(f"{outcome} {', '.join(which)}" for outcome, which in numbered.items())
        return Cell("num group", column.short, f"{details.n_met} of {len(details.verdict)}", told)

    def _of_comparison(self, column: Column, place: Place, entry: ComparedEntry | None) -> Cell:
        if entry is None:
            later = "released after the last comparison"
            reason = self.board.left_out.get(place.entrant.submission_id, later)
            return Cell("num", column.short, self.reasons.absent(reason))
        if column.key == TIER:
            share = f"first in {entry.first_share:.1f}"
            return Cell("num", column.short, str(entry.tier), share)
        if column.key == LOOKS:
            return Cell("num", column.short, numbers.count(entry.looks))
        ends = _corrected(entry)
        if ends is None:
            return Cell("num", column.short, self.reasons.absent("the plain interval holds"))
        low, high = (numbers.number(end, numbers.ON_BOARD) for end in ends)
        return Cell("num", column.short, f"{low}{numbers.DASH}{high}")

    def _figure(self, key: str, estimate: Estimate | None, column: Column | None = None) -> Cell:
        label = "" if column is None else column.short
        css = "num primary" if key == PRIMARY else "num"
        if estimate is None:
            return Cell(css, label, self.reasons.absent("the release has no such figure"))
        if estimate.value is None:
            return Cell(css, label, self.reasons.absent(estimate.undefined or "undefined"))
        return Cell(css, label, *_texts(estimate))


@lru_cache(maxsize=65_536)  # a board is asked for in many orders
def _texts(estimate: Estimate) -> tuple[str, str]:
    return numbers.board_value(estimate), numbers.board_interval(estimate)


@lru_cache(maxsize=4_096)
def _day(moment: datetime) -> Markup:
    day = short_day(moment)
    return Markup(f'<time datetime="{moment.isoformat()}">{day}</time>')  # digits and a month


def _best_of(place: Place, entry: ComparedEntry | None) -> str:
    """Of how many the row is the best; all looks of the team count where they are known."""
    if entry is not None and entry.looks > 1:
        return f"best of {entry.looks} looks"
    return f"best of {place.entries} submissions" if place.entries > 1 else ""


def _corrected(entry: ComparedEntry | None) -> tuple[float, float] | None:
    if entry is None or entry.corrected_low is None or entry.corrected_high is None:
        return None
    return entry.corrected_low, entry.corrected_high


def _corrected_estimate(entry: ComparedEntry | None) -> Estimate | None:
    """The corrected interval as the axis takes it, so that no drawn line leaves it."""
    ends = _corrected(entry)
    if ends is None:
        return None
    low, high = ends
    return Estimate(value=low, low=low, high=high, n_cases=1, n_patients=1, n_positive=0, method="")


def _claims(found: Selection, columns: Sequence[Column]) -> list[tuple[str, str]]:
    """The declared claims by the numbers that the cells have."""
    if all(column.key != CLAIMS for column in columns):
        return []
    names = next(([name for name, _ in each.verdict] for each in found.details if each.verdict), [])
    return [(f"Claim {number}", name) for number, name in enumerate(names, start=1)]


def _legend(
    board: Board, columns: Sequence[Column], reasons: _Reasons, rows: Sequence[Row]
) -> list[tuple[str, str]]:
    """Each sign of the page with its meaning."""
    keys = {column.key for column in columns}
    found = [
        (
            "Dot and line",
            "value and interval, on the axis in the head of the column",
        )
    ]
    if any(row.best_of for row in rows):
        found.append(
            (
                "best of N",
                "the best of its model, after so many looks of the team or submissions of the "
                "model; the best of several looks better than it is",
            )
        )
    if any(row.baseline for row in rows):
        found.append(("baseline", "entered by the organisers, by the same path as everybody"))
    if WORST in keys:
        found.append(
            (
                "Worst group",
                "shown subgroup with the worst value; the worst of several looks worse than it is",
            )
        )
    if board.comparison is not None:
        found += _of_comparison(keys, rows)
    for reason, letter in reasons.letters.items():
        found.append((f"{numbers.DASH} {letter}", reason))
    return found


def _of_comparison(keys: set[str], rows: Sequence[Row]) -> list[tuple[str, str]]:
    found = []
    if any(row.rank_below for row in rows):
        said = "interval of ranks that the data support, among the models compared"
        found.append(("1 to 4 below a rank", said))
    if TIER in keys:
        found += [
            ("Tier", "models of one tier are not distinguishable from its first"),
            ("first in 0.4", "share of resamples in first place, here 0.4 of them"),
        ]
    found.append(
        ("Dotted line", "interval corrected for the choice of the best of the team's looks")
    )
    if LOOKS in keys:
        found.append(("Looks", "charged runs of the team on this cohort, failed ones too"))
    return found
