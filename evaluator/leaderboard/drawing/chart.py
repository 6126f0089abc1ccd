"""A chart with the words and the table that stand for it where it cannot be seen."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from evaluator.leaderboard.drawing.svg import NAMESPACE


@dataclass(frozen=True, slots=True)
class Chart:
    """One drawing of a release.

    ``svg`` is whole on its own: no script, no style sheet; ``width`` and ``height`` are in its own
    units. ``description`` says what it shows, ``caption`` how it is read, and ``columns`` with
    ``rows`` hold what it draws as a table.
    """

    name: str
    title: str
    description: str
    svg: str
    width: float
    height: float
    caption: str = ""
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()

    @property
    def inline(self) -> Markup:
        """The drawing as part of a page, where its kind needs no name."""
        return Markup(self.svg.replace(f' xmlns="{NAMESPACE}"', "", 1))
