"""The columns of a board: those that it offers, and those that it shows unless asked otherwise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from evaluator.glossary import OTHER, figure
from metrics.figure_name import FigureName, Kind

RANK, MODEL, PRIMARY = "rank", "model", "primary"
TIER, LOOKS, CORRECTED = "tier", "looks", "corrected"
CLAIMS = "claims"
WORST, CASES, RECEIVED = "worst", "cases", "received"
FIXED = (RANK, MODEL, PRIMARY)
"""Columns of every board, which cannot be left out."""

BESIDE = (
    "average_precision",
    "brier",
    "ece",
    "calibration_slope",
    "sensitivity",
    "specificity",
)
"""Figures that stand beside the primary one in the tables of every board."""
_AT_FIRST = ("brier", "calibration_slope", "sensitivity", "specificity")
"""Those that a page shows unless asked for others: a laptop has room for four."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column; ``key`` names it in addresses, ``first`` says how it is sorted first.

    ``metric`` is the figure that it shows, or "".
    """

    key: str
    short: str
    name: str
    descending: bool
    shown: bool
    metric: str = ""


def offered(
    primary: str,
    metrics: Sequence[str],
    *,
    compared: bool,
    claims: bool = False,
    beside: Sequence[str] = _AT_FIRST,
) -> tuple[Column, ...]:
    """The columns that a board of the figures ``metrics`` offers, in the order of the table.

    ``compared`` and ``claims`` say whether its submissions were compared, and judged by claims.
    """
    main = figure(primary)
    high = main.better != "lower"
    found = [
        Column(RANK, "#", "Rank", False, True),
        Column(MODEL, "Model and team", "Model", False, True),
        Column(PRIMARY, main.short, main.name, high, True, primary),
    ]
    if claims:
        found.append(Column(CLAIMS, "Claims met", "Declared claims that were met", True, True))
    if compared:
        found += [
            Column(TIER, "Tier", "Tier, and share of resamples in first place", False, True),
            Column(CORRECTED, "Corrected", "Interval corrected for the choice", high, False),
            Column(LOOKS, "Looks", "Looks of the team", True, False),
        ]
    known = figures_beside(primary, metrics)
    if not set(known) & set(BESIDE):  # a task with figures of its own
        beside = known[: len(_AT_FIRST)]
    for metric in known:
        of = figure(metric)
        found.append(
            Column(metric, of.short, of.name, of.better != "lower", metric in beside, metric)
        )
    return (
        *found,
        Column(WORST, f"Worst group {main.short}", f"{main.name} of the worst group", high, True),
        Column(CASES, "Cases", "Cases", True, False),
        Column(RECEIVED, "Received", "Day received", True, True),
    )


def figures_beside(primary: str, metrics: Sequence[str]) -> tuple[str, ...]:
    """The figures of a board beside its primary one: those of a binary task first, or the task's.

    ``metrics`` are the figures that its releases have; a board without any has the binary ones.
    """
    known = tuple(filter(_known, metrics))
    usual = tuple(metric for metric in BESIDE if metric in known or not known)
    return tuple(metric for metric in dict.fromkeys((*usual, *known)) if metric != primary)


def figures_in_tables(primary: str, metrics: Sequence[str]) -> tuple[str, ...]:
    """Of the figures beside the primary one those of every table: the usual ones, or the task's."""
    beside = figures_beside(primary, metrics)
    return tuple(metric for metric in BESIDE if metric in beside) or beside


def _known(metric: str) -> bool:
    """Whether the glossary has a name for a plain figure."""
    return FigureName.read(metric).kind is Kind.PLAIN and figure(metric).section != OTHER
