"""Numbers of items as the guidelines publish them, and places that the report has."""

from __future__ import annotations

import pytest

from evaluator.filing.annexes import REPORT, WHO, Annex, annexes, printed
from evaluator.filing.filed import document
from evaluator.stores.installation import Installation
from submissions.ledger.ledger import Ledger
from tests.support.filed_home import SHEET, home_with

STARD_AI, TRIPOD_AI, CLAIM, N88 = annexes()


def whole(annex: Annex) -> list[int]:
    """The numbers of items without their letters."""
    return [int(item.number.rstrip("abcdefg")) for item in annex.items]


@pytest.mark.parametrize(
    ("annex", "last", "rows"),
    # Sounderajah 2025: 40 items; 15 has four parts, 16 three, and 17, 26 and 40 two each.
    # Collins 2024: 27 items, 52 with their parts. Tejani 2024: 44. IMDRF N88: ten principles.
    [(STARD_AI, 40, 48), (TRIPOD_AI, 27, 52), (CLAIM, 44, 44), (N88, 10, 10)],
    ids=["STARD-AI", "TRIPOD+AI", "CLAIM 2024", "N88"],
)
def test_an_annex_has_every_item_once_and_in_order(annex: Annex, last: int, rows: int) -> None:
    assert sorted(set(whole(annex))) == list(range(1, last + 1))
    numbers = [item.number for item in annex.items]
    assert len(numbers) == len(set(numbers)) == rows
    assert whole(annex) == sorted(whole(annex))


def test_each_item_names_who_answers_it() -> None:
    for annex in annexes():
        for item in annex.items:
            assert item.by in WHO
            assert item.topic
            assert item.where


def test_what_the_report_answers_stands_under_a_heading_that_it_has(
    installation: Installation, ledger: Ledger
) -> None:
    home_with(installation, ledger)
    published = ledger.releases()[0]
    made = document(ledger, published, ledger.signed_release("s-0001"), SHEET, "auroc")
    headings = {part["text"] for part in made.parts if part["kind"] == "heading"}
    for annex in annexes():
        for item in annex.items:
            if item.by == REPORT:
                assert item.where in headings, f"{annex.title} {item.number}"


@pytest.mark.parametrize(
    ("annex", "number"),
    # What the guideline asks there, and why no run on a sequestered cohort tells it:
    [
        (N88, "3"),  # the intended patients are known to maker and steward
        (N88, "4"),  # the statement of independence says that the chain does not show it
        (N88, "8"),  # the limits say that the figures say nothing about use in care
        (STARD_AI, "28"),
        (TRIPOD_AI, "9b"),  # how and when pictures were taken
        (TRIPOD_AI, "22"),  # the model in full, so that others can use it
        (CLAIM, "19"),  # how data were assigned, in which proportions
        (CLAIM, "23"),  # libraries of the model
        (CLAIM, "30"),  # an analysis of sensitivity, beside groups
        (CLAIM, "36"),  # of the training partition too
        (CLAIM, "43"),  # whether the model can be had
    ],
)
def test_what_the_report_cannot_know_it_does_not_claim(annex: Annex, number: str) -> None:
    (item,) = (each for each in annex.items if each.number == number)
    assert item.by != REPORT


def test_what_a_team_did_not_declare_is_not_said_to_be_declared() -> None:
    tables = [part for part in printed(declared=False) if part["kind"] == "table"]
    rows = [row for part in tables for row in part["rows"]]  # type: ignore[attr-defined]
    of_team = [row for row in rows if row[2] == WHO["team"]]
    assert len(of_team) > 10
    assert {row[3] for row in of_team} == {"the submission came without a fact sheet"}
