"""Grades: the whole, its cuts, what cuts tell together, and predictions that set cases apart."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from cohort_selection.task.declaration import ORDINAL, SCORE, Task
from evaluator.disclosure.control import Release
from evaluator.scoring.results import OVERALL
from evaluator.tasks.judged import judge
from evaluator.tasks.released import released
from evaluator.tasks.scored_cases import ScoredCases
from metrics.discrimination.curves import auroc
from tests.evaluator.tasks.given import PLAN, SEVERITY, graded, judged_by, rules


def some_grades(n: int = 240, seed: int = 3) -> ScoredCases:
    random = np.random.default_rng(seed)
    reference = random.integers(0, 9, n).astype(np.float64)
    grade = np.clip(reference + random.normal(0, 1.5, n), 0, 8)
    return graded(reference, grade, ["F" if i % 2 else "M" for i in range(n)])


def shown(given: ScoredCases, task: Task = SEVERITY) -> Release:
    by = replace(judged_by(task), threshold=4.0)
    return released(judge(given, by), given, by, rules())


def test_the_whole_and_each_cut() -> None:
    given = some_grades()
    found = judge(given, replace(judged_by(SEVERITY), threshold=4.0))
    reference, grade = given.targets[:, 0], given.scores
    overall = {r.metric: r.estimate for r in found.results if r.group == OVERALL}
    whole = np.floor(grade + 0.5).astype(int)
    assert overall["quadratic_weighted_kappa"].value == pytest.approx(
        cohen_kappa_score(reference.astype(int), whole, weights="quadratic", labels=range(9))
    )
    assert overall["mean_absolute_error"].value == pytest.approx(np.abs(grade - reference).mean())
    assert all(estimate.low is not None for estimate in overall.values())
    gaps = {(r.metric, r.attribute, r.level) for r in found.results if r.metric.endswith("_gap")}
    assert ("quadratic_weighted_kappa_gap", "sex", "M - F") in gaps or (
        "quadratic_weighted_kappa_gap",
        "sex",
        "F - M",
    ) in gaps
    assert [part.name for part in found.parts] == ["grade >= 2", "grade >= 4", "grade >= 6"]
    for part, cut in zip(found.parts, SEVERITY.cuts, strict=True):
        figures = {
            r.metric: r.estimate.value for r in part.evaluation.results if r.group == OVERALL
        }
        assert part.evaluation.threshold == cut
        assert figures["auroc"] == pytest.approx(auroc(reference >= cut, grade))
        called = grade >= cut
        assert figures["sensitivity"] == pytest.approx(called[reference >= cut].mean())
        assert not {"brier", "ece", "calibration_slope", "net_benefit"} & set(figures)
        assert {curve.name for curve in part.evaluation.curves} == {"roc"}


def test_rows_in_another_order_change_no_bit() -> None:
    given, by = some_grades(), replace(judged_by(SEVERITY), threshold=4.0)
    mixed = np.random.default_rng(1).permutation(240)
    turned = replace(
        given,
        cases=tuple(given.cases[i] for i in mixed),
        labels=given.labels[mixed],
        scores=given.scores[mixed],
        patients=given.patients[mixed],
        attributes={name: column[mixed] for name, column in given.attributes.items()},
        outputs=given.outputs[mixed],
        targets=given.targets[mixed],
    )
    assert judge(turned, by) == judge(given, by)


def test_a_release_finds_the_primary_figure_and_reads_as_it_was_written() -> None:
    found = shown(some_grades())
    assert found.task == "ordinal"
    assert found.find("quadratic_weighted_kappa") is not None
    assert found.find("quadratic_weighted_kappa", "sex", "F") is not None
    assert [part.threshold for part in found.parts] == [2.0, 4.0, 6.0]
    assert Release.from_json(found.to_json()).to_json() == found.to_json()


def test_a_cut_with_few_patients_beyond_or_beside_it_is_no_part() -> None:
    given = some_grades()
    reference = given.targets[:, 0].copy()
    reference[reference == 2] = 1  # grade 2 stays free, and 3 becomes rare
    three = np.flatnonzero(reference == 3)
    reference[three[9:]] = 1  # nine between the cuts 2 and 4
    reference[np.flatnonzero(reference >= 6)[8:]] = 5  # eight from 6 on
    few = graded(reference, given.scores, list(given.attributes["sex"]))
    found = shown(few)
    assert [part.name for part in found.parts] == ["grade >= 4"]
    assert found.find("quadratic_weighted_kappa") is not None


def test_a_group_with_few_between_two_cuts_shows_no_figure_of_grades() -> None:
    given = some_grades()
    sex, reference = given.attributes["sex"], given.targets[:, 0].copy()
    between = np.flatnonzero((sex == "F") & (reference >= 4) & (reference < 6))
    reference[between[4:]] = 7  # four women between two cuts that all show counts of
    found = shown(graded(reference, given.scores, list(sex)))
    assert found.find("quadratic_weighted_kappa") is not None
    for group in ("F", "M"):  # the men would give the women back
        assert found.find("quadratic_weighted_kappa", "sex", group) is None
        assert all(
            found.of_part(part.name).find("sensitivity", "sex", group) is None
            for part in found.parts
        )
    # each cut by itself has enough women on either side
    assert (reference[sex == "F"] >= 6).sum() >= 10


def test_one_case_far_from_all_others_shows_no_figure_that_weighs_distance() -> None:
    given = some_grades()
    scores = np.round(1.0 + 0.01 * np.random.default_rng(5).random(240), 6)
    scores[17] = 8.0
    found = shown(replace(given, scores=scores, outputs=scores[:, None]))
    for figure in ("quadratic_weighted_kappa", "mean_absolute_error", "limit_of_agreement_low"):
        assert found.find(figure) is None, figure
    # all have their own score, so that ranks tell of no case by itself
    assert found.find("prediction_probability") is not None


def test_one_case_of_another_whole_grade_shows_no_kappa() -> None:
    given = some_grades()
    scores = np.round(2.6 + 0.8 * np.random.default_rng(5).random(240), 6)
    scores[17] = 3.7  # near the others, and alone in grade 4
    found = shown(replace(given, scores=scores, outputs=scores[:, None]))
    assert found.find("quadratic_weighted_kappa") is None
    assert found.find("kendall_tau_b") is not None


def test_a_rare_grade_beside_many_common_ones_hides_no_agreement() -> None:
    given = some_grades()
    scores = np.minimum(np.floor(given.scores + 0.5), 7)  # whole grades, as many models give
    scores[17] = 8.0
    assert shown(replace(given, scores=scores, outputs=scores[:, None])).find(
        "prediction_probability"
    )
    two = np.where(scores < 4, 1.0, 6.0)  # two common ones are too few unknowns
    two[17] = 3.0
    assert shown(replace(given, scores=two, outputs=two[:, None])).results == ()


def test_one_case_with_another_grade_than_all_shows_nothing() -> None:
    given = some_grades()
    scores = np.full(240, 3.0)
    scores[17] = 4.0
    assert shown(replace(given, scores=scores, outputs=scores[:, None])).results == ()


def test_scores_in_0_to_1_that_are_no_probabilities_have_no_calibration() -> None:
    given = some_grades()
    scores = np.round(given.scores / 8.0, 6)
    free = replace(given, scores=scores, outputs=np.zeros((0, 0)), targets=np.zeros((0, 0)))
    by = replace(judged_by(Task(SCORE)), threshold=0.5)
    found = released(judge(free, by), free, by, rules())
    figures = {r.metric for r in found.results if r.group == OVERALL}
    assert {"auroc", "kendall_tau_b", "sensitivity", "specificity"} <= figures
    assert not {"brier", "ece", "log_loss", "calibration_slope", "net_benefit"} & figures
    assert not any("observed_minus_expected" in r.metric for r in found.results)
    assert {curve.name for curve in found.curves} <= {"roc"}
    # any scale gives the same ranks
    far = replace(free, scores=free.scores * 2e6 - 1e6)
    other = released(judge(far, by), far, replace(by, threshold=0.0), rules())
    assert other.find("auroc") == found.find("auroc")


def test_real_severity_grades_of_midrc(shared_data: Path) -> None:
    """Grades 19, 22 and 23 never occur; a reader who is one grade off in half of the cases."""
    with (shared_data / "labels" / "midrc_mrale_2079.csv").open() as file:
        reference = np.array([float(row["mRALE Score"]) for row in csv.DictReader(file)])
    random = np.random.default_rng(8)
    grade = np.clip(reference + random.choice([-2, 0, 0, 2], reference.size), 0, 24)
    task = Task(ORDINAL, "mRALE Score", lowest=0, highest=24, cuts=(4, 12, 20))
    given = graded(reference, grade, ["F" if i % 3 else "M" for i in range(reference.size)])
    found = judge(given, replace(judged_by(task, PLAN), threshold=4.0))
    overall = {r.metric: r.estimate for r in found.results if r.group == OVERALL}
    kappa = overall["quadratic_weighted_kappa"]
    assert kappa.value == pytest.approx(
        cohen_kappa_score(
            reference.astype(int), grade.astype(int), weights="quadratic", labels=range(25)
        )
    )
    assert kappa.low is not None
    assert kappa.low > 0.95
    assert [part.evaluation.n_positive for part in found.parts] == [
        int((reference >= cut).sum()) for cut in task.cuts
    ]
