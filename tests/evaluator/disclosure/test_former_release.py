"""A release that a former version wrote is read, and written again byte for byte.

``former_release.json`` was written by the version of commit ccef1df: 900 simulated cases of two
sexes, with tested gaps, a site that is withheld and figures standardised to a target.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from evaluator.disclosure.control import Release
from evaluator.leaderboard.reports.report import render_report
from metrics.figure_name import FigureName, Kind

STORED = Path(__file__).with_name("former_release.json").read_text()


def test_a_former_release_is_written_again_byte_for_byte() -> None:
    release = Release.from_json(STORED)
    assert release.to_json() == STORED
    assert release.digest == "sha256:" + hashlib.sha256(STORED.encode()).hexdigest()


def test_its_figures_have_the_identity_that_their_names_say() -> None:
    release = Release.from_json(STORED)
    names = [entry["metric"] for entry in json.loads(STORED)["results"]]
    assert [result.metric for result in release.results] == names
    kinds = {result.figure.kind for result in release.results}
    assert kinds == set(Kind)
    gap = release.find(FigureName("auroc", kind=Kind.GAP), "sex", "max - min")
    assert gap is not None
    assert gap is release.find("auroc_gap", "sex", "max - min")
    partial = release.find(FigureName("partial_auroc", ("0", "0.2")))
    assert partial is not None
    assert partial is release.find("partial_auroc_0_0.2")


def test_its_report_can_still_be_made() -> None:
    page = render_report(Release.from_json(STORED))
    assert "North - A" in page
    assert "withheld" in page
