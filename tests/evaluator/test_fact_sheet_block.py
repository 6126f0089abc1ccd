"""The fact sheet at the end of a report, and beside the release on the site."""

from __future__ import annotations

import json

import httpx
import pytest

from evaluator.leaderboard.report import render_report
from evaluator.leaderboard.web import create_app
from submissions.fact_sheet import FactSheet
from tests.evaluator.hand_made import released
from tests.evaluator.test_report import EVIL, Page
from tests.evaluator.test_web import LISTINGS, RELEASES, read, serving

SETS: list[dict[str, object]] = [
    {"name": "Own", "sites": ["North, Norway", "South, France"], "patients": 1200},
    {"name": "Bought", "sites": ["unknown"]},
]
VALUES: dict[str, object] = {
    "version": "1.2",
    "contact": "models@example.org",
    "intended_use": "Finds opacity.\nOrders a work list.",
    "midrc": "unknown",
    "open_data": ["ImageNet", "ChestX-ray14"],
    "training": SETS,
}
SHEET = FactSheet.from_values(VALUES)


def test_the_report_shows_what_the_team_says_and_that_nobody_checked_it() -> None:
    page = Page(render_report(released(), fact_sheet=SHEET))
    for words in (
        "Nobody has checked them.",
        "Intended use Finds opacity. Orders a work list.",
        "Version 1.2",
        "MIDRC data used the team does not know",
        "Other open data used ImageNet, ChestX-ray14",
        "Own North, Norway; South, France 1200",
        "Bought unknown not given",
    ):
        assert words in page.words
    assert "mailto:models@example.org" in page.links
    assert "#fact-sheet" in page.links
    assert page.ids.index("limits") < page.ids.index("fact-sheet") < page.ids.index("provenance")
    assert "Known limits" not in page.words  # this team left the key out


def test_a_report_without_a_fact_sheet_has_no_such_block() -> None:
    page = Page(render_report(released()))
    assert "fact-sheet" not in page.ids
    assert "#fact-sheet" not in page.links


def test_a_model_that_was_not_trained_says_so() -> None:
    sheet = FactSheet.from_values({**VALUES, "training": [], "open_data": []})
    words = Page(render_report(released(), fact_sheet=sheet)).words
    assert "Training data The model was not trained." in words
    assert "Other open data used none" in words


@pytest.mark.parametrize("contact", ["a&b@example.org", "https://example.org/?a=1&b=2"])
def test_script_in_a_fact_sheet_stays_text(contact: str) -> None:
    evil = FactSheet.from_values(
        {
            **VALUES,
            "version": EVIL[:40],
            "contact": contact,
            "intended_use": EVIL,
            "method": EVIL,
            "limits": EVIL,
            "open_data": [EVIL],
            "training": [{"name": EVIL, "sites": [EVIL]}],
        }
    )
    page = Page(render_report(released(), fact_sheet=evil))
    plain = Page(render_report(released()))
    assert page.tags["script"] == plain.tags["script"]
    assert page.tags["img"] == plain.tags["img"] == 0
    assert page.words.count(EVIL) == 6
    assert contact in " ".join(page.links)


def test_the_site_shows_it_and_gives_it_beside_the_release() -> None:
    def sheets(submission_id: str) -> FactSheet | None:
        return SHEET if submission_id == "s-2" else None

    with (
        serving(create_app(read, LISTINGS, sheets)) as address,
        httpx.Client(base_url=address, timeout=None) as client,
    ):
        assert json.loads(client.get("/submissions/s-2/fact-sheet.json").text) == {
            **VALUES,
            "method": "",
            "limits": "",
            "reference": "",
            "training": [SETS[0], {**SETS[1], "patients": None}],
        }
        shown = client.get("/submissions/s-2").text
        assert "Orders a work list." in shown
        assert 'href="/submissions/s-2/fact-sheet.json"' in shown
        assert "Orders a work list." in client.get("/submissions/s-2/report.html").text
        assert client.get("/submissions/s-1/fact-sheet.json").status_code == 404
        assert "fact-sheet.json" not in client.get("/submissions/s-1").text
        release = client.get("/submissions/s-2/release.json").text
        assert release == RELEASES[1].to_json()
