"""Reads the public store for a board on a terminal, and loads nothing of what draws pages."""

from __future__ import annotations

from weakref import WeakKeyDictionary

from evaluator.benchmark.specification import Benchmark
from evaluator.comparison import Comparison
from evaluator.feedback_choice import told_how
from evaluator.leaderboard.board.kept import OfLedger
from evaluator.leaderboard.board.terminal import render_terminal
from evaluator.screen import Sheet
from submissions.ledger.ledger import Ledger

_NEWEST: WeakKeyDictionary[Ledger, dict[str, tuple[int, Comparison]]] = WeakKeyDictionary()
"""The comparisons that were read last, by benchmark: none ever changes, and they may be large."""


def terminal(ledger: Ledger, benchmark: Benchmark, *, page: int = 1) -> Sheet:
    """A page of the board of a benchmark for a terminal; raise ViewError for one not there."""
    kept = OfLedger(ledger, lambda name: comparison(ledger, name))
    board = kept.board(benchmark.name, benchmark.analysis.primary)
    told = told_how(benchmark.disclosure) or ""
    return render_terminal(board, kept, title=benchmark.title, page=page, told=told)


def comparison(ledger: Ledger, benchmark: str) -> Comparison | None:
    """The newest comparison of a board's submissions, or None where none has been made.

    Its document is read once; what is asked for each time is its number.
    """
    last = ledger.comparisons.last(benchmark)
    if last is None:
        return None
    kept = _NEWEST.setdefault(ledger, {})
    number, found = kept.get(benchmark, (0, None))
    if found is None or number != last.number:
        found = Comparison.from_json(ledger.comparisons.numbered(last.number).document)
        kept[benchmark] = last.number, found
    return found
