"""The fact sheet at the end of a report, and beside the release on the site."""

from __future__ import annotations

import json

import httpx
import pytest
from bs4 import BeautifulSoup

from evaluator.disclosure.control import Release
from evaluator.leaderboard.pages import Listing
from evaluator.leaderboard.reports.report import render_report
from evaluator.leaderboard.web import create_app
from submissions.fact_sheet import FactSheet
from tests.support.hand_made import released
from tests.support.serving import serving

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
EVIL = '"><script>alert(1)</script><img src=x onerror=alert(2)>{{7*7}}'


def opened(fact_sheet: FactSheet | None = None) -> BeautifulSoup:
    return BeautifulSoup(render_report(released(), fact_sheet=fact_sheet), "html.parser")


def words(page: BeautifulSoup) -> str:
    return " ".join(page.get_text(" ").split())


def ids(page: BeautifulSoup) -> list[str]:
    return [str(tag["id"]) for tag in page.find_all(id=True)]


def links(page: BeautifulSoup) -> list[str]:
    return [str(tag["href"]) for tag in page.find_all(href=True)]


def test_the_report_shows_what_the_team_says_and_that_nobody_checked_it() -> None:
    page = opened(SHEET)
    for part in (
        "Nobody has checked them.",
        "Intended use Finds opacity. Orders a work list.",
        "Version 1.2",
        "MIDRC data used the team does not know",
        "Other open data used ImageNet, ChestX-ray14",
        "Own North, Norway; South, France 1200",
        "Bought unknown not given",
    ):
        assert part in words(page)
    assert "mailto:models@example.org" in links(page)
    assert "#fact-sheet" in links(page)
    order = [ids(page).index(name) for name in ("limits", "fact-sheet", "provenance")]
    assert order == sorted(order)
    assert "Known limits" not in words(page)  # this team left the key out


def test_a_report_without_a_fact_sheet_has_no_such_block() -> None:
    page = opened()
    assert "fact-sheet" not in ids(page)
    assert "#fact-sheet" not in links(page)


def test_a_model_that_was_not_trained_says_so() -> None:
    sheet = FactSheet.from_values({**VALUES, "training": [], "open_data": []})
    text = words(opened(sheet))
    assert "Training data The model was not trained." in text
    assert "Other open data used none" in text


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
    page = opened(evil)
    assert len(page.find_all("script")) == len(opened().find_all("script"))
    assert not page.find_all("img")
    assert words(page).count(EVIL) == 6
    assert contact in " ".join(links(page))


def test_the_site_shows_it_and_gives_it_beside_the_release() -> None:
    release = released()
    other = Release.from_json(release.to_json().replace("s-0001", "s-0002"))

    def sheets(submission_id: str) -> FactSheet | None:
        return SHEET if submission_id == "s-0001" else None

    site = create_app(
        lambda _: [release, other], [Listing(release.benchmark, "Opacity", "")], sheets
    )
    with (
        serving(site) as address,
        httpx.Client(base_url=address, timeout=None) as client,
    ):
        assert json.loads(client.get("/submissions/s-0001/fact-sheet.json").text) == {
            **VALUES,
            "method": "",
            "limits": "",
            "reference": "",
            "training": [SETS[0], {**SETS[1], "patients": None}],
        }
        shown = client.get("/submissions/s-0001").text
        assert "Orders a work list." in shown
        assert 'href="/submissions/s-0001/fact-sheet.json"' in shown
        assert "Orders a work list." in client.get("/submissions/s-0001/report.html").text
        assert client.get("/submissions/s-0002/fact-sheet.json").status_code == 404
        assert "fact-sheet.json" not in client.get("/submissions/s-0002").text
        assert client.get("/submissions/s-0001/release.json").text == release.to_json()
