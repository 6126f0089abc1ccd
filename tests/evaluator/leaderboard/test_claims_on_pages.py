"""Claims and verdicts on the board, on a benchmark's page and in the files of both."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import replace
from html import unescape
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import sync_playwright

from evaluator.benchmark.specification import read_benchmark
from evaluator.claims.sealed_study import SealedStudy
from evaluator.disclosure.cohort_card import CohortCard
from evaluator.disclosure.control import Release
from evaluator.leaderboard.board.kept import Declaration, OfReleases
from evaluator.leaderboard.board.terminal import render_terminal
from evaluator.leaderboard.pages import Listing
from evaluator.leaderboard.web import create_app
from metrics.claims.claim import Claim, Part, Study
from metrics.claims.procedures import Verdict
from tests.support.axe import serious_on
from tests.support.claims_file import with_claims
from tests.support.hand_made import released
from tests.support.repository import REPOSITORY
from tests.support.serving import serving
from tests.support.verdicts import DIGEST, MET, NOT_SHOWN, SEALED, claim, verdict

EVIL = "<b>Claim</b>"
BOTH = replace(
    released("both"), model="Both", verdict=verdict(MET, replace(NOT_SHOWN, verdict=Verdict.MET))
)
ONE = replace(released("one"), model="One", verdict=verdict())
BEFORE = replace(released("before"), model="Before the claims", verdict=None)
NONE = replace(
    released("none"),
    model="None",
    verdict=verdict(
        claim(EVIL, Verdict.NOT_SHOWN, *NOT_SHOWN.parts), claim("B", Verdict.NOT_TESTED)
    ),
)
CARD = CohortCard(
    n_cases=200,
    n_patients=200,
    n_positive=80,
    estimand="the target",
    minimum_cell=10,
    count_step=5,
    flow=(),
    levels=(),
    claims={
        "planned": [
            {"claim": "Women", "power": 0.8312, "assumed": "AUROC 0.82"},
            {"claim": "", "power": 0.5249, "assumed": ""},
        ],
    },
)


ADDED = SealedStudy(
    study=Study(
        claims=(
            Claim(
                name="No race below 0.75",
                parts=tuple(
                    Part(figure="sensitivity", goal=0.75, attribute="race", level=level)
                    for level in ("Asian", "White")
                ),
            ),
        ),
    ),
    levels=(),
    declaration=DIGEST,
    sealed_at="2026-03-05T10:00:00+00:00",
    addendum=True,
)


class Sealed(OfReleases):
    """Releases of a benchmark whose claims were sealed, and that three teams tried."""

    def __init__(self, releases: list[Release], added: SealedStudy | None = None) -> None:
        super().__init__(lambda _: releases)
        self.added = added

    def declaration(self, benchmark: str) -> Declaration | None:
        return Declaration(
            DIGEST, SEALED if self.added is None else self.added.sealed_at, self.added
        )

    def tried(self, benchmark: str) -> int | None:
        return 3

    def moment(self) -> int:
        """Pages are kept by what they show, as those of a ledger are."""
        return 1


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    task = read_benchmark(with_claims(tmp_path_factory.mktemp("claims")))
    listings = [
        Listing("chest-opacity", "Airspace opacity", "Adults.", benchmark=task),
        Listing("plain", "No claims", "Adults."),
    ]
    kept = Sealed([BEFORE, NONE, ONE, BOTH, replace(released("p"), benchmark="plain")])
    app = create_app(kept, listings, cohort_cards=lambda _: CARD)
    with serving(app) as address, httpx.Client(base_url=address, timeout=None) as found:
        yield found


def words(page: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", page)).split())


def test_the_board_has_a_column_of_claims_and_names_them(client: httpx.Client) -> None:
    page = client.get("/benchmarks/chest-opacity").text
    assert "Claims met" in page
    assert "1 of 2 met 1; not shown 2" in words(page)
    assert "0 of 2 not shown 1; not tested 2" in words(page)
    assert "no claim was judged" in words(page)
    assert EVIL not in page
    order = client.get("/benchmarks/chest-opacity?sort=claims").text
    assert re.findall(r'href="/submissions/([^"]+)"', order) == ["both", "one", "none", "before"]


def test_a_board_without_claims_is_as_it_was(client: httpx.Client) -> None:
    assert "Claims" not in client.get("/benchmarks/plain").text
    assert "Claims" not in client.get("/benchmarks/plain/about").text
    row = client.get("/api/benchmarks/plain/leaderboard.json").json()["rows"][0]
    assert not {"claims", "claims_met", "verdict"} & set(row)


def test_json_and_csv_have_the_verdict_of_each_row(client: httpx.Client) -> None:
    rows = client.get("/api/benchmarks/chest-opacity/leaderboard.json").json()["rows"]
    found = {row["submission"]: (row["claims_met"], row["claims"], row["verdict"]) for row in rows}
    said = "Sensitivity above 0.85: met; AUROC above 0.90: not shown"
    assert found["one"] == (1, 2, said)
    assert found["before"] == (None, None, None)
    table = client.get("/api/benchmarks/chest-opacity/leaderboard.csv").text
    kept = {row["submission"]: row["verdict"] for row in csv.DictReader(io.StringIO(table))}
    assert kept["one"] == said


def test_the_release_document_has_the_whole_verdict_with_its_declaration(
    client: httpx.Client,
) -> None:
    found = client.get("/submissions/one/release.json").json()["verdict"]
    assert found["claims_digest"] == DIGEST
    assert [each["verdict"] for each in found["claims"]] == ["met", "not shown"]
    assert found["claims"][0]["parts"][0]["bound"]["bound"] == 0.874
    assert "verdict" not in client.get("/submissions/before/release.json").json()


def test_the_benchmarks_page_lists_the_claims_before_anybody_tried(client: httpx.Client) -> None:
    told = words(client.get("/benchmarks/chest-opacity/about").text)
    for said in (
        "AUROC above 0.80 AUROC at least 0.800.",
        "Sensitivity at least 0.850 at the submitted threshold and specificity at least 0.750 at "
        "the threshold 0.4.",
        "AUROC not worse than that of predicate by more than 0.050.",
        "AUROC at least 0.700, in sex: Female. Tested only where met: AUROC above 0.80. Planned "
        "power 0.83, assuming AUROC 0.82.",
        "All claims together: Planned power 0.52.",
        "3 teams tried these claims.",
        "a team is told whether all claims are met; which ones, with its last look.",
        "Declared before the cohort was sealed, on 2 January 2026.",
        "0.025 for 3 looks of a team, at 0.0083 each; claims are tested in order",
        f"Declaration {DIGEST} , {SEALED}",
    ):
        assert said in told


def test_the_terminals_board_says_how_many_claims_were_met() -> None:
    kept = OfReleases(lambda _: [ONE])
    table = render_terminal(kept.board("chest-opacity", "auroc"), kept)
    assert "1 of 2 claims met" in str(next(iter(table.columns[1].cells)))


def test_a_report_begins_with_the_verdict(client: httpx.Client) -> None:
    page = client.get("/submissions/one").text
    told = words(page)
    assert told.index("Verdict: 1 of 2 claims met") < told.index("Main findings")
    assert "Met: sensitivity 0.912, lower bound 0.874, goal 0.850 (217 positives)" in told
    assert f"Declaration of claims {DIGEST}" in told
    assert '<li><a href="#verdict">Verdict</a></li>' in page
    assert EVIL not in client.get("/submissions/none").text
    assert "Verdict" not in words(client.get("/submissions/before").text)


def test_a_claim_that_came_after_the_seal_is_marked(tmp_path: Path) -> None:
    late = replace(ONE, verdict=verdict(addendum=True))
    app = create_app(lambda _: [late], [Listing("chest-opacity", "Airspace opacity", "Adults.")])
    with serving(app) as address:
        told = words(httpx.get(f"{address}/submissions/one").text)
    assert "Declared after the seal, on 2 January 2026." in told


def test_claims_that_were_added_are_listed_with_their_fixed_levels(tmp_path: Path) -> None:
    plain = read_benchmark(REPOSITORY / "benchmarks" / "simulated-opacity.toml")
    listing = Listing(plain.name, "Airspace opacity", "Adults.", benchmark=plain)
    with serving(create_app(Sealed([], ADDED), [listing])) as address:
        told = words(httpx.get(f"{address}/benchmarks/{plain.name}/about").text)
    assert "Declared after the seal, on 5 March 2026." in told
    assert (
        "No race below 0.75 Sensitivity at least 0.750 at the submitted threshold, in every level "
        "of race (Asian, White)." in told
    )


@pytest.mark.browser
def test_the_pages_of_claims_fit_a_phone_and_axe_finds_nothing_serious(
    client: httpx.Client, chromium: str
) -> None:
    paths = ("/benchmarks/chest-opacity", "/benchmarks/chest-opacity/about", "/submissions/none")
    addresses = [str(client.base_url.join(path)) for path in paths]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        assert serious_on(browser, addresses) == []
        page = browser.new_page(viewport={"width": 360, "height": 800})
        for address in addresses:
            page.goto(address)
            wide = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
            assert not page.evaluate(wide), address
        browser.close()
