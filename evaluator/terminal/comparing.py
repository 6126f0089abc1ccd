"""What `sequestra compare` prints."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.box import SIMPLE_HEAD

from evaluator.comparing.chosen import Chosen, coverage
from evaluator.comparison import ComparedPair
from evaluator.glossary import figure
from evaluator.leaderboard.comparison_page import difference, p_value, told_apart
from evaluator.leaderboard.drawing import numbers
from evaluator.leaderboard.drawing.levels import readable_level
from evaluator.screen import Sheet

NOTE = (
    "Each interval is that of one difference on the same cases; p is adjusted (Holm) for all pairs "
    "of the board, by subgroup for all levels and pairs together. A pair that is not told apart is "
    "not shown to be equal. 'First in' is the share of resamples in first place; the corrected "
    "interval allows for the best of all looks of the team."
)


def sheets(chosen: Chosen, later: int) -> Iterator[Sheet | str]:
    """The rows and their differences as tables, with the sentences around them."""
    yield coverage(chosen.comparison, later)
    yield _standing(chosen)
    letters = {each.submission_id: chr(ord("A") + i) for i, each in enumerate(chosen.entries)}
    if not chosen.overall:
        yield "No differences are given for these: that is done for the first rows of a board."
        return
    yield _differences(chosen, "all cases", chosen.overall, letters)
    for attribute in chosen.attributes:
        yield _differences(chosen, attribute, chosen.by(attribute), letters)
    yield NOTE


def _table(title: str) -> Sheet:
    return Sheet(title=title, title_justify="left", box=SIMPLE_HEAD, pad_edge=False)


def _standing(chosen: Chosen) -> Sheet:
    short = figure(chosen.comparison.figure).short
    table = _table(f"{short} on the board of {chosen.comparison.benchmark}")
    table.add_column("", no_wrap=True)
    table.add_column("model\nteam")
    for heading in (f"{short}\ninterval", "tier\nranks", "first in\nlooks", "corrected\ninterval"):
        table.add_column(heading, justify="right", no_wrap=True)
    for place, each in enumerate(chosen.entries):
        team = "(baseline)" if each.baseline else each.team
        plain = "" if each.low is None else f"{each.low:g}{numbers.DASH}{each.high:g}"
        corrected = "as plain"
        if each.corrected_low is not None:
            corrected = f"{each.corrected_low:g}{numbers.DASH}{each.corrected_high:g}"
        table.add_row(
            chr(ord("A") + place),
            f"{each.model}\n{team}",
            f"{each.value:g}\n{plain}",
            f"{each.tier}\n{each.rank_low} to {each.rank_high}",
            f"{each.first_share:.1f}\n{each.looks}",
            corrected,
        )
    return table


def _differences(
    chosen: Chosen, heading: str, pairs: Sequence[ComparedPair], letters: dict[str, str]
) -> Sheet:
    table = _table(f"difference, {heading}")
    table.add_column("group")
    table.add_column("pair", no_wrap=True)
    for name in ("difference", "interval", "adjusted p"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("told apart", no_wrap=True)
    for pair in pairs:
        estimate = difference(pair, chosen.comparison)
        table.add_row(
            "all" if pair.level == "all" else readable_level(pair.level),
            f"{letters[pair.first]} less {letters[pair.second]}",
            numbers.value(estimate),
            numbers.interval(estimate),
            p_value(pair),
            "yes" if told_apart(pair, chosen.comparison) else "no",
        )
    return table
