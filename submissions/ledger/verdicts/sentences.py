"""Sentences on a verdict as a team may read them while looks are open: no figure, no count."""

from __future__ import annotations

from submissions.ledger.verdicts.told import ToldVerdict

WAITS = (
    "Figures, bounds and numbers of cases are told when no look of any team at these cases is open "
    "any more. The verdict is final."
)
"""Why a team reads no more than met or not shown."""

LATER = "Which ones is told with the team's last look, or once the cohort closes."

REPEATED = "The same image was judged before at this threshold: this run cost no look."

PRACTICE = "Practice cases give no verdict: claims are judged on the sequestered cases alone."


def sentences(verdict: ToldVerdict) -> tuple[str, ...]:
    """One line a claim, as 'Claim 1, AUROC above 0.80: met (look 1 of 3, at 0.0083)'.

    Where which claims are met is told later, one line says so for all.
    """
    repeated = (REPEATED,) if verdict.repeated else ()
    at = f"look {verdict.look} of {verdict.looks}, at {level_text(verdict.level)}"
    if not verdict.all_told:
        return (f"Not every claim is met ({at}).", LATER, *repeated)
    words = [
        f"Claim {number}, {claim.name}: {claim.verdict} ({at})"
        for number, claim in enumerate(verdict.claims, start=1)
    ]
    return (*words, *repeated)


def level_text(level: float) -> str:
    """A level to four decimals, and a small one to two digits: 0.0083, 0.025, 0.00038."""
    return f"{level:.4f}".rstrip("0") if level >= 0.001 else f"{level:.2g}"
