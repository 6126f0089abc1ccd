"""The card shows what was counted, escapes what it is given, and needs no network."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cohort_selection.cases import Case
from cohort_selection.eligibility.flow_diagram import FlowStep
from cohort_selection.leakage.duplicates import WallCheck
from cohort_selection.leakage.repeated_pictures import RepeatCounts
from cohort_selection.leakage.shortcuts import Shortcut
from cohort_selection.matching.draw import match
from cohort_selection.matching.estimand import Estimand
from cohort_selection.matching.target import Target
from cohort_selection.representativeness.card import (
    AIM,
    Card,
    Inclusion,
    SealChecks,
    TextCheck,
    card_json,
    compare,
    count_doubts,
    level_shares,
    over_batches,
    weighed,
)
from cohort_selection.representativeness.card_page import render_card
from cohort_selection.representativeness.planned_row import NeededFor, PlannedRow
from cohort_selection.sealing.cohort import open_cohort
from tests.support.commands import refused, succeed
from tests.support.pools import HALF, pool
from tests.support.walkthrough import Walked, simulated

FLOW = (FlowStep("studies in the catalog", 0, 600, 600), FlowStep("view is <PA>", 3, 597, 597))


def a_card(title: str = "Chest <b>one</b>") -> Card:
    matched = match(pool(), HALF, 100, seed=1)
    chance = np.array([matched.inclusion[case.case_id] for case in pool()])
    attributes, drawn = ("sex", "label"), matched.cases
    opened = pool()[:200]
    return Card(
        title=title,
        digest="sha256:0",
        n_cases=100,
        n_patients=100,
        flow=FLOW,
        levels=level_shares(attributes, HALF, drawn, pool(), opened),
        comparisons=compare(attributes, HALF, drawn, pool(), opened, chance),
        batches=over_batches(
            attributes,
            HALF,
            ("1", "2"),
            (opened, np.zeros(len(opened), np.int32)),
            (drawn, np.repeat([0, 1], 50)),
        ),
        inclusion=Inclusion(0.1, 0.2, 0.3, matched.certain_share, matched.excluded_share),
        estimand=Estimand.CASE_CONTROL,
        binding=("too few <Females>",),
        shortcuts=(Shortcut("BitsStored", 0.99, 0.55, "15: 129 of 129 positive"),),
        checks=SealChecks(
            WallCheck(10, 20, looked=False),
            1,
            0,
            {"shortcuts": "known <here>"},
            RepeatCounts(300, True, 3, 2, 1, 1),
        ),
        doubts=count_doubts(
            {1: ("two-ages",), 2: ("two-ages", "sex")}, np.array([1]), np.array([1, 2, 3])
        ),
        text=TextCheck(4, 99),
    )


def test_the_page_stands_alone_and_escapes_every_text() -> None:
    page = render_card(a_card())
    assert "Chest &lt;b&gt;one&lt;/b&gt;" in page
    assert "view is &lt;PA&gt;" in page
    assert "too few &lt;Females&gt;" in page
    assert "known &lt;here&gt;" in page
    assert "<b>one</b>" not in page
    assert "<script src=" not in page.replace("'", "").replace('"', "")
    assert "<tr class=alarm><td>BitsStored</td><td>0.990</td>" in page
    assert "For the steward alone" in page
    assert "not compared (--no-look)" in page
    assert (
        "figures need not be those of the target population: positives and negatives were" in page
    )
    assert "3 among 300 files of the pool, 2 of opposite labels; 1 in the cohort" in page
    assert (
        "<td>the images of one study have different ages</td><td>the age is not known</td>"
        "<td>1</td><td>2</td>"
    ) in page
    assert "<td>the sex is none of M, F and O</td>" in page
    assert "Of 99 images of the cohort that could be decoded, 4 have" in page
    assert len(page) < 6_000_000  # plotly.js once, not once a figure


def test_what_was_not_looked_at_is_not_called_clean() -> None:
    card = a_card()
    assert card.checks is not None
    page = render_card(
        replace(card, text=None, doubts=(), checks=replace(card.checks, repeats=None))
    )
    assert "Not looked for (--no-text)" in page
    assert "not compared: this cohort was sealed by a version without this check" in page
    assert "None in the cohort or its pool" in page


def test_the_plan_stands_beside_what_was_drawn() -> None:
    """A number without an error is exact; claims are texts of others."""
    needed = (NeededFor(power=0.8, positives=1113, negatives=1670, error=0.0),)
    both = (*needed, NeededFor(power=0.9, positives=1146, negatives=1719, error=2.5))
    rows = (
        PlannedRow(
            claim="above <0.8>", level=0.025, needed=both, positives=90, negatives=135,
            power=0.714, error=0.009, assumed="auroc 0.85",
        ),
        PlannedRow(
            claim="", level=0.025, needed=needed, positives=90, negatives=135, power=0.6, error=0.0
        ),
    )  # fmt: skip
    page = render_card(replace(a_card(), planned=rows))
    assert "above &lt;0.8&gt;" in page
    for cell in ("1,113 + 1,670", "1,146 \u00b1 2.5 + 1,719", "90 + 135", "0.71 \u00b1 0.009",
                 "auroc 0.85", "over 100,000", "All claims together", "0.60"):  # fmt: skip
        assert f">{cell}<" in page, cell
    assert "The plan of the study" not in render_card(a_card())
    assert "no plan: &lt;why&gt;" in render_card(replace(a_card(), unplanned="no plan: <why>"))


def test_the_json_says_the_same() -> None:
    found = json.loads(card_json(a_card()))
    assert found["flow"][1]["rule"] == "view is <PA>"
    female = next(row for row in found["levels"] if row["level"] == "Female")
    assert (female["n_cohort"], female["target"], female["cohort"]) == (50, 0.5, 0.5)
    assert found["estimand"] == "case-control"
    assert found["comparisons"][0]["rows"][0]["jsd"] == 0.0
    assert [batch["sequestered_patients"] for batch in found["batches"]] == [50, 100]


def test_the_draws_aim_is_the_pool_weighed_by_its_chances() -> None:
    """Pool of 2 F and 2 M with chances 1, 0.5, 0.5, 0: F 0.75 of the aim, M 0.25."""
    cases = [Case(str(i), str(i), (), i % 2, {"sex": "FFMM"[i]}) for i in range(4)]
    chances = np.array([1.0, 0.5, 0.5, 0.0])
    drawn = [cases[0], cases[2]]
    by = {c.against: c.rows for c in compare(("sex",), Target({}), drawn, cases, [], chances)}
    assert by[AIM][0].maximum == pytest.approx(0.25)
    assert set(by) == {AIM, "the pool"}


@pytest.mark.parametrize("cases_per_patient", ["one", "all"])
def test_the_draws_aim_counts_the_patients_that_are_drawn(cases_per_patient: str) -> None:
    """90 patients of one, two or three images, 40 of them drawn: the aim sums to 40."""
    cases = [
        Case(f"s{i}-{j}", f"p{i}", (), i % 2, {"sex": ("Female", "Male")[i // 2 % 2]})
        for i in range(90)
        for j in range(1 + i % 3)
    ]
    matched = match(cases, HALF, 40, 2, cases_per_patient=cases_per_patient)
    drawable = [case for case in cases if case.case_id in matched.inclusion]
    n_of = Counter(case.patient_id for case in cases)
    times = [n_of[case.patient_id] if cases_per_patient == "one" else 1 for case in drawable]
    chance = np.array([matched.inclusion[case.case_id] for case in drawable]) * times
    aim = weighed(drawable, "sex", chance)
    assert sum(aim.values()) == pytest.approx(40.0)
    assert aim == pytest.approx({"Female": 20.0, "Male": 20.0})
    # What the match calls the pool is what the card does.
    pool_of_match = {m.level: m.pool for m in matched.margins if m.attribute == "sex"}
    rows = level_shares(("sex",), HALF, matched.cases, drawable, ())
    assert {row.level: row.pool for row in rows} == pytest.approx(pool_of_match)


@pytest.fixture(scope="module")
def walked(tmp_path_factory: pytest.TempPathFactory) -> Walked:
    return simulated(tmp_path_factory.mktemp("card"))


def test_the_command_writes_the_card_of_a_sealed_cohort(walked: Walked, tmp_path: Path) -> None:
    page, table = tmp_path / "card.html", tmp_path / "card.json"
    catalog = ("--catalog", walked.folder / "catalog", "--home", walked.home)
    succeed("card", walked.benchmark, *catalog, "--output", page, "--json", table)
    found = json.loads(table.read_text())
    manifest = walked.home / "enclave" / "benchmarks" / walked.benchmark / "cohort/manifest.json"
    sealed = json.loads(manifest.read_text())
    assert found["digest"] == sealed["digest"]
    assert found["n_patients"] == 80
    assert found["checks"]["wall"]["looked"] is True
    assert found["checks"]["wall"]["sealed_files"] == 80
    cohort = [row for row in found["levels"] if row["attribute"] == "sex"]
    assert sum(row["n_cohort"] for row in cohort) == 80
    assert {c["against"] for c in found["comparisons"]} == {
        "the target", AIM, "the pool", "the open part"
    }  # fmt: skip
    assert sealed["digest"] in page.read_text()


def test_the_seal_keeps_each_case_s_chance_and_cell(walked: Walked) -> None:
    """One of a patient's studies was chosen first: the patient's chance is so many times it."""
    folder = walked.home / "enclave" / "benchmarks" / walked.benchmark
    inclusion = json.loads((folder / "matched.json").read_text())["inclusion"]
    cohort = open_cohort(folder / "cohort")
    design, sources = cohort.design(), cohort.sources()
    assert design is not None
    assert len(design) == 80
    several = 0
    for case in cohort.cases():
        found = design[case.case_id]
        assert found.inclusion == inclusion[sources[case.case_id][0]]
        studies = found.patient_inclusion / found.inclusion
        assert studies == pytest.approx(round(studies))
        several += round(studies) > 1
        assert found.cell == {
            name: str(case.label) if name == "label" else case.attributes[name]
            for name in cohort.target
        }
    assert several > 0
    manifest = (folder / "cohort" / "manifest.json").read_text()
    assert "inclusion" not in manifest
    assert json.loads(manifest)["report"]["estimand"] == "target"


@pytest.mark.browser
def test_the_page_draws_offline_on_a_phone_and_a_screen(
    walked: Walked, tmp_path: Path, chromium: str
) -> None:
    from playwright.sync_api import sync_playwright

    page = tmp_path / "card.html"
    catalog = ("--catalog", walked.folder / "catalog", "--home", walked.home)
    succeed("card", walked.benchmark, *catalog, "--output", page)
    problems: list[object] = []

    def noted(problem: object) -> None:
        problems.append(problem)

    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for width in (360, 1280):
            context = browser.new_context(viewport={"width": width, "height": 800}, offline=True)
            shown = context.new_page()
            shown.on("pageerror", noted)
            shown.goto(page.as_uri())
            shown.wait_for_selector(".main-svg .barlayer")
            assert shown.evaluate("document.documentElement.scrollWidth <= innerWidth")
            drawn = shown.evaluate(
                "[...document.querySelectorAll('.plot')].map(p => p.querySelector('.main-svg')"
                ".getBoundingClientRect().width / p.getBoundingClientRect().width)"
            )
            assert min(drawn) > 0.95
            assert problems == []
        browser.close()


def test_a_card_of_what_was_not_matched_is_refused(walked: Walked, tmp_path: Path) -> None:
    said = refused(
        *("card", "nothing", "--catalog", walked.folder / "catalog", "--home", walked.home),
        *("--output", tmp_path / "card.html"),
    )
    assert "nothing" in said
    assert not (tmp_path / "card.html").exists()
