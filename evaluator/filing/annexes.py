"""Annexes: the items of reporting guidelines, and where each is answered or who must answer it.

Numbers are those of the guidelines as published; topics are in our own words, and the published
text governs. What a run on a sequestered cohort cannot answer is never said to be answered here.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from evaluator.filing.blocks import Block, heading, paragraph, table

FOLDER = Path(__file__).parent / "annexes"
ORDER = ("stard_ai", "tripod_ai", "claim_2024", "imdrf_n88")
REPORT = "report"

WHO = {
    REPORT: "this report",
    "steward": "steward",
    "team": "team",
    "author": "author of a publication",
    "no": "does not apply",
}


@dataclass(frozen=True, slots=True)
class Item:
    """One item: its published number, topic, who answers it (a key of WHO) and where."""

    number: str
    topic: str
    by: str
    where: str


@dataclass(frozen=True, slots=True)
class Annex:
    """One guideline with its items."""

    title: str
    citation: str
    items: tuple[Item, ...]


@cache
def annexes() -> tuple[Annex, ...]:
    """The guidelines in the order in which they are printed."""
    return tuple(_read(FOLDER / f"{name}.toml") for name in ORDER)


def printed(*, declared: bool) -> Iterator[Block]:
    """The annexes as parts of a report; ``declared`` where a fact sheet came with the model."""
    for letter, annex in zip("ABCD", annexes(), strict=True):
        answered = sum(item.by == REPORT for item in annex.items)
        yield heading(f"Annex {letter}: {annex.title}")
        yield paragraph(
            f"{annex.citation}. Numbers as published, topics in our own words. Of "
            f"{len(annex.items)} items this report answers {answered}; the others name who must."
        )
        yield table(
            f"Items of {annex.title}",
            ("Item", "Topic", "Answered by", "Where"),
            [
                (item.number, item.topic, WHO[item.by], _where(item, declared=declared))
                for item in annex.items
            ],
            widths=("auto", "3fr", "auto", "3fr"),
        )


def _where(item: Item, *, declared: bool) -> str:
    if item.by == "team" and not declared:
        return "the submission came without a fact sheet"
    return item.where


def _read(path: Path) -> Annex:
    document = tomllib.loads(path.read_text(encoding="utf-8"))
    items = tuple(Item(*row) for row in document["items"])
    return Annex(document["title"], document["citation"], items)
