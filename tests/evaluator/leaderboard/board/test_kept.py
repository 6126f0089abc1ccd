"""A board over a real ledger: what is kept in memory is never older than the newest release."""

from __future__ import annotations

import csv
import io
import random
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from evaluator.benchmark.specification import read_benchmark
from evaluator.comparison import (
    ANOTHER_PLAN,
    ComparedEntry,
    Comparison,
    NotCompared,
)
from evaluator.disclosure.control import Release
from evaluator.leaderboard.board.kept import Board, OfLedger, OfReleases
from evaluator.leaderboard.board.selection import plain_rows, select
from evaluator.leaderboard.board.view import View
from evaluator.leaderboard.pages import Listing
from evaluator.leaderboard.web import create_app
from submissions.ledger.beside_releases import retirement
from submissions.ledger.beside_releases.board_rows import Boards
from submissions.ledger.ledger import Ledger
from submissions.submission import State
from tests.support.hand_made import TYPICAL, evaluation, released
from tests.support.published import entered, publish
from tests.support.repository import REPOSITORY
from tests.support.serving import serving

NAME = "chest-opacity"
PATH = f"/benchmarks/{NAME}"


def scored(name: str, auroc: float, model: str = "a model") -> Release:
    return released(
        name,
        team=f"Team {name}",
        model=model,
        scored=evaluation(values={**TYPICAL, "auroc": auroc}),
    )


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    opened = Ledger(f"sqlite:///{tmp_path}/ledger.sqlite")
    yield opened
    opened.close()


@pytest.fixture
def client(ledger: Ledger) -> Iterator[httpx.Client]:
    app = create_app(OfLedger(ledger), [Listing(NAME, "Airspace opacity", "Adults.")])
    with serving(app) as address, httpx.Client(base_url=address, timeout=None) as found:
        yield found


def order(board: Board) -> list[tuple[int | None, str]]:
    return [(place.rank, place.entrant.submission_id) for place in board.places]


def test_a_board_of_the_ledger_is_that_of_the_releases(ledger: Ledger) -> None:
    releases = [scored("a", 0.7), scored("b", 0.9), scored("c", 0.8), scored("b", 0.6)]
    for number, release in enumerate(releases):
        publish(ledger, release, key=str(number))
    mine, theirs = OfLedger(ledger), OfReleases(lambda _: releases)
    assert order(mine.board(NAME, "auroc")) == [(1, "c"), (2, "a"), (3, "b")]
    assert plain_rows(mine.board(NAME, "auroc"), mine) == plain_rows(
        theirs.board(NAME, "auroc"), theirs
    )


def test_pages_together_are_the_whole_board(ledger: Ledger, client: httpx.Client) -> None:
    drawn, kept = random.Random("pages"), OfLedger(ledger)
    best: dict[tuple[str, str], tuple[float, str]] = {}
    times: Counter[tuple[str, str]] = Counter()
    for number in range(70):
        team, model = f"Team {drawn.randrange(30)}", f"model {drawn.randrange(2)}"
        name, value = f"s-{number:02d}", drawn.randrange(60, 90) / 100
        found = evaluation(values={**TYPICAL, "auroc": value})
        publish(ledger, released(name, team=team, model=model, scored=found), key=name)
        best[team, model] = min(best.get((team, model), (0.0, "")), (-value, name))
        times[team, model] += 1
        if number % 10 == 0:
            kept.board(NAME, "auroc")  # read bit by bit
    ordered = sorted(best.values())
    ranks = [1 + sum(other < value for other, _ in ordered) for value, _ in ordered]
    assert len(set(ranks)) < len(ranks)  # some tie
    expected = [(rank, name) for rank, (_, name) in zip(ranks, ordered, strict=True)]

    board = kept.board(NAME, "auroc")
    pages = range(1, 2 + (len(expected) - 1) // 25)
    views = [select(board, View(size=25, page=page), kept) for page in pages]
    places = [place for view in views for place in view.places]
    assert [(place.rank, place.entrant.submission_id) for place in places] == expected
    assert order(board) == expected
    shown = " ".join(client.get(f"{PATH}?rows=25&page={page}").text for page in pages)
    assert re.findall(r'href="/submissions/(s-\d+)"', shown) == [name for _, name in expected]
    notes = re.findall(r"best of (\d+) submissions", shown)
    assert Counter(notes) == Counter(str(n) for n in times.values() if n > 1)


def test_a_sort_by_the_worst_group_reads_new_releases_alone(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept, shown, asked = OfLedger(ledger), Boards.shown, list[int]()

    def counted(boards: Boards, numbers: Sequence[int]) -> dict[int, str]:
        asked.extend(numbers)
        return shown(boards, numbers)

    def sorted_by(column: str) -> list[str]:
        board = kept.board(NAME, "auroc")
        asked.clear()
        kept.sortings([place.entrant.number for place in board.places], "auroc")
        read.append(list(asked))
        places = select(board, View(sort=column), kept).places
        return [place.entrant.submission_id for place in places]

    read: list[list[int]] = []
    monkeypatch.setattr(Boards, "shown", counted)
    for number, name in enumerate("cab"):
        publish(ledger, scored(name, 0.9 - number / 10), key=name)
    assert sorted_by("worst") == ["b", "a", "c"]  # each group has the overall value
    assert sorted_by("cases") == ["c", "a", "b"]  # equal: as they rank
    publish(ledger, scored("d", 0.95), key="d")
    assert sorted_by("worst") == ["b", "a", "c", "d"]
    assert [sorted(each) for each in read] == [[1, 2, 3], [], [4]]


def test_a_board_stays_the_same_object_until_there_is_a_release(ledger: Ledger) -> None:
    kept = OfLedger(ledger)
    publish(ledger, scored("a", 0.7))
    first = kept.board(NAME, "auroc")
    ledger.record("sequester", NAME, "an act of the steward's")
    entered(ledger, scored("b", 0.9), State.LINTED)
    assert kept.board(NAME, "auroc") is first
    publish(ledger, scored("c", 0.9))
    assert order(kept.board(NAME, "auroc")) == [(1, "c"), (2, "a")]


def test_no_page_is_older_than_the_newest_release(ledger: Ledger, client: httpx.Client) -> None:
    paths = (PATH, "/", f"{PATH}/about", f"/api{PATH}/leaderboard.json")
    before = {path: [client.get(path).text for _ in range(2)][1] for path in paths}
    publish(ledger, scored("a", 0.713))
    report = client.get("/submissions/a")
    for path in paths:
        assert client.get(path).text != before[path]
    assert "0.713" in client.get(PATH).text
    publish(ledger, scored("a", 0.691), key="scored again")
    assert "0.691" in client.get(PATH).text
    assert "0.691" in client.get("/").text
    assert "0.691" in client.get("/submissions/a").text
    assert "0.691" not in report.text


def test_a_page_that_the_browser_has_is_not_sent_again(
    ledger: Ledger, client: httpx.Client
) -> None:
    publish(ledger, scored("a", 0.713))
    first = client.get(PATH)
    asking = {"If-None-Match": first.headers["etag"]}
    again = client.get(PATH, headers=asking)
    assert (again.status_code, again.content) == (304, b"")
    assert "default-src 'none'" in again.headers["content-security-policy"]
    publish(ledger, scored("b", 0.8))
    assert client.get(PATH, headers=asking).status_code == 200


def test_a_page_is_the_same_packed_and_plain(ledger: Ledger, client: httpx.Client) -> None:
    publish(ledger, scored("a", 0.713))
    plain = client.get(PATH, headers={"Accept-Encoding": "identity"})
    packed = client.get(PATH, headers={"Accept-Encoding": "gzip"})
    assert "content-encoding" not in plain.headers
    assert packed.headers["content-encoding"] == "gzip"
    assert plain.text == packed.text


def test_page_json_and_csv_have_the_same_numbers(ledger: Ledger, client: httpx.Client) -> None:
    for name, auroc in (("a", 0.7131), ("b", 0.8), ("c", 0.8)):
        publish(ledger, scored(name, auroc))
    rows = client.get(f"/api{PATH}/leaderboard.json").json()["rows"]
    table = list(csv.DictReader(io.StringIO(client.get(f"/api{PATH}/leaderboard.csv").text)))
    assert [row["rank"] for row in rows] == [1, 1, 3]
    assert [row["submission"] for row in rows] == [row["submission"] for row in table]
    page = client.get(PATH).text
    for row, line in zip(rows, table, strict=True):
        assert float(line["auroc"]) == row["auroc"]
        assert float(line["brier_low"]) == row["brier_low"]
        assert f"{row['auroc']:.3f}" in page
        assert f"{row['auroc_low']:.3f}" in page


def test_a_page_beside_the_queue_says_how_many_wait(ledger: Ledger, client: httpx.Client) -> None:
    publish(ledger, scored("a", 0.7))
    entered(ledger, scored("b", 0.9), State.LINTED, State.QUEUED)
    page = client.get(f"{PATH}/about").text
    assert "<dt>Submissions in the queue</dt><dd>1</dd>" in page
    assert "Team b" not in page
    ledger.move("b", State.RUNNING)
    entered(ledger, scored("c", 0.9))
    assert "<dt>Submissions in the queue</dt><dd>2</dd>" in client.get(f"{PATH}/about").text


def test_the_page_of_a_spent_cohort_does_not_say_that_it_is_open(ledger: Ledger) -> None:
    task = read_benchmark(REPOSITORY / "benchmarks" / "simulated-opacity.toml")
    about = f"/benchmarks/{task.name}/about"
    listing = Listing(task.name, task.title, task.description, benchmark=task)
    app = create_app(OfLedger(ledger), [listing])
    with serving(app) as address, httpx.Client(base_url=address, timeout=None) as client:
        before = client.get(about).text
        ledger.record(retirement.RETIRED, task.name, "its 100 answers with noise are given")
        ledger.record(retirement.NEXT_DRAW, task.name, "opacity-draw-2; 0 of 200 patients")
        after = client.get(about).text
    assert "It is open" in before
    assert "Enter a model" in before
    assert "It is open" not in after
    assert "Enter a model" not in after
    assert "its cohort is spent: its 100 answers with noise are given." in after
    assert "The benchmark opacity-draw-2 has the next draw." in after


# -- what a comparison adds ------------------------------------------------------------------------


def entry(name: str, value: float, **more: float) -> ComparedEntry:
    return ComparedEntry(
        submission_id=name,
        team=f"Team {name}",
        model="a model",
        baseline=False,
        value=value,
        low=value - 0.03,
        high=value + 0.03,
        rank_low=1,
        rank_high=2,
        tier=1,
        **{"first_share": 0.4, "looks": 1, **more},  # type: ignore[arg-type]
    )


def compared(*entries: ComparedEntry) -> Comparison:
    return Comparison(
        benchmark=NAME,
        cohort_digest="c",
        plan_digest="p",
        figure="auroc",
        confidence=0.95,
        replicates=2000,
        seed_note="",
        frozen_at=datetime(2026, 2, 3, tzinfo=UTC),
        code_version="",
        entries=entries,
        pairs=(),
        others=(NotCompared(submission_id="d", reason=ANOTHER_PLAN),),
    )


def test_a_comparison_is_shown_as_soon_as_it_is_frozen(ledger: Ledger) -> None:
    frozen: list[Comparison] = []
    kept = OfLedger(ledger, lambda _: frozen[-1] if frozen else None)
    app = create_app(kept, [Listing(NAME, "Airspace opacity", "Adults.")])
    for name, auroc in (("a", 0.88), ("b", 0.87), ("c", 0.6), ("d", 0.5)):
        publish(ledger, scored(name, auroc))
    with serving(app) as address, httpx.Client(base_url=address, timeout=None) as client:
        assert "Tier" not in client.get(PATH).text
        best = entry("a", 0.88, first_share=0.6, looks=7, corrected_low=0.83, corrected_high=0.9)
        frozen.append(compared(best, entry("b", 0.87)))
        ledger.record("comparison", NAME, "digest")  # what is written has an entry in the chain
        page = client.get(PATH).text
        rows = client.get(f"/api{PATH}/leaderboard.json").json()["rows"]
        turned = client.get(f"{PATH}?sort=looks&order=desc").text
    assert "comparison of 3 February 2026" in page
    assert "best of 7 looks" in page
    # A tier ends where a row differs from the tier's first; two others of it may still differ.
    assert "models of one tier are not distinguishable from its first" in page
    assert "from each other" not in page
    assert ">1 to 2<" in page
    assert "first in 0.6" in page
    assert '<line class="wider"' in page
    assert "released after the last comparison" in page  # of c
    assert ANOTHER_PLAN in page  # of d
    assert f'href="/compare?benchmark={NAME}"' in page
    assert [(row["tier"], row["looks"], row["corrected_low"]) for row in rows] == [
        (1, 7, 0.83),
        (1, 1, None),
        (None, None, None),
        (None, None, None),
    ]
    places = [turned.index(f"/submissions/{name}") for name in "abcd"]
    assert places == sorted(places)
