"""A report of own scores claims nothing that a sequestered run alone could."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from evaluator.leaderboard.own_scores import write_reports
from evaluator.leaderboard.reports.footing import footing
from evaluator.leaderboard.reports.report import render_report
from evaluator.scoring.results import Result
from tests.support.hand_made import estimate, evaluation, released

CLAIMS = (
    *("never seen", "kept from", "unseen", "hidden", "sealed"),
    *("declared", "beforehand", "in advance", "before scoring", "before the model was run"),
    *("container", "without labels", "without network", "drawn for this submission"),
    *("steward", "a benchmark's", "disclosure rule", "protects one", "leaves the"),
)
"""What nobody can say of a table that its own reader made."""

BANNER = "Self-scored, not sequestered."
DENIALS = (
    BANNER,
    "Nothing here shows that the model had not seen these cases",
    "This page was not released by a benchmark, and is not signed.",
    "Nothing is withheld",
)
"""The only sentences of the page that may speak of such things, to deny them."""


def words(html: str) -> str:
    """All text of a page that a reader may come to see, tooltips and drawings' texts with it."""
    html = re.sub(r"<style>.*?</style>", " ", html, flags=re.DOTALL)
    html = re.sub(r"<script>.*?</script>", " ", html, flags=re.DOTALL)  # plotly.js
    text = re.sub(r"<(?!script)[^>]*?(?:(?:title|aria-label)=\"([^\"]*)\")?[^>]*>", r" \1 ", html)
    return re.sub(r"\s+", " ", text.replace("&nbsp;", " ").replace("\N{NO-BREAK SPACE}", " "))


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Every section that such a report can have: gaps, intersections, withheld levels."""
    scored = evaluation()
    p = replace(estimate(0.03, 300, 150), low=None, high=None)
    added = [Result.named(f"auroc_gap_p{end}", "sex", "all levels", p) for end in ("", "_adjusted")]
    scored = replace(
        scored,
        declared_gaps=(("auroc", "sex"), ("auroc", "race")),
        results=(*scored.results, *added),
        threshold=0.5,
        sampling_design="fixed-prevalence",
    )
    place = tmp_path_factory.mktemp("own") / "report.html"
    write_reports({"Effusion": scored}, place)
    return words(place.read_text())


@pytest.mark.parametrize("claim", CLAIMS)
def test_no_sentence_claims_what_a_sequestered_run_alone_could(page: str, claim: str) -> None:
    assert claim not in page.lower()


def test_the_same_words_stand_in_a_sequestered_report() -> None:
    told = words(render_report(released(scored=evaluation()))).lower()
    missing = [claim for claim in CLAIMS if claim not in told]
    assert set(missing) <= {"unseen", "hidden", "in advance", "a benchmark's", "never seen"}
    assert "never seen" not in told  # the audit chain cannot show what makers have from elsewhere


def test_the_banner_comes_before_any_figure_and_the_denials_are_there(page: str) -> None:
    assert page.index(BANNER) < page.index("AUROC")
    for denial in DENIALS:
        assert denial in page


def test_sequestered_is_said_only_to_deny_it(page: str) -> None:
    assert page.lower().count("sequestered") == page.count(BANNER) == 1


def test_no_image_and_no_cohort_are_named_that_were_never_there(page: str) -> None:
    assert "Container image" not in page
    assert "Sealed cohort" not in page
    assert "own scores own scores" not in page.lower()


def test_counts_that_are_not_rounded_are_not_called_so(page: str) -> None:
    assert "to the nearest" not in page
    assert "Counts to the nearest 5" in words(render_report(released(scored=evaluation())))


def test_gaps_of_a_plan_are_called_named_and_not_declared(page: str) -> None:
    assert "adjusted for 2 named gaps" in page
    assert "A gap that the analysis plan names is tested" in page


def test_each_release_has_the_texts_of_its_own_kind() -> None:
    sequestered = footing(released())
    assert not sequestered.own
    assert sequestered.banner == ""
    assert footing(replace(released(), benchmark="own scores")).own
