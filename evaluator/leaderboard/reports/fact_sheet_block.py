"""The fact sheet at the end of a report: what the team says of its model, in its own words."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from evaluator.leaderboard.templating.environment import environment
from submissions.fact_sheet import FactSheet, Used

ANCHOR, HEADING = "fact-sheet", "Fact sheet"
MIDRC = {
    Used.YES: "yes",
    Used.NO: "no",
    Used.UNKNOWN: "the team does not know",
}
NONE = "none"


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the fact sheet; ``link`` is an address that may be followed, or empty."""

    name: str
    text: str
    link: str = ""


def contents(sheet: FactSheet | None) -> tuple[str, str, bool]:
    """The line of the table of contents: anchor, heading, whether the block is there."""
    return ANCHOR, HEADING, sheet is not None


def fact_sheet_block(sheet: FactSheet | None) -> Markup:
    """The block as HTML; empty where the submission came without a fact sheet."""
    if sheet is None:
        return Markup("")
    page = environment().get_template("fact_sheet.html")
    text = page.render(
        anchor=ANCHOR, heading=HEADING, entries=entries(sheet), training=sheet.training
    )
    return Markup(text)


def entries(sheet: FactSheet) -> list[Entry]:
    """The lines above the training data, in the order of reading; those left out are not there."""
    names = {key: field.title or key for key, field in FactSheet.model_fields.items()}
    mail = "" if sheet.contact.startswith(("http://", "https://")) else "mailto:"
    lines = [
        Entry(names["intended_use"], sheet.intended_use),
        Entry(names["limits"], sheet.limits),
        Entry(names["method"], sheet.method),
        Entry(names["version"], sheet.version),
        Entry(names["midrc"], MIDRC[sheet.midrc]),
        Entry(names["open_data"], ", ".join(sheet.open_data) or NONE),
        Entry(names["contact"], sheet.contact, mail + sheet.contact),
        Entry(names["reference"], sheet.reference, sheet.reference),
    ]
    return [line for line in lines if line.text]
