"""Submissions of grades, findings, classes, masks and marks are compared as those of scores are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cohort_selection.cases import Region
from cohort_selection.task.declaration import INSIDE, LOCALISATION, ORDINAL, SEGMENTATION, Task
from evaluator.comparing.answers import OfKind
from evaluator.comparing.compared import Candidate, Cases, Found, Terms, compared
from evaluator.comparison import ALIKE
from evaluator.disclosure.rule import Disclosure
from evaluator.glossary import figure
from evaluator.scoring.results import OVERALL
from evaluator.tasks.judged import KINDS, judge
from evaluator.tasks.kinds import Judged
from evaluator.tasks.released import released
from evaluator.tasks.scored_cases import ScoredCases
from metrics.all_figures import Choices
from metrics.figure_name import FigureName
from tests.evaluator.tasks import given as by_hand
from tests.evaluator.tasks import region_cases
from tests.evaluator.tasks.given import (
    FINDINGS,
    PLAN,
    TYPES,
    classes_by_site,
    judged_by,
    rules,
    scores_for,
    some_findings,
)
from tests.support import annotated_pictures
from tests.support.hand_made import submission

SEVERITY = Task(ORDINAL, "severity", lowest=0, highest=8, cuts=(4,))
MASKS = Task(SEGMENTATION, both_empty=1.0, false_mask=0.0, missed_mask=0.0)
MARKS = Task(LOCALISATION, hit=INSIDE, rates=(1.0,))


def board(rows: Sequence[ScoredCases], by: Judged, names: Sequence[str] = "ABCDE") -> Found:
    """Compare submissions of one cohort, entered in the order given."""
    candidates = []
    for number, (given, name) in enumerate(zip(rows, names, strict=False)):
        one = replace(submission(), submission_id=name, team=f"Team {name}", model=name)
        release = released(judge(given, by), given, by, replace(rules(), submission=one))
        candidates.append(
            Candidate(
                release=release,
                answers=OfKind(given, by, FigureName.read(by.plan.primary)),
                apart=KINDS[by.task.kind].apart(given, by),
                looks=1,
                baseline=False,
                entered=number,
            )
        )
    given = rows[0]
    terms = Terms(
        figure=by.plan.primary,
        higher_is_better=figure(by.plan.primary).better == "higher",
        confidence=0.95,
        replicates=200,
        seed=1,
        design=by.plan.sampling_design,
        choices=Choices(),
        rule=Disclosure(),
    )
    cases = Cases(labels=given.labels, patients=given.patients, attributes=given.attributes)
    return compared(candidates, cases, terms)


def plan_of(task: Task, primary: str) -> Judged:
    plan = replace(PLAN, primary=primary, subgroups=("sex",))
    return replace(judged_by(task, plan), threshold=4.0 if task.kind == ORDINAL else 0.5)


def graded(noise: float, seed: int) -> ScoredCases:
    """Grades of 240 patients whose reference is the same for every seed."""
    reference = np.random.default_rng(0).integers(0, 9, 240).astype(np.float64)
    error = np.random.default_rng(seed).normal(0.0, noise, 240)
    sex = ["F" if i % 2 else "M" for i in range(240)]
    return by_hand.graded(reference, np.clip(reference + error, 0, 8), sex)


def findings(noise: float, seed: int) -> ScoredCases:
    given = some_findings(300, 1)
    random = np.random.default_rng(seed)
    odds = np.nan_to_num(given.targets, nan=0.5) + noise * random.normal(size=given.targets.shape)
    outputs = np.round(1.0 / (1.0 + np.exp(-odds)), 6)
    return replace(given, outputs=outputs, scores=outputs[:, 0])


def classes(noise: float, seed: int) -> ScoredCases:
    given = classes_by_site({"A": (60, 50, 40), "B": (40, 50, 60)})
    clear = scores_for(given.targets, TYPES, seed)
    mixed = (1.0 - noise) * given.targets + noise * clear
    outputs = np.round(mixed / mixed.sum(axis=1, keepdims=True), 6)
    return replace(given, outputs=outputs, scores=outputs[:, 0])


@pytest.mark.parametrize(
    ("task", "primary", "make", "noises"),
    [
        (SEVERITY, "quadratic_weighted_kappa", graded, (0.6, 0.7, 2.5)),
        (SEVERITY, "mean_absolute_error", graded, (0.6, 0.62, 2.5)),
        (FINDINGS, "macro_auroc", findings, (0.6, 0.62, 3.0)),
        (TYPES, "hand_till_auroc", classes, (0.97, 0.98, 1.0)),
    ],
)
def test_the_worst_is_told_apart_and_differences_are_those_of_the_figures(
    task: Task, primary: str, make: Callable[[float, int], ScoredCases], noises: Sequence[float]
) -> None:
    rows = [make(noise, seed) for seed, noise in enumerate(noises, 10)]
    by = plan_of(task, primary)
    found = board(rows, by)
    tiers = {each.submission_id: each.tier for each in found.entries}
    assert set(tiers) == {"A", "B", "C"}
    assert tiers["A"] == 1
    assert tiers["C"] > 1 or task is TYPES
    shown = {e.submission_id: e for e in found.entries}
    for pair in found.pairs:
        if (pair.attribute, pair.level) == OVERALL:
            expected = shown[pair.first].value - shown[pair.second].value
            assert pair.difference == pytest.approx(expected, abs=0.02)
            assert pair.low <= pair.difference <= pair.high
    assert {pair.attribute for pair in found.pairs} == {"overall", "sex"}


def test_a_submission_that_differs_in_one_case_takes_no_part() -> None:
    first = graded(0.8, 1)
    grade = first.scores.copy()
    grade[7] = 8.0 - grade[7]
    copy = replace(first, scores=grade, outputs=grade[:, None])
    found = board([first, copy, graded(1.0, 2)], plan_of(SEVERITY, "quadratic_weighted_kappa"))
    assert {each.submission_id: each.reason for each in found.others} == {"B": ALIKE}


def test_a_level_in_which_few_cases_differ_closes_its_attribute_for_that_pair() -> None:
    first, third = graded(0.8, 1), graded(1.0, 2)
    women = np.flatnonzero(first.attributes["sex"] == "F")
    grade = graded(1.2, 3).scores.copy()
    grade[women] = first.scores[women]
    grade[women[:2]] += np.where(grade[women[:2]] > 4.0, -1.5, 1.5)
    second = replace(first, scores=grade, outputs=grade[:, None])
    found = board([first, second, third], plan_of(SEVERITY, "mean_absolute_error"))
    assert found.others == ()
    levels = {
        frozenset((pair.first, pair.second)): {
            each.attribute
            for each in found.pairs
            if {each.first, each.second} == {pair.first, pair.second}
        }
        for pair in found.pairs
    }
    assert levels[frozenset("AB")] == {"overall"}
    assert levels[frozenset("AC")] == levels[frozenset("BC")] == {"overall", "sex"}


def test_a_finding_in_which_few_cases_differ_takes_the_submission_out() -> None:
    first = findings(0.6, 1)
    outputs = findings(0.6, 2).outputs.copy()
    outputs[:, 1] = first.outputs[:, 1]
    outputs[3, 1] = 0.999
    outputs[4, 1] = 0.001
    other = replace(first, outputs=outputs, scores=outputs[:, 0])
    found = board([first, other], plan_of(FINDINGS, "macro_auroc"))
    assert [each.reason for each in found.others] == [ALIKE]


N = 80
LESION = (Region(region_cases.UID, 1, 1, runs="51 4 67 4"),)


def of_regions(folder: Path, texts: Sequence[str], task: Task) -> ScoredCases:
    """Half of the cases have the lesion; amounts as the reader of predictions gives them."""
    amounts = []
    for text in texts:
        if task is MASKS:
            amounts.append(float(sum(map(int, text.split(",")[2].split()[1::2]))) if text else 0.0)
        else:
            scores = [float(row.rsplit(",", 1)[1]) for row in text.split("\n") if row]
            amounts.append(max(scores, default=0.0))
    files = [annotated_pictures.radiograph(folder)]
    lesions = [LESION if i % 2 else () for i in range(N)]
    return region_cases.given(files, lesions, texts, amounts)


def masks(seed: int, wide: int) -> list[str]:
    random = np.random.default_rng(seed)
    return [
        f"{region_cases.UID},1,{51 - random.integers(0, wide)} {20 + random.integers(0, wide)}"
        if i % 2
        else ("" if random.random() < 0.7 else f"{region_cases.UID},1,{random.integers(1, 20)} 9")
        for i in range(N)
    ]


def marks(seed: int, skill: float) -> list[str]:
    random = np.random.default_rng(seed)
    texts = []
    for i in range(N):
        rows = [(random.uniform(1, 15), random.uniform(7, 11), random.uniform(0, 0.6))]
        if i % 2 and random.random() < 0.9:
            rows.append((3.5, 3.5, random.uniform(skill, 1.0)))
        texts.append("\n".join(f"{region_cases.UID},1,{x:.3f},{y:.3f},{s:.3f}" for x, y, s in rows))
    return texts


@pytest.mark.parametrize("task", [MASKS, MARKS])
def test_masks_and_marks_are_compared_and_few_cases_are_not(tmp_path: Path, task: Task) -> None:
    primary = "mean_dice" if task is MASKS else "wafroc"
    plan = replace(PLAN, primary=primary, subgroups=())
    by = replace(judged_by(task, plan))
    good, poor = (masks(1, 4), masks(2, 25)) if task is MASKS else (marks(1, 0.5), marks(2, 0.0))
    one = good.copy()
    one[1] = ""
    rows = [of_regions(tmp_path, texts, task) for texts in (good, one, poor)]
    found = board(rows, by)
    assert {each.submission_id for each in found.entries} == {"A", "C"}
    assert [(each.submission_id, each.reason) for each in found.others] == [("B", ALIKE)]
    (pair,) = found.pairs
    assert (pair.first, pair.second) == ("A", "C")
    assert pair.low > 0.0


def test_masks_that_differ_everywhere_and_weigh_in_one_case_are_not_compared(
    tmp_path: Path,
) -> None:
    by = replace(judged_by(MASKS, replace(PLAN, primary="mean_dice", subgroups=())))
    first = [f"{region_cases.UID},1,51 {4 + i % 3}" if i % 2 else "" for i in range(N)]
    second = first.copy()
    for i in range(0, N, 2):  # normal cases count 0 whatever is drawn
        first[i], second[i] = (f"{region_cases.UID},1,{start} {1 + i // 2}" for start in (1, 100))
    second[1] = f"{region_cases.UID},1,120 4"
    found = board([of_regions(tmp_path, each, MASKS) for each in (first, second)], by)
    assert [each.reason for each in found.others] == [ALIKE]
