"""Several findings: the whole, each finding by itself, and what scores set apart."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from evaluator.scoring.results import OVERALL, Evaluation
from evaluator.scoring.score import score
from evaluator.scoring.target_population import against_target
from evaluator.tasks.judged import judge
from evaluator.tasks.released import released
from metrics.discrimination.curves import auroc
from metrics.estimate import Estimate
from metrics.group import FIXED_PREVALENCE, SAMPLED
from tests.evaluator.tasks.given import FINDINGS, PLAN, judged_by, rules, some_findings


def figure(found: Evaluation, name: str, *group: str) -> Estimate:
    (estimate,) = [
        r.estimate for r in found.results if r.metric == name and r.group == (group or OVERALL)
    ]
    return estimate


def test_the_whole_is_the_mean_of_its_findings_in_each_group() -> None:
    given = some_findings(300, 1)
    found = judge(given, judged_by(FINDINGS))
    assert [part.name for part in found.parts] == ["effusion", "mass", "nodule"]
    for group, member in (
        (OVERALL, np.ones(300, dtype=bool)),
        (("sex", "F"), given.attributes["sex"] == "F"),
        (("site", "B"), given.attributes["site"] == "B"),
    ):
        areas = []
        for place, part in enumerate(found.parts):
            known = member & ~np.isnan(given.targets[:, place])
            own = auroc(given.targets[known, place], given.outputs[known, place])
            assert figure(part.evaluation, "auroc", *group).value == pytest.approx(own, abs=1e-12)
            areas.append(own)
        whole = figure(found, "macro_auroc", *group)
        assert whole.value == pytest.approx(np.mean(areas), abs=1e-12)
        assert whole.n_cases == member.sum()
        assert whole.low is not None
    gaps = {r.level for r in found.results if r.metric == "macro_auroc_gap"}
    assert "max - min" in gaps
    assert len(gaps) == 4  # two ranges that are called alike, M or F, and two sites


def test_a_finding_has_the_whole_report_of_a_binary_task() -> None:
    given = some_findings(200, 2)
    found = judge(given, judged_by(FINDINGS))
    known = ~np.isnan(given.targets[:, 1])
    alone = score(
        given.targets[known, 1],
        given.outputs[known, 1],
        given.patients[known],
        {name: column[known] for name, column in given.attributes.items()},
        PLAN,
        0.5,
    )
    assert found.parts[1].evaluation == alone


def test_the_order_of_the_cases_changes_no_bit() -> None:
    given = some_findings(120, 3)
    turned = np.random.default_rng(1).permutation(120)
    other = replace(
        given,
        cases=tuple(given.cases[place] for place in turned),
        labels=given.labels[turned],
        scores=given.scores[turned],
        patients=given.patients[turned],
        attributes={name: column[turned] for name, column in given.attributes.items()},
        outputs=given.outputs[turned],
        targets=given.targets[turned],
    )
    assert judge(other, judged_by(FINDINGS)) == judge(given, judged_by(FINDINGS))


def test_a_rare_finding_leaves_the_mean_of_a_group_undefined() -> None:
    given = some_findings(200, 4)
    targets = given.targets.copy()
    at_c = np.flatnonzero(given.attributes["site"] == "C")
    targets[at_c, 2] = 0.0
    targets[at_c[:3], 2] = 1.0
    plan = replace(PLAN, minimum_per_class=5)
    found = judge(replace(given, targets=targets), judged_by(FINDINGS, plan))
    lacking = figure(found, "macro_auroc", "site", "C")
    assert lacking.value is None
    assert "nodule is known in 3 patients with it" in (lacking.undefined or "")
    assert figure(found, "findings_with_data", "site", "C").value == pytest.approx(2 / 3)
    assert figure(found, "macro_auroc").value is not None


def test_scores_that_set_one_case_apart_hide_the_finding_and_every_mean() -> None:
    given = some_findings(200, 5)
    outputs = given.outputs.copy()
    outputs[:, 1] = 0.25
    outputs[np.flatnonzero(~np.isnan(given.targets[:, 1]))[17], 1] = 0.75
    by = judged_by(FINDINGS)
    probing = replace(given, outputs=outputs)
    shown = released(judge(probing, by), probing, by, rules())
    assert shown.find("macro_auroc") is None
    assert not shown.parts[1].results
    assert shown.of_part("effusion").find("auroc") is not None


def test_a_design_that_sets_the_label_does_not_set_how_many_have_a_finding() -> None:
    given = some_findings(200, 6)
    plan = replace(PLAN, sampling_design=FIXED_PREVALENCE)
    found = judge(given, judged_by(FINDINGS, plan))
    assert found.sampling_design == FIXED_PREVALENCE
    assert {part.evaluation.sampling_design for part in found.parts} == {SAMPLED}


def test_a_target_that_names_the_label_is_held_against_the_whole_alone() -> None:
    given = some_findings(200, 8)
    target = {"label": {"1": 0.9, "0": 0.1}, "sex": {"F": 0.8, "M": 0.2}}
    by = replace(
        judged_by(FINDINGS),
        weights=lambda cases: against_target(cases.cases, target),
        part_weights=lambda cases: against_target(cases.cases, {"sex": target["sex"]}),
    )
    found = judge(given, by)
    assert found.target is not None
    assert {row.attribute for row in found.target.levels} == {"label", "sex"}
    assert found.target.effective_patients is None
    (women,) = [row for row in found.target.levels if row.level == "F"]
    part = found.parts[0].evaluation
    assert part.target is not None
    assert {row.attribute for row in part.target.levels} == {"sex"}
    (mine,) = [row for row in part.target.levels if row.level == "F"]
    member = (given.attributes["sex"] == "F") & ~np.isnan(given.targets[:, 0])
    assert mine.n_positive == given.targets[member, 0].sum()
    assert women.n_positive == given.labels[given.attributes["sex"] == "F"].sum()
    assert any(r.metric == "auroc_standardized" for r in part.results)
