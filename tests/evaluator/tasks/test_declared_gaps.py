"""Declared gaps of grades and masks: tested in the whole, told in the report."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cohort_selection.cases import Region
from cohort_selection.task.declaration import ORDINAL, SEGMENTATION, Task
from evaluator.leaderboard.reports.gap_rows import declared_gaps, gap_sentences, how_tested
from evaluator.leaderboard.reports.report import render_report
from evaluator.scoring.results import ALL_LEVELS
from evaluator.tasks.judged import judge
from evaluator.tasks.released import released
from metrics.figure_name import FigureName, Kind
from tests.evaluator.tasks import region_cases
from tests.evaluator.tasks.given import FINDINGS, PLAN, graded, judged_by, rules, some_findings
from tests.support import annotated_pictures

SEVERITY = Task(ORDINAL, "severity", lowest=0, highest=8, cuts=(4,))
MASKS = Task(SEGMENTATION, both_empty=1.0, false_mask=0.0, missed_mask=0.0)
SEX = ["F" if i % 2 else "M" for i in range(240)]


@pytest.mark.parametrize(("wide", "found"), [(2.5, True), (0.5, False)])
def test_the_error_of_grades_is_tested_between_levels(wide: float, found: bool) -> None:
    random = np.random.default_rng(2)
    reference = random.integers(0, 9, 240).astype(np.float64)
    spread = np.where(np.array(SEX) == "F", wide, 0.5)
    given = graded(reference, np.clip(reference + spread * random.normal(size=240), 0, 8), SEX)
    plan = replace(PLAN, subgroups=("sex",), primary_gap=("mean_absolute_error", "sex"))
    by = replace(judged_by(SEVERITY, plan), threshold=4.0)
    full = judge(given, by)
    assert full.declared_gaps == (("mean_absolute_error", "sex"),)
    assert all(part.evaluation.declared_gaps == () for part in full.parts)
    tested = FigureName("mean_absolute_error", kind=Kind.GAP_P)
    (plain,) = [each.estimate for each in full.results if each.figure == tested]
    assert plain.value is not None
    assert (plain.value < 0.01) is found
    assert "2000 permutations of cases of one class; levels: 2 of 2" in plain.method
    release = released(full, given, by, rules())
    (row,) = declared_gaps(release)
    assert row.shown is found
    assert gap_sentences(release)[0].startswith("Primary gap, mean absolute error, grades by sex: ")
    assert how_tested(release).startswith("The size is that of plain means over cases. The test ")
    (part,) = release.parts
    here = gap_sentences(release.of_part(part.name), release)
    assert here[0] == "The gaps that are tested are those of the whole; here gaps are described."


def test_findings_say_that_each_is_tested_by_itself() -> None:
    plan = replace(PLAN, primary="macro_auroc", subgroups=("sex",), primary_gap=("auroc", "sex"))
    given, by = some_findings(400, 1), judged_by(FINDINGS, plan)
    release = released(judge(given, by), given, by, rules())
    assert release.declared_gaps == ()
    first, *_ = gap_sentences(release)
    assert first.startswith("Gaps are described here, and tested in the report of each part. ")
    tested = release.of_part(release.parts[0].name)
    alone = f"Each of the {len(release.parts)} parts is tested by itself"
    assert alone in first
    assert "more often than in 5\N{NO-BREAK SPACE}% of studies" in first
    assert any(said.startswith(alone) for said in gap_sentences(tested, release))
    assert how_tested(tested, release).startswith(alone)
    assert how_tested(tested) == ""
    page = render_report(release, primary="macro_auroc", part=release.parts[0].name)
    assert page.count(alone) == 2  # among the findings, and beside the p-values
    assert "No gap between groups was declared" not in render_report(release)


def test_masks_that_are_worse_at_one_site_are_found(tmp_path: Path) -> None:
    random = np.random.default_rng(3)
    files = [annotated_pictures.radiograph(tmp_path)]
    n = 120
    site = np.array(["A", "B"] * (n // 2))
    lesion = (Region(region_cases.UID, 1, 1, runs="51 4 67 4"),)
    regions = [lesion if i % 4 < 2 else () for i in range(n)]
    start = np.where(site == "A", 51, 40) - random.integers(0, 4, n)
    drawn = [
        f"{region_cases.UID},1,{start[i]} {random.integers(18, 24)}" if each else ""
        for i, each in enumerate(regions)
    ]
    amounts = [float(text.split(" ")[-1]) if text else 0.0 for text in drawn]
    given = region_cases.given(files, regions, drawn, amounts, {"site": site.tolist()})
    plan = replace(
        PLAN,
        primary="mean_dice",
        subgroups=("site",),
        primary_gap=("mean_dice", "site"),
        gaps=(("missed_masks", "site"),),
    )
    full = judge(given, judged_by(MASKS, plan))
    values = {each.metric: each.estimate.value for each in full.results if each.level == ALL_LEVELS}
    assert values["mean_dice_gap_p"] == pytest.approx(1 / 2001)
    assert values["mean_dice_gap_p_adjusted"] == pytest.approx(2 / 2001)  # half of the level
    assert values["missed_masks_gap_p"] == 1.0  # none is missed
