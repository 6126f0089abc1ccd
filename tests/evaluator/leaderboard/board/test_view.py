"""What an address may ask a board for, without any script."""

from __future__ import annotations

import re
from collections.abc import Iterator

import httpx
import pytest

from evaluator.disclosure.control import Release
from evaluator.leaderboard.pages import Listing
from evaluator.leaderboard.web import create_app
from tests.support.hand_made import TYPICAL, evaluation, released
from tests.support.serving import serving

PATH = "/benchmarks/chest-opacity"
_ODD = {**TYPICAL, "auroc": 0.55}
del _ODD["calibration_slope"]


def releases() -> list[Release]:
    """120 models; one has no calibration slope."""
    found = [
        released(
            f"s-{number:03}",
            team="baseline" if number == 5 else f"Team {number % 7}",
            model=f"Model {number}",
            day=1 + number % 28,
            scored=evaluation(
                values={
                    **TYPICAL,
                    "auroc": round(0.9 - number / 500, 3),
                    "brier": 0.1 + number / 1000,
                }
            ),
        )
        for number in range(119)
    ]
    return [
        *found,
        released("odd", team="Team Ü", model="no slope", scored=evaluation(values=_ODD)),
    ]


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    made = releases()
    app = create_app(lambda _: made, [Listing("chest-opacity", "Airspace opacity", "Adults.")])
    with serving(app) as address, httpx.Client(base_url=address, timeout=None) as found:
        yield found


def order(client: httpx.Client, query: str = "") -> list[str]:
    answer = client.get(PATH + query)
    assert answer.status_code == 200
    return re.findall(r'href="/submissions/([^"]+)"', answer.text)


def test_a_page_has_a_hundred_rows_and_leads_to_the_next(client: httpx.Client) -> None:
    first = client.get(PATH).text
    assert len(order(client)) == 100
    assert 'rel="next" href="?page=2"' in first
    assert "120 models, rows 1 to 100, sorted by Rank, ascending." in first
    assert order(client, "?page=2")[0] == "s-100"
    assert len(order(client, "?page=2")) == 20
    assert len(order(client, "?rows=1000")) == 120


def test_rows_are_sorted_by_any_column_and_the_undefined_stay_last(client: httpx.Client) -> None:
    assert order(client, "?sort=brier&order=desc")[:2] == ["s-118", "s-117"]
    assert order(client, "?sort=brier")[:2] == ["s-000", "s-001"]
    assert order(client, "?sort=model&rows=1000")[-1] == "odd"  # "no slope" after "Model"
    assert order(client, "?sort=calibration_slope&order=desc&rows=1000")[-1] == "odd"
    assert order(client, "?sort=calibration_slope&order=asc&rows=1000")[-1] == "odd"
    worst = order(client, "?sort=worst&order=asc")
    assert worst[0] == "odd"  # every group of a release is lower where its area is
    assert order(client, "?sort=cases")[0] == "s-000"


def test_rows_are_found_by_model_or_team_in_any_case(client: httpx.Client) -> None:
    assert order(client, "?q=model+11") == ["s-011", *(f"s-11{n}" for n in range(9))]
    assert order(client, "?q=team+%C3%BC") == ["odd"]
    assert order(client, "?who=baselines") == ["s-005"]
    assert "s-005" not in order(client, "?who=teams&rows=1000")
    nothing = client.get(f"{PATH}?q=%3Cscript%3E").text
    assert "No model matches." in nothing
    assert "<script>alert" not in nothing
    assert 'value="&lt;script&gt;"' in nothing


def test_a_search_in_another_order_or_of_others_is_never_answered_from_the_one_before(
    client: httpx.Client,
) -> None:
    found = []
    for query in ("q=team+1", "q=team+1&order=desc", "q=team+1&who=baselines", "q=team+2"):
        page = client.get(f"{PATH}?{query}").text
        found.append(re.findall(r"<a href=\"/submissions/s-(\d+)\"", page))
    ones = [f"{number:03}" for number in range(119) if number % 7 == 1]
    assert found == [
        ones,
        ones[::-1],
        [],
        [f"{number:03}" for number in range(119) if number % 7 == 2],
    ]


def test_columns_are_chosen_and_links_keep_the_choice(client: httpx.Client) -> None:
    page = client.get(f"{PATH}?show=rank&show=ece&q=Model").text
    heads = re.findall(r'title="Sort by ([^"]+)"', page)
    assert heads == ["Rank", "Model", "Area under the ROC curve", "Expected calibration error"]
    assert "q=Model&amp;sort=ece&amp;order=asc&amp;show=rank&amp;show=ece" in page
    assert client.get(f"{PATH}?show=rank").text.count('title="Sort by') == 3


def test_what_is_not_there_has_a_sign_that_the_legend_explains(client: httpx.Client) -> None:
    page = client.get(f"{PATH}?q=no+slope").text
    assert "–<sup>a</sup>" in page
    assert "<dt>– a</dt><dd>the release has no such figure</dd>" in page
    assert "<sup>" not in client.get(f"{PATH}?q=Model+7").text


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("?sort=beauty", "no column to sort by &#39;beauty&#39;; choose one of rank, model"),
        ("?sort=auroc_gap", "no column to sort by &#39;auroc_gap&#39;"),
        ("?order=up", "no order &#39;up&#39;; choose one of asc, desc"),
        ("?show=beauty", "no column &#39;beauty&#39;"),
        ("?who=me", "no choice of rows &#39;me&#39;"),
        ("?rows=5", "no number of rows &#39;5&#39;; choose one of 25, 100, 1000"),
        ("?page=0", "The page is &#39;0&#39;; give a number from 1."),
        ("?page=-1", "The page is &#39;-1&#39;"),
        ("?page=\N{SUPERSCRIPT TWO}", "The page is"),
        ("?page=99999999999999999999999", "The page is"),
        ("?page=3", "The board has 2 pages, and page 3 was asked for; open page 1."),
        ("?q=Model+7&page=2", "The board has 1 page, and page 2 was asked for"),
    ],
)
def test_a_board_that_has_no_such_thing_says_so(
    client: httpx.Client, query: str, sentence: str
) -> None:
    answer = client.get(PATH + query)
    assert answer.status_code == 400
    assert "<h1>That did not work</h1>" in answer.text
    assert sentence in answer.text


def test_empty_fields_of_the_form_ask_for_what_is_usual(client: httpx.Client) -> None:
    empty = "?q=&who=&sort=&order=&rows=&page="
    assert order(client, empty) == order(client)
