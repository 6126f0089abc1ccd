from __future__ import annotations

import asyncio
import base64
import hashlib
import re
from collections import Counter
from dataclasses import replace
from html import unescape
from html.parser import HTMLParser

import httpx
import numpy as np
import pytest

from evaluator.leaderboard.pages import Listing
from evaluator.leaderboard.reports.report import render_report
from evaluator.leaderboard.web import create_app
from evaluator.scoring.analysis_plan import AnalysisPlan
from evaluator.scoring.results import OVERALL, Evaluation, Result, TargetComparison, TargetLevel
from evaluator.scoring.score import score
from metrics.estimate import Estimate
from tests.support.hand_made import TABLES, estimate, evaluation, released

EVIL = '"><script>alert(1)</script><img src=x onerror=alert(2)>{{7*7}}'


class Page(HTMLParser):
    """Collects what a test asks of a page: its text, tags, ids and links."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.text: list[str] = []
        self.tags: Counter[str] = Counter()
        self.ids: list[str] = []
        self.links: list[str] = []
        self._inside = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        given = dict(attrs)
        self._inside = tag if tag in ("script", "style") else self._inside
        self.ids += [given["id"] or ""] if "id" in given else []
        for key in ("href", "src"):
            self.links += [given[key] or ""] if key in given else []

    def handle_endtag(self, tag: str) -> None:
        if tag in ("script", "style"):
            self._inside = ""

    def handle_data(self, data: str) -> None:
        if not self._inside:
            self.text.append(data)

    @property
    def words(self) -> str:
        return " ".join(" ".join(self.text).split())


@pytest.fixture(scope="module")
def page() -> Page:
    return Page(render_report(released(), title="Airspace opacity"))


def test_the_headline_has_its_interval_and_its_counts(page: Page) -> None:
    assert page.words.index("Main findings") < page.words.index(
        "0.851 95 % interval 0.817 to 0.886"
    )
    assert "300 cases of 300 patients that were kept from the team" in page.words
    assert "150 of the cases positive" in page.words
    assert "85 % (82 to 89 %) of the time" in page.words


def test_every_digest_and_the_date_stand_in_full(page: Page) -> None:
    found = released()
    for digest in (found.cohort_digest, found.plan_digest, found.image_digest, found.digest):
        assert digest in page.words
    assert "2026-01-03T09:30:00+00:00" in page.words


def test_every_declared_level_is_there_shown_or_not(page: Page) -> None:
    for levels in TABLES.values():
        for level in levels:
            assert level.replace(" x ", " × ") in page.words
    assert "Not Reported withheld – – –" in page.words
    assert "Asian × Male insufficient data 10 – –" in page.words


def test_methods_are_named_with_the_figures_they_serve(page: Page) -> None:
    assert "AUROC: DeLong, logit scale." in page.words
    assert "Sens., Spec., PPV, NPV: Wilson." in page.words


def test_the_rule_is_told_with_its_values(page: Page) -> None:
    assert "the group has fewer than 10 cases or patients" in page.words
    assert "rounded to the nearest 5" in page.words


def plain(value: float) -> Estimate:
    """A figure without an interval, as a p-value is."""
    return replace(estimate(value, 900, 400), low=None, high=None)


def words_of(scored: Evaluation, *added: Result) -> str:
    scored = replace(scored, results=(*scored.results, *added))
    return Page(render_report(released(scored=scored))).words


def test_a_declared_gap_stands_first_with_its_interval_and_p_value() -> None:
    words = words_of(
        replace(evaluation(), declared_gaps=(("auroc", "sex"), ("auroc", "race"))),
        Result.named("auroc_gap_p", "sex", "all levels", plain(0.016)),
        Result.named("auroc_gap_p_adjusted", "sex", "all levels", plain(0.031)),
    )
    assert (
        "Primary gap, AUROC by sex: largest less smallest 0.026 (0.000 to 0.072). A gap was shown "
        "(p = 0.031, adjusted for 2 declared gaps)." in words
    )
    assert "The largest gap that these data do not exclude: 0.07 in AUROC by" in words
    tested = "AUROC by sex primary 0.026 0.000–0.072 p = 0.016 adjusted p = 0.031 a gap was shown"
    assert tested in words


def test_a_gap_that_was_not_shown_is_never_called_fair() -> None:
    words = words_of(
        replace(evaluation(), declared_gaps=(("auroc", "sex"),)),
        Result.named("auroc_gap_p", "sex", "all levels", plain(0.4)),
        Result.named("auroc_gap_p_adjusted", "sex", "all levels", plain(0.4)),
    )
    assert (
        "No gap was shown (p = 0.400, adjusted for the one declared gap); there may still be one."
        in words
    )
    assert "a large one does not show that they are equal" in words
    assert " fair " not in words.lower()


def test_a_declared_gap_without_a_p_value_says_why() -> None:
    scored = replace(evaluation(), declared_gaps=(("auroc", "sex"),))
    assert "0.026 (0.000 to 0.072); its test is withheld." in words_of(scored)
    few = replace(plain(0.4), value=None, undefined="insufficient data")
    words = words_of(scored, Result.named("auroc_gap_p", "sex", "all levels", few))
    assert "0.026 (0.000 to 0.072); it was not tested: insufficient data." in words


def test_what_was_not_declared_is_described_without_a_p_value() -> None:
    words = words_of(evaluation(), Result.named("auroc_gap", "sex", "Female - Male", plain(0.013)))
    assert "No gap between groups was declared beforehand" in words
    assert (
        "Differences between levels of sex, described without a test. – stands where a figure is "
        "not compared so. Figure largest less smallest Female less Male AUROC 0.026 0.000–0.072 "
        "0.013" in words
    )
    assert "p = " not in words


def test_a_gap_that_mixes_in_prevalence_says_so() -> None:
    words = words_of(
        evaluation(),
        Result.named("ppv_gap", "sex", "Female - Male", plain(0.2)),
        Result.named("ppv_at_cohort_prevalence_gap", "sex", "Female - Male", plain(0.01)),
    )
    assert "* mixes in prevalence, which may differ between groups" in words
    assert "PPV* – 0.200" in words
    assert "PPV, one prevalence – 0.010" in words


def target(**changes: object) -> TargetComparison:
    levels = (
        TargetLevel("sex", "Female", 0.6, 0.5, 150, 150, 75),
        TargetLevel("sex", "Male", 0.4, 0.5, 150, 150, 75),
    )
    return replace(TargetComparison(levels), **changes)  # type: ignore[arg-type]


def test_the_target_population_stands_beside_what_was_achieved() -> None:
    words = words_of(
        replace(evaluation(), target=target(effective_patients=288.4, unrepresented=0.02)),
        Result.named("auroc_standardized", *OVERALL, estimate(0.8437, 300, 150, spread=0.3)),
    )
    assert "The cohort is off its target by more than one point" in words
    assert "rest on 290 effective patients of 300" in words
    assert "Nobody in the cohort represents 2 % of the target" in words
    assert "Area under the ROC curve 0.851 0.817–0.886 0.844 0.809–0.878" in words
    assert "Sex Female 60 % 50 %" in words


def test_case_control_is_no_population() -> None:
    words = words_of(replace(evaluation(), target=target(case_control=True)))
    assert "not of the target population, and no weights turn one into the other" in words


def test_margins_that_were_met_leave_the_plain_figures_the_targets() -> None:
    words = words_of(
        replace(evaluation(), target=target(note="every margin is within one point of the target"))
    )
    assert "the plain figures estimate those of the target population" in words


def test_the_sampling_design_is_told() -> None:
    assert "was left to chance; intervals allow for it" in words_of(evaluation())
    fixed = words_of(replace(evaluation(), sampling_design="fixed-prevalence"))
    assert "was set by design; intervals do not allow for chance in it" in fixed


def test_ids_are_unique_and_contents_lead_to_them(page: Page) -> None:
    assert [name for name, n in Counter(page.ids).items() if n > 1] == []
    anchors = [link[1:] for link in page.links if link.startswith("#")]
    assert len(anchors) >= 8
    assert set(anchors) <= set(page.ids)


def test_a_standalone_report_asks_for_nothing(page: Page) -> None:
    assert [link for link in page.links if not link.startswith(("#", "data:"))] == []


def test_its_policy_allows_its_own_style_and_script_by_hash_and_nothing_else() -> None:
    html = render_report(released())
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', html)
    assert policy is not None
    said = unescape(policy[1])
    assert "unsafe" not in said
    for tag, directive in (("script", "script-src"), ("style", "style-src")):
        (held,) = re.findall(rf"<{tag}>(.*?)</{tag}>", html, flags=re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(held.encode()).digest()).decode()
        assert f"{directive} 'sha256-{digest}';" in said
    assert not re.findall(r"\sstyle=|\son[a-z]+=", html)


def test_a_report_with_every_chart_is_small() -> None:
    assert len(render_report(released()).encode()) < 200_000


def test_names_cannot_become_markup() -> None:
    tables = {EVIL: {EVIL: (150, 75), "B": (150, 75)}}
    found = released(team=EVIL, model=EVIL, scored=evaluation(tables))
    for standalone in (True, False):
        page = Page(render_report(found, title=EVIL, standalone=standalone))
        plain = Page(
            render_report(
                released(scored=evaluation({"site": tables[EVIL]})), standalone=standalone
            )
        )
        for each in (page, plain):
            del each.tags["text"]  # a long name takes more lines of a chart
        assert page.tags == plain.tags
        assert EVIL in page.words


def test_a_level_cannot_end_the_chart_that_holds_it() -> None:
    tables = {"site": {"</svg><script>alert(1)</script>": (150, 75), "B": (150, 75)}}
    page = Page(render_report(released(scored=evaluation(tables))))
    assert page.tags["script"] == 1


def test_a_cohort_too_small_for_figures_still_has_a_report() -> None:
    page = Page(render_report(released(scored=evaluation(overall=(120, 4)))))
    assert "too small in one class for any figure to be released" in page.words
    assert page.tags["svg"] == 0
    assert page.ids.count("discrimination") == 0


def test_an_undefined_primary_says_why() -> None:
    found = released()
    why = estimate(None, 300, 150)
    results = tuple(
        replace(r, estimate=why) if (r.metric, r.attribute) == ("auroc", "overall") else r
        for r in found.results
    )
    assert (
        "insufficient data: 300 cases, 150 positive"
        in Page(render_report(replace(found, results=results))).words
    )


def test_the_slope_is_read_off_its_interval_only() -> None:
    def said(value: float, low: float, high: float) -> str:
        made = replace(estimate(value, 300, 150), low=low, high=high)
        results = (Result.named("calibration_slope", *OVERALL, made),)
        return Page(render_report(released(scored=replace(evaluation(), results=results)))).words

    assert "Predictions are too extreme" in said(0.7, 0.5, 0.9)
    assert "Predictions are too timid" in said(1.4, 1.2, 1.6)
    assert "run the wrong way" in said(-0.7, -0.9, -0.5)
    assert "run the wrong way" not in said(0.1, -0.2, 0.4)
    assert "compatible with that of a calibrated model" in said(0.8, 0.6, 1.1)


def alarms(**changed: tuple[float | None, float | None, float | None]) -> str:
    """The words of a report in which some overall figures have other values and bounds."""
    scored = evaluation()
    results = tuple(
        replace(
            r,
            estimate=replace(
                r.estimate,
                **dict(zip(("value", "low", "high"), changed[r.metric], strict=True)),  # type: ignore[arg-type]
            ),
        )
        if r.metric in changed and r.group == OVERALL
        else r
        for r in scored.results
    )
    return Page(render_report(released(scored=replace(scored, results=results)))).words


def test_an_inverted_model_is_called_out() -> None:
    words = alarms(auroc=(0.2, 0.15, 0.26))
    assert "The model is inverted: it scores positive cases lower than negative ones" in words
    assert "turned round, the AUROC would be 0.80" in words
    assert "inverted" not in alarms()


def test_a_model_no_better_than_a_coin_is_called_out() -> None:
    words = alarms(auroc=(0.52, 0.46, 0.58))
    assert "do not show that the model ranks cases better than a coin" in words
    assert "inverted" not in words


def test_a_model_that_calls_every_case_alike_is_called_out() -> None:
    assert "calls every case negative" in alarms(sensitivity=(0, 0, 0.02), specificity=(1, 0.98, 1))


def test_a_constant_model_is_called_out() -> None:
    y = np.arange(300) % 2
    found = score(y, np.full(300, 0.3), plan=AnalysisPlan(replicates=0), threshold=0.5)
    words = Page(render_report(released(scored=found))).words
    assert "The model gives every case the same score" in words


def test_a_model_that_is_constant_in_one_group_alone_is_not_called_constant() -> None:
    y = np.arange(400) % 2
    site = np.array(["A", "B"])[np.arange(400) // 200]
    s = np.where(site == "A", 0.3, np.random.default_rng(3).random(400) / 2 + 0.4 * y)
    plan = AnalysisPlan(replicates=0, subgroups=("site",))
    found = score(y, s, attributes={"site": site}, plan=plan, threshold=0.5)
    shown = released(scored=found).find("calibration_slope", "site", "A")
    assert shown is not None
    assert "predictions that differ" in (shown.undefined or "")
    assert "gives every case the same score" not in words_of(found)


def test_calibration_is_told_in_words_at_the_top() -> None:
    head = words_of(evaluation()).split("Contents")[0]
    assert "Predictions are too timid" not in head
    assert "compatible with that of a calibrated model (slope 0.914, 0.755 to 1.073;" in head


def test_a_release_of_the_primary_figure_alone_has_a_report() -> None:
    found = released()
    kept = tuple(r for r in found.results if (r.metric, r.group) == ("auroc", OVERALL))
    alone = replace(found, results=kept, curves=(), withheld=(), declared_gaps=(("auroc", "sex"),))
    for standalone in (True, False):
        page = Page(render_report(alone, standalone=standalone))
        assert "0.851 95 % interval 0.817 to 0.886" in page.words
        assert "The primary figure alone is told here" in page.words
        assert page.tags["svg"] == 0
        assert "Primary gap" not in page.words
        assert "Subgroups" not in page.words
        anchors = {link[1:] for link in page.links if link.startswith("#")}
        assert anchors <= {*page.ids}


def test_a_share_near_all_keeps_the_digits_that_tell_it_from_all() -> None:
    words = alarms(specificity=(0.9996, 0.9985, 1.0))
    assert "99.96 % (99.9 to 100 %)" in words


def test_how_often_the_cohort_was_looked_at_stands_in_the_box() -> None:
    words = Page(render_report(released(), exposure=("This was look 3 of 8.",))).words
    assert words.index("Main findings") < words.index("This was look 3 of 8.")


def test_the_primary_figure_of_the_benchmark_heads_the_report() -> None:
    words = Page(render_report(released(), primary="brier")).words
    head = words[: words.index("cases of 300 patients")]
    assert "Area under the ROC curve" not in head
    brier = released().find("brier")
    assert brier is not None
    assert brier.low is not None
    assert f"Brier score {brier.value:.3f} 95 % interval" in head
    assert "The primary figure, Brier score, is" in words
    groups = words[words.index("Subgroups") :]
    assert "Brier by subgroup" in groups
    assert "AUROC by subgroup" not in groups


def test_the_site_heads_each_report_with_the_primary_figure_of_its_benchmark() -> None:
    found = released()
    listing = Listing(found.benchmark, "Airspace opacity", "", primary="brier")
    brier = found.find("brier")
    assert brier is not None
    app = create_app(lambda _: [found], [listing])

    async def pages() -> list[str]:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://site") as site:
            addresses = (f"/submissions/{found.submission_id}{end}" for end in ("", "/report.html"))
            return [(await site.get(address)).text for address in addresses]

    for page in asyncio.run(pages()):
        assert Page(page).words.count(f"Brier score {brier.value:.3f} 95 % interval") == 1
