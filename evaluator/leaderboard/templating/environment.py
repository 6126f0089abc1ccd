"""The templates of all pages, with the filters that they use."""

from __future__ import annotations

import hashlib
from datetime import datetime
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from evaluator.leaderboard.drawing import numbers
from evaluator.leaderboard.drawing.levels import readable_level
from submissions.design.stylesheet import STYLESHEET

HERE = Path(__file__).resolve().parents[1]
STATIC = HERE / "static"


@cache
def environment() -> Environment:
    """Templates with escaping on and undefined names refused."""
    made = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {
        "value": numbers.value,
        "interval": numbers.interval,
        "compact": numbers.compact,
        "board_value": numbers.board_value,
        "board_interval": numbers.board_interval,
        "level": readable_level,
        "count": numbers.count,
        "day": day,
        "short_day": lambda moment: f"{moment.day} {moment:%b %Y}",
        "short": lambda digest: digest.removeprefix("sha256:")[:12],
        "in_script": in_script,
    }
    made.globals |= {"dash": numbers.DASH, "standalone": False, "version": static_version()}
    return made


def day(moment: datetime) -> str:
    """A day in words, as 3 January 2026."""
    return f"{moment.day} {moment:%B %Y}"


def in_script(json_text: str) -> Markup:
    """JSON that cannot end the script element that holds it."""
    escapes = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028"}
    for character, escape in escapes.items():
        json_text = json_text.replace(character, escape)
    return Markup(json_text)


@cache
def static_version() -> str:
    """Changes when a static file does, so that a cached one is never shown with a new page."""
    content = b"".join(path.read_bytes() for path in [STYLESHEET, *sorted(STATIC.iterdir())])
    return hashlib.sha256(content).hexdigest()[:12]
