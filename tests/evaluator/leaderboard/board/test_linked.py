"""The page that links two draws: the same models on both boards, by released values alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from bs4 import BeautifulSoup

from evaluator.disclosure.control import Release
from evaluator.leaderboard.board.kept import OfLedger
from evaluator.leaderboard.pages import Listing
from evaluator.leaderboard.web import create_app
from submissions.ledger.beside_releases import retirement
from submissions.ledger.ledger import Ledger
from tests.support.hand_made import TYPICAL, evaluation, released
from tests.support.published import publish
from tests.support.serving import serving

FIRST, SECOND, ALONE = "chest-opacity", "chest-opacity-draw-2", "hand-fracture"


def scored(name: str, benchmark: str, team: str, auroc: float, threshold: float = 0.5) -> Release:
    made = released(name, team=team, scored=evaluation(values={**TYPICAL, "auroc": auroc}))
    return replace(made, benchmark=benchmark, threshold=threshold)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    opened = Ledger(f"sqlite:///{tmp_path}/ledger.sqlite")
    yield opened
    opened.close()


@pytest.fixture
def client(ledger: Ledger) -> Iterator[httpx.Client]:
    listings = [Listing(name, f"Title of {name}", "") for name in (FIRST, SECOND, ALONE)]
    app = create_app(OfLedger(ledger), listings)
    with serving(app) as address, httpx.Client(base_url=address, timeout=None) as found:
        yield found


def rows(client: httpx.Client, benchmark: str) -> list[list[str]]:
    page = BeautifulSoup(client.get(f"/benchmarks/{benchmark}/draws").text, "html.parser")
    return [
        [cell.get_text(" ", strip=True).partition(" ")[0] for cell in row.find_all(["th", "td"])]
        for row in page.select("tbody tr")
    ]


def test_models_of_both_draws_stand_side_by_side(ledger: Ledger, client: httpx.Client) -> None:
    ledger.record(retirement.NEXT_DRAW, FIRST, f"{SECOND}; 3 of 100 patients are shared")
    assert (
        "No model has been released on both draws yet"
        in client.get(f"/benchmarks/{SECOND}/draws").text
    )
    for name, benchmark, team, auroc in (
        ("a1", FIRST, "North", 0.80),
        ("b1", FIRST, "South", 0.90),
        ("c1", FIRST, "West", 0.85),  # on the first draw alone
        ("a2", SECOND, "North", 0.84),
        ("b2", SECOND, "South", 0.88),
    ):
        publish(ledger, scored(name, benchmark, team, auroc))
    publish(ledger, scored("c2", SECOND, "West", 0.99, threshold=0.4))  # is not the same model
    shown = rows(client, FIRST)
    # 0.88 - 0.90 and 0.84 - 0.80, by hand; on the second board West's other entry is the first
    assert [(row[1], row[2], row[3], row[4], row[5]) for row in shown] == [
        ("0.900", "1", "0.880", "2", "\N{MINUS SIGN}0.020"),
        ("0.800", "3", "0.840", "3", "+0.040"),
    ]
    assert rows(client, SECOND) == shown
    page = client.get(f"/benchmarks/{FIRST}/draws").text
    assert "Mean difference of the 2 models: +0.010." in page
    assert f'href="/benchmarks/{SECOND}/draws"' in client.get(f"/benchmarks/{SECOND}/about").text


def test_a_benchmark_of_one_draw_says_so(ledger: Ledger, client: httpx.Client) -> None:
    ledger.record(retirement.NEXT_DRAW, FIRST, f"{SECOND}; none is shared")
    answer = client.get(f"/benchmarks/{ALONE}/draws")
    assert answer.status_code == 404
    assert "This benchmark has one draw; its board has all models." in answer.text
    assert "/draws" not in client.get(f"/benchmarks/{ALONE}/about").text
