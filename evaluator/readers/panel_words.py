"""Says how a released model stands beside a panel of readers."""

from __future__ import annotations

from collections.abc import Iterable

from evaluator.readers.shown_panel import ShownPanel
from evaluator.readers.words import called


def panel_sentences(panels: Iterable[ShownPanel], confidence: str) -> list[str]:
    """A sentence for each figure of each panel, read off the printed interval."""
    return [
        f"{called(each.figure)} of the mean of {each.n_readers} readers ({each.panel}): "
        f"{each.mean:g} ({confidence} interval {each.mean_low:g} to {each.mean_high:g}); model "
        f"less mean reader {each.difference:g} ({each.low:g} to {each.high:g}), for readers and "
        f"cases like these: {_shown(each)}."
        for each in panels
    ]


def _shown(each: ShownPanel) -> str:
    if each.superior:
        return "the model is better"
    words = "the model is worse" if each.high < 0.0 else "a difference is not shown"
    if each.margin is None:
        return words
    verdict = "not inferior" if each.noninferior else "not shown to be not inferior"
    return f"{words}, and by the margin of {each.margin:g} the model is {verdict}"
