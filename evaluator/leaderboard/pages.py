"""Renders the pages: templates, and the values that each is given."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from evaluator.disclosure.control import Release
from evaluator.glossary import Figure, figure
from evaluator.leaderboard.drawing import bars, numbers
from evaluator.leaderboard.drawing.levels import readable_level
from evaluator.leaderboard.ranking import POLICY, Standing, primary_of, rank, worst_group
from evaluator.scoring.results import Result
from metrics.estimate import Estimate
from submissions.design.stylesheet import STYLESHEET

HERE = Path(__file__).parent
STATIC = HERE / "static"
BESIDE = (
    "average_precision",
    "brier",
    "ece",
    "calibration_slope",
    "sensitivity",
    "specificity",
)
"""Figures that stand beside the primary one on every board."""


@dataclass(frozen=True, slots=True)
class Listing:
    """A benchmark as the pages show it."""

    name: str
    title: str
    description: str
    primary: str = "auroc"


@dataclass(frozen=True, slots=True)
class BoardRow:
    """One standing with the other released figures of its submission."""

    standing: Standing
    bar: Markup
    estimates: tuple[Estimate | None, ...]
    worst: Result | None
    n_cases: int


@dataclass(frozen=True, slots=True)
class Card:
    """One benchmark on the home page."""

    listing: Listing
    n_models: int
    short: str
    best: Estimate | None
    latest: datetime | None


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
        "day": lambda moment: f"{moment.day} {moment:%B %Y}",
        "short_day": lambda moment: f"{moment.day} {moment:%b %Y}",
        "short": lambda digest: digest.removeprefix("sha256:")[:12],
        "first": lambda shown: "ascending" if shown.better == "lower" else "descending",
        "in_script": in_script,
    }
    made.globals |= {"dash": numbers.DASH, "standalone": False, "version": static_version()}
    return made


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


def render_board(listing: Listing, releases: Sequence[Release]) -> str:
    """The leaderboard of one benchmark; an empty state where nothing is released."""
    standings = rank(releases, listing.primary)
    by_id = {release.submission_id: release for release in releases}
    columns = [metric for metric in BESIDE if metric != listing.primary]
    shown = [by_id[standing.submission_id] for standing in standings]
    shared = bars.axis([standing.primary for standing in standings])
    rows = [
        BoardRow(
            standing=standing,
            bar=bars.bar(standing.primary, shared),
            estimates=tuple(release.find(metric) for metric in columns),
            worst=worst_group(release, listing.primary),
            n_cases=release.n_cases,
        )
        for standing, release in zip(standings, shown, strict=True)
    ]
    return (
        environment()
        .get_template("board.html")
        .render(
            listing=listing,
            primary=figure(listing.primary),
            columns=[figure(metric) for metric in columns],
            rows=rows,
            axis=bars.scale(shared),
            confidence=" and ".join(
                sorted({numbers.percent(release.confidence) for release in shown})
            ),
            warnings=_warnings(shown),
            policy=POLICY,
        )
    )


def _warnings(shown: Sequence[Release]) -> list[str]:
    """Say what stops the rows of a board from being compared one with another."""
    found = []
    for what, digests in (
        ("cohorts", {release.cohort_digest for release in shown}),
        ("analysis plans", {release.plan_digest for release in shown}),
    ):
        if len(digests) > 1:
            found.append(
                f"The rows were scored on {len(digests)} different {what}: ranks across them are "
                f"not comparable. Each report names its own."
            )
    return found


def render_home(listings: Sequence[Listing], releases: Iterable[Release]) -> str:
    """The list of benchmarks with their best released figure."""
    every = list(releases)
    cards = []
    for listing in listings:
        own = [release for release in every if release.benchmark == listing.name]
        standings = rank(own, listing.primary)
        best = standings[0].primary if standings and standings[0].rank is not None else None
        cards.append(
            Card(
                listing=listing,
                n_models=len(standings),
                short=figure(listing.primary).short,
                best=best,
                latest=max((release.received for release in own), default=None),
            )
        )
    return environment().get_template("home.html").render(cards=cards)


def render_missing(heading: str, sentence: str) -> str:
    """A page for what is not there."""
    return environment().get_template("missing.html").render(heading=heading, sentence=sentence)


def board_rows(listing: Listing, releases: Sequence[Release]) -> list[dict[str, object]]:
    """The board as plain values, for JSON and CSV."""
    by_id = {release.submission_id: release for release in releases}
    rows: list[dict[str, object]] = []
    for standing in rank(releases, listing.primary):
        release = by_id[standing.submission_id]
        row: dict[str, object] = {
            "rank": standing.rank,
            "team": standing.team,
            "model": standing.model,
            "submission": standing.submission_id,
            "baseline": standing.baseline,
            "entries": standing.entries,
            "received": standing.received.isoformat(),
            "cases": release.n_cases,
            "patients": release.n_patients,
            "positive": release.n_positive,
            "threshold": release.threshold,
            "confidence": release.confidence,
        }
        for metric in (listing.primary, *(each for each in BESIDE if each != listing.primary)):
            estimate = primary_of(release, metric)
            row[metric] = estimate.value
            row[f"{metric}_low"] = estimate.low
            row[f"{metric}_high"] = estimate.high
        worst = worst_group(release, listing.primary)
        row["worst_group"] = None if worst is None else f"{worst.attribute}: {worst.level}"
        row[f"worst_group_{listing.primary}"] = None if worst is None else worst.estimate.value
        row["cohort_digest"] = release.cohort_digest
        row["plan_digest"] = release.plan_digest
        row["image_digest"] = release.image_digest
        row["release_digest"] = release.digest
        rows.append(row)
    return rows


def named(metrics: Iterable[str]) -> list[Figure]:
    """The glossary's entries of ``metrics``, in order."""
    return [figure(metric) for metric in metrics]
