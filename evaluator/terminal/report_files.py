"""Writes the report of a result of this machine, as a page or as a PDF to file."""

from __future__ import annotations

from pathlib import Path

from cohort_selection.atomic_files import write_bytes
from evaluator.filing.filed import filed
from evaluator.leaderboard import published
from evaluator.leaderboard.reports.report import render_report
from evaluator.screen import console
from evaluator.stores.installation import Installation
from evaluator.terminal import verdicts


def write_page(home: Path, submission_id: str, output: Path) -> None:
    """Write the page of a result of the installation at ``home``; print its verdict, if any."""
    installation = Installation.existing(home)
    ledger = installation.ledger()
    shown = published.released(ledger, submission_id)
    primary = published.primary_figure(installation, shown.benchmark)
    sheet = published.fact_sheet(ledger, submission_id)
    looked = published.exposure(ledger, submission_id)
    page = render_report(shown, primary=primary, fact_sheet=sheet, exposure=looked)
    write_bytes(output, page.encode())
    if shown.verdict is not None:
        console.print(verdicts.verdict(shown.verdict))
    console.print(f"wrote {output}")


def write_filed(home: Path, submission_id: str, output: Path) -> None:
    """Write the PDF of a result of the installation at ``home``, and tell its digest."""
    installation = Installation.existing(home)
    found = filed(installation, installation.ledger(), submission_id)
    write_bytes(output, found.pdf)
    console.print(f"wrote {output}: SHA-256 {found.sha256}, set by {found.tools}", soft_wrap=True)
    if not found.kept:
        console.print("the release is not signed yet: these bytes are not kept as the filed report")
