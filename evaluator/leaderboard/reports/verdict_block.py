"""The verdict that heads a report: each declared claim with its bound, and when it was declared."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from evaluator.claims import words
from evaluator.claims.verdict import StudyVerdict
from evaluator.leaderboard.templating.environment import environment

ANCHOR, HEADING = "verdict", "Verdict"


@dataclass(frozen=True, slots=True)
class ClaimShown:
    """A claim as a page shows it; ``css`` marks what was met and what was not."""

    words: words.ClaimWords
    css: str


def contents(verdict: StudyVerdict | None) -> tuple[str, str, bool]:
    """The line of the table of contents: anchor, heading, whether the block is there."""
    return ANCHOR, HEADING, verdict is not None


def verdict_block(verdict: StudyVerdict | None) -> Markup:
    """The block as HTML; empty where the benchmark declared no claim."""
    if verdict is None:
        return Markup("")
    told = words.in_words(verdict)
    page = environment().get_template("verdict.html")
    text = page.render(
        anchor=ANCHOR,
        heading=HEADING,
        summary=told.summary,
        claims=[ClaimShown(each, _CSS.get(each.outcome, "")) for each in told.claims],
        notes=told.notes,
        digest=verdict.claims_digest,
        declared=verdict.declared,
    )
    return Markup(text)


_CSS = {"met": " good", "not shown": " bad"}
