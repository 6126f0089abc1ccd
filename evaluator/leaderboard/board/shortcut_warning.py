"""Warns where a baseline that sees no picture stands near the best model of a board."""

from __future__ import annotations

from evaluator.leaderboard.board.kept import Board, Kept
from evaluator.leaderboard.board.ranking import Entrant
from evaluator.leaderboard.drawing import numbers

BLIND = {
    "headers": ("headers", "submissions may use shortcuts"),
    "demographics": ("attributes of the patients", "submissions may rest on confounding"),
}
"""First word of the model's name, in lower case, of a team of baselines -> what such a model sees,
and what that means."""

FIGURES = ("auroc", "macro_auroc", "hand_till_auroc")
"""Figures that are 0.5 by chance; the first that a row has is compared."""
CHANCE, NEAR = 0.5, 0.8
"""Near is this share of the best model's distance from chance, or an interval that reaches it."""


def shortcut_warnings(board: Board, kept: Kept) -> list[str]:
    """One sentence for each baseline that sees no picture and stands near the best model.

    A baseline is told by its team, as a board marks it, and by its name. It has to be better than
    chance: its interval lies above 0.5.
    """
    blind = [(each, seen) for each in board.baselines if (seen := _sees(each)) is not None]
    if not blind:
        return []
    numbers_of_blind = {each.number for each, _ in blind}
    rows = (place.entrant for place in board.places)
    others = [each for each in rows if each.number not in numbers_of_blind]
    metric = next((name for name in FIGURES if name in blind[0][0].figures), FIGURES[0])
    best = max((each.figures.get(metric, CHANCE) for each in others), default=CHANCE)
    details = kept.details([each.number for each, _ in blind])
    told = []
    for each, (sight, meaning) in blind:
        value = each.figures.get(metric)
        estimate = details[each.number].estimate(metric, value)
        if value is None or estimate is None or estimate.low is None or estimate.high is None:
            continue
        near = estimate.high >= best or value - CHANCE >= NEAR * (best - CHANCE)
        if near and best > CHANCE and estimate.low > CHANCE:
            shown, first = (numbers.number(one, numbers.ON_BOARD) for one in (value, best))
            told.append(
                f"A model that sees {sight} alone reaches an AUROC of {shown}, and the best model "
                f"{first}: {meaning}."
            )
    return told


def _sees(entrant: Entrant) -> tuple[str, str] | None:
    """What a blind baseline sees, and what that means; None for any other baseline."""
    words = entrant.model.casefold().split()
    return BLIND.get(words[0]) if words else None
