"""A ranked board: pairs as pROC, ties, baselines of no use, a team's best, figures of any kind."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import ArrayLike

from evaluator.figures_of_outputs import OF_OUTPUTS
from evaluator.glossary import FIGURES, figure
from evaluator.graded_figures import GRADED
from evaluator.localised_figures import LOCALISED
from evaluator.scoring.score import AnalysisPlan, score
from metrics.all_figures import Choices
from metrics.comparison.pairs import paired_delong
from metrics.comparison.rankable import rankable
from metrics.comparison.ranking import Ranked, Submitted, ranked
from metrics.estimate import UndefinedMetric
from tests.metrics.conftest import ReferenceSet


def board(y: ArrayLike, scores: Mapping[str, ArrayLike], **kept: object) -> Ranked:
    given = {name: Submitted(scores=s, threshold=0.3) for name, s in scores.items()}
    return ranked(y, given, replicates=300, **kept)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["S1", "S2", "S3", "S4"])
def test_pairs_are_those_of_proc(reference_set: Callable[[str], ReferenceSet], name: str) -> None:
    given = reference_set(name)
    expected = {(p["a"], p["b"]): p for p in given.roc["pairs"].values()}
    found = {(pair.first, pair.second): pair for pair in board(given.y, given.scores).pairs}
    assert found.keys() == expected.keys()
    for key, pair in expected.items():
        assert found[key].difference == pytest.approx(pair["auc_a"] - pair["auc_b"], abs=1e-12)
        assert found[key].p_value == pytest.approx(pair["p"], abs=1e-9)
        assert (found[key].low, found[key].high) == pytest.approx(pair["diff_ci95"], abs=1e-9)
    smallest = min(found.values(), key=lambda pair: pair.p_value)
    assert smallest.adjusted_p_value == pytest.approx(min(1.0, 3 * smallest.p_value))


def test_clustered_pairs_are_obuchowskis(reference_set: Callable[[str], ReferenceSet]) -> None:
    given = reference_set("S4")
    expected = json.loads((given.folder / "clustered.json").read_text())["obuchowski_p1_vs_p2"]
    found = board(given.y, given.scores, patients=given.patients)
    assert "Obuchowski" in found.method
    pair = found.pairs[0]
    assert (pair.first, pair.second) == ("p1", "p2")
    assert pair.difference == pytest.approx(expected["auc.AminusB"], abs=1e-12)
    assert pair.low == pytest.approx(expected["ci.bot.AminusB"], abs=1e-9)
    assert pair.p_value == pytest.approx(expected["p.value"], abs=1e-9)


def test_an_order_that_cannot_be_told_is_one_tier(
    reference_set: Callable[[str], ReferenceSet],
) -> None:
    given = reference_set("S1")  # pROC: no pair differs
    found = board(given.y, given.scores)
    assert [each.rank for each in found.standings.values()] == [1, 2, 3]
    assert {each.tier for each in found.standings.values()} == {1}
    assert {(each.rank_low, each.rank_high) for each in found.standings.values()} == {(1, 3)}
    assert sum(each.first_share for each in found.standings.values()) == pytest.approx(1.0)


def test_a_copy_shares_rank_tier_and_first_place_and_changes_nothing_else(
    reference_set: Callable[[str], ReferenceSet],
) -> None:
    given = reference_set("S4")
    two = {name: given.scores[name] for name in ("p1", "p2")}
    before = board(given.y, two, patients=given.patients)
    more = {**two, "copy": given.scores["p1"] ** 3}
    after = board(given.y, more, patients=given.patients)
    pair, again = before.pairs[0], after.pairs[0]
    assert (again.first, again.second) == (pair.first, pair.second)
    for field in ("difference", "low", "high", "p_value"):
        assert getattr(again, field) == pytest.approx(getattr(pair, field), rel=1e-12)
    one, copy = after.standings["p1"], after.standings["copy"]
    assert one == copy
    assert (one.rank, after.standings["p2"].rank) == (1, 3)
    assert one.first_share == pytest.approx(before.standings["p1"].first_share / 2)
    assert before.standings["p1"].first_share > 0.95  # p = 0.03 two-sided
    assert (one.low, one.high) == (before.standings["p1"].low, before.standings["p1"].high)
    same = next(pair for pair in after.pairs if (pair.first, pair.second) == ("p1", "copy"))
    assert (same.difference, same.low, same.high, same.p_value) == (0.0, 0.0, 0.0, 1.0)


@pytest.mark.parametrize("images", [1, 3])
def test_models_that_differ_in_one_case_keep_every_digit(images: int) -> None:
    random = np.random.default_rng(9)
    y = random.random(3_000) < 0.3
    s = random.standard_normal(3_000) + y
    given = {"s": s, **{f"{i}": np.where(np.arange(3_000) == i, 9.0, s) for i in range(4)}}
    patients = np.arange(3_000) // images
    found = board(y, given, patients=patients)
    assert len(found.pairs) == 10
    for pair in found.pairs:
        alone = paired_delong(y, given[pair.first], given[pair.second], patients)
        mine = pair.difference, pair.low, pair.high, pair.p_value
        theirs = alone.value, alone.low, alone.high, alone.p_value
        assert mine == pytest.approx(theirs, rel=1e-7, abs=0.0)


def test_one_submission_is_first_for_certain() -> None:
    found = board([0, 1, 0, 1, 1], {"alone": [0.1, 0.8, 0.3, 0.2, 0.9]})
    only = found.standings["alone"]
    assert found.pairs == ()
    assert (only.rank, only.rank_low, only.rank_high, only.tier) == (1, 1, 1, 1)
    assert only.first_share == 1.0
    assert only.value == pytest.approx(5 / 6)  # five of six pairs in order
    assert (only.corrected_low, only.corrected_high) == (None, None)


def test_a_constant_a_perfect_and_a_reversed_score_have_their_places() -> None:
    y = np.arange(60) < 30
    given = {"constant": np.full(60, 0.5), "reversed": 1.0 - y, "perfect": 1.0 * y}
    found = board(y, given)
    assert list(found.standings) == ["perfect", "constant", "reversed"]
    assert [each.tier for each in found.standings.values()] == [1, 2, 3]
    for pair in found.pairs:
        alone = paired_delong(y, given[pair.first], given[pair.second])
        assert (pair.low, pair.high, pair.p_value) == (alone.low, alone.high, alone.p_value)
    four = np.array([True, True, False, False])
    few = board(four, {"reversed": 1.0 - four, "perfect": 1.0 * four})
    assert {each.tier for each in few.standings.values()} == {1}  # two coins may agree
    assert {each.rank_high for each in few.standings.values()} == {2}
    assert few.pairs[0].adjusted_p_value == 0.5


def test_the_best_of_a_team_has_the_interval_of_a_best_alone() -> None:
    generator = np.random.default_rng(4)
    y = np.arange(400) < 120
    scores = {f"{team}{i}": generator.standard_normal(400) + y for team in "ab" for i in range(3)}
    given = {
        name: Submitted(scores=s, team=name[0], best_of=3 if name[0] == "a" else 20)
        for name, s in scores.items()
    }
    found = ranked(y, given, replicates=100)
    for team in "ab":
        mine = [each for each in found.standings.values() if each.team == team]
        best, *others = mine  # from the best down
        assert all(each.corrected_low is None and each.corrected_width is None for each in others)
        assert best.low is not None
        assert best.high is not None
        assert best.corrected_low is not None
        assert best.corrected_high is not None
        assert best.corrected_low < best.low < best.value < best.corrected_high < best.high
    widths = {
        each.team: each.corrected_width / each.width
        for each in found.standings.values()
        if each.corrected_width is not None and each.width is not None
    }
    assert 1.0 < widths["a"] < 1.1 < widths["b"] < 1.4
    alone = {name: replace(each, best_of=1) for name, each in given.items() if name != "b2"}
    kept = ranked(y, {**alone, "b2": given["b2"]}, replicates=100)
    assert next(iter(kept.standings.values())).corrected_low is not None


def test_a_figure_that_is_better_the_lower_is_corrected_upwards() -> None:
    generator = np.random.default_rng(5)
    y = generator.random(300) < 0.4
    noise = generator.standard_normal((4, 300))
    scores = 1 / (1 + np.exp(-1.5 * (y - 0.5) - noise))
    given = {f"{i}": Submitted(scores=s, team="one", best_of=30) for i, s in enumerate(scores)}
    found = ranked(y, given, figure="brier", replicates=200)
    values = [each.value for each in found.standings.values()]
    assert values == sorted(values)
    assert values[0] == pytest.approx(min(float(np.mean((s - y) ** 2)) for s in scores))
    best = next(iter(found.standings.values()))
    assert best.high is not None
    assert best.corrected_high is not None
    assert best.corrected_high > best.high
    assert not found.higher_is_better


NAMED = (
    "auroc",
    "average_precision",
    "ece",
    "net_benefit",
    "ppv_at_cohort_prevalence",
    "brier_at_cohort_prevalence",
    "sensitivity_at_specificity_0.9",
    "specificity_at_sensitivity_0.9",
    "partial_auroc_0_0.2",
    *(f"{name}_at_prevalence_0.1" for name in ("ppv", "npv", "brier", "accuracy", "f1", "mcc")),
    *("brier", "scaled_brier", "log_loss", "sensitivity", "specificity", "ppv", "npv"),
    *("accuracy", "balanced_accuracy", "f1", "mcc", "youden_j", "lr_positive", "lr_negative"),
    *("false_positive_rate", "false_negative_rate"),
)
NOT_RANKED = {
    *("ici", "e50", "e90", "emax", "smooth_ece", "rms_calibration_error_debiased"),
    *("corp_miscalibration", "corp_discrimination"),
    *("kendall_tau_b", "bnsp_auroc", "bpsn_auroc"),
}
"""Calibration curves and rank agreement: no replicates; figures of a group: no cohort's."""


@pytest.mark.parametrize("name", NAMED)
def test_any_figure_with_a_direction_ranks_in_that_direction(name: str) -> None:
    generator = np.random.default_rng(6)
    y = generator.random(250) < 0.4
    shared = generator.standard_normal(250)
    scores = {
        f"{k}": 1 / (1 + np.exp(0.5 - k * y - 0.5 * shared - generator.standard_normal(250)))
        for k in range(3)
    }
    found = board(y, scores, figure=name)
    values = [each.value for each in found.standings.values()]
    assert figure(name).better == ("higher" if found.higher_is_better else "lower")
    assert values == sorted(values, reverse=found.higher_is_better)
    assert [each.rank for each in found.standings.values()] == [1, 2, 3]
    for each in found.standings.values():
        assert each.rank_low <= each.rank <= each.rank_high
    assert not found.undefined


def test_every_figure_with_a_direction_ranks_or_is_refused() -> None:
    of_tasks = {*GRADED, *OF_OUTPUTS, *LOCALISED}  # they are made of more than one score
    directed = {name for name, each in FIGURES.items() if each.better} - of_tasks
    assert directed - NOT_RANKED == directed & set(NAMED)
    for name in (*NOT_RANKED, "calibration_slope", "auroc_gap", "ppv_at_prevalence_x", ""):
        with pytest.raises(UndefinedMetric, match="cannot be ranked by"):
            rankable(name, 0.3)


def test_values_of_the_two_by_two_table_are_hand_counts() -> None:
    y = [1, 1, 1, 1, 0, 0, 0, 0, 0, 0]
    sharp = [0.9, 0.8, 0.7, 0.1, 0.2, 0.2, 0.2, 0.2, 0.2, 0.6]  # 3 of 4, 1 of 6
    blunt = [0.9, 0.8, 0.1, 0.1, 0.2, 0.2, 0.2, 0.6, 0.6, 0.6]  # 2 of 4, 3 of 6
    for name, values in {
        "sensitivity": (3 / 4, 2 / 4),
        "specificity": (5 / 6, 3 / 6),
        "ppv": (3 / 4, 2 / 5),
        "f1": (6 / 8, 4 / 9),
    }.items():
        found = board(y, {"blunt": blunt, "sharp": sharp}, figure=name)
        got = found.standings["sharp"].value, found.standings["blunt"].value
        assert got == pytest.approx(values)


def test_a_difference_on_few_patients_is_no_surer_than_coins() -> None:
    """Five positives that one model alone finds: McNemar's exact p-value is 2 / 2^5."""
    y = np.arange(200) < 100
    finds = np.where(np.arange(200) % 2 == 0, 0.9, 0.1)
    more = finds.copy()
    more[1:10:2] = 0.9
    found = board(y, {"fewer": finds, "more": more}, figure="sensitivity")
    assert found.pairs[0].difference == pytest.approx(-0.05)
    assert found.pairs[0].p_value == pytest.approx(0.0625)
    assert {each.tier for each in found.standings.values()} == {1}
    twice = board(
        y, {"fewer": finds, "more": more}, patients=np.arange(200) // 10, figure="sensitivity"
    )
    assert twice.pairs[0].p_value == 1.0  # all five are of one patient


def test_a_submission_without_the_figure_is_named_and_has_no_rank() -> None:
    y = np.tile([0.0, 1.0], 30)
    given = {
        "with": Submitted(scores=y, threshold=0.3),
        "without": Submitted(scores=y),
        "never": Submitted(scores=y, threshold=2.0),
    }
    found = ranked(y, given, figure="ppv", replicates=64)
    assert list(found.standings) == ["with"]
    assert found.undefined["without"] == "ppv needs a threshold, and the submission has none"
    assert "no cases called positive" in found.undefined["never"]
    with pytest.raises(UndefinedMetric, match="no submission has the figure; of without: ppv"):
        ranked(y, {"without": Submitted(scores=y)}, figure="ppv")
    with pytest.raises(UndefinedMetric, match="probabilities between 0 and 1"):
        ranked(y, {"logits": Submitted(scores=4 * y)}, figure="brier")


def test_boards_that_cannot_be_are_undefined() -> None:
    with pytest.raises(UndefinedMetric, match="got none"):
        ranked([True, False], {})
    with pytest.raises(UndefinedMetric, match="needs both classes"):
        board([1, 1], {"a": [0.5, 0.6]})
    with pytest.raises(UndefinedMetric, match="two cases of each class"):
        board([1, 0], {"a": [0.5, 0.6], "b": [0.4, 0.6]})
    with pytest.raises(UndefinedMetric, match="2 labels but scores"):
        board([1, 0], {"a": [0.5]})


def test_intervals_are_those_of_the_report_at_its_choices() -> None:
    generator = np.random.default_rng(8)
    y = generator.random(200) < 0.4
    s = np.clip(0.3 * y + generator.random(200) * 0.7, 0, 1)
    given = {"a": Submitted(scores=s, threshold=0.5)}
    for name, design in (("auroc", "sampled"), ("ppv", "fixed-prevalence")):
        plan = AnalysisPlan(sampling_design=design, replicates=0)
        report = score(y, s, None, {}, plan, threshold=0.5)
        (shown,) = (r.estimate for r in report.results if r.metric == name)
        only = ranked(y, given, figure=name, design=design, replicates=64, choices=Choices())
        mine = only.standings["a"]
        assert (mine.value, mine.low, mine.high) == (shown.value, shown.low, shown.high), name
