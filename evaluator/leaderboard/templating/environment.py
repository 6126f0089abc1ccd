"""The templates of all pages, with the filters that they use."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from jinja2 import Environment

from evaluator.leaderboard.drawing import numbers
from evaluator.leaderboard.drawing.cells import figure_cell
from evaluator.leaderboard.drawing.levels import readable_level
from evaluator.leaderboard.drawing.palette import in_the_dark
from submissions.design.dates import day
from submissions.design.stylesheet import STYLESHEET
from submissions.design.templating import templates, version_of

HERE = Path(__file__).resolve().parents[1]
STATIC = HERE / "static"


@cache
def environment() -> Environment:
    """Templates with escaping on and undefined names refused."""
    made = templates(HERE / "templates")
    made.filters |= {
        "value": numbers.value,
        "interval": numbers.interval,
        "compact": numbers.compact,
        "level": readable_level,
        "count": numbers.count,
        "day": day,
        "short": lambda digest: digest.removeprefix("sha256:")[:12],
    }
    made.globals |= {"dash": numbers.DASH, "standalone": False, "version": static_version()}
    made.globals["figure_cell"] = figure_cell
    return made


@cache
def static_version() -> str:
    """Changes when a static file does, so that a cached one is never shown with a new page."""
    return version_of([STYLESHEET, *sorted(STATIC.iterdir())], in_the_dark())
