"""A filed report begins with the verdict, and has the declaration's digest and time."""

from __future__ import annotations

from evaluator.filing.filed import filed
from evaluator.stores.installation import Installation
from submissions.ledger.ledger import Ledger
from tests.support.filed_home import home_with
from tests.support.pdf_files import text_of
from tests.support.verdicts import DIGEST, SEALED, verdict


def test_the_verdict_stands_before_the_figures(installation: Installation, ledger: Ledger) -> None:
    release = home_with(installation, ledger, verdict=verdict())
    text = " ".join(text_of(filed(installation, ledger, release.submission_id).pdf).split())
    assert text.index("Verdict: 1 of 2 claims met") < text.index("Summary")
    assert "Met: sensitivity 0.912, lower bound 0.874, goal 0.850 (217 positives)" in text
    assert "Declared before the cohort was sealed, on 2 January 2026." in text
    plain = text.replace(" ", "")
    assert DIGEST in plain
    assert SEALED in plain
