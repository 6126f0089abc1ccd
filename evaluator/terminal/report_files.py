"""Writes the report of a result, as a page or as a PDF to file, and says where it is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from cohort_selection.atomic_files import write_bytes
from evaluator.option_values import OptionError
from evaluator.screen import console

if TYPE_CHECKING:
    from submissions.client.client import Client


def write(
    where: Path | Client, submission_id: str, output: Path, *, pdf: bool = False, part: str = ""
) -> None:
    """Write the report of a result of the installation at ``where``, or of a server.

    ``part`` names one finding, class or grade of the task. Raises OptionError for what a server or
    a PDF does not have.
    """
    if part and (pdf or not isinstance(where, Path)):
        raise OptionError(
            "--part is written as HTML, where the installation is; leave it out: the PDF has a "
            "table of all parts, and the server's page links them"
        )
    if isinstance(where, Path):
        (_write_filed if pdf else _write_page)(where, submission_id, output, part)
        return
    if pdf:
        raise OptionError(
            "--pdf: a server gives out no PDF: run the command where the installation is, or leave "
            "out --pdf for the HTML report"
        )
    with where:
        write_bytes(output, where.report(submission_id))
    console.print(f"wrote {output}")


def _write_page(home: Path, submission_id: str, output: Path, part: str) -> None:
    """Write the page of a result, and print its verdict, if it has one."""
    from evaluator.leaderboard import published
    from evaluator.stores.installation import Installation
    from evaluator.terminal import verdicts

    page, verdict = published.report(Installation.existing(home), submission_id, part)
    write_bytes(output, page.encode())
    if verdict is not None:
        console.print(verdicts.verdict(verdict))
    console.print(f"wrote {output}")


def _write_filed(home: Path, submission_id: str, output: Path, _: str) -> None:
    """Write the PDF of a result, and tell its digest."""
    from evaluator.filing.filed import filed
    from evaluator.stores.installation import Installation

    installation = Installation.existing(home)
    found = filed(installation, installation.ledger(), submission_id)
    write_bytes(output, found.pdf)
    console.print(f"wrote {output}: SHA-256 {found.sha256}, set by {found.tools}", soft_wrap=True)
    if not found.kept:
        console.print("the release is not signed yet: these bytes are not kept as the filed report")
