"""Each figure that can be released has a class, its risks, and checks that the rule has."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

from evaluator.claims.verdict import CasesApart, ClaimVerdict, JudgedPart, StudyVerdict
from evaluator.comparison import ComparedEntry, ComparedPair
from evaluator.disclosure.control import Release
from evaluator.figure_kinds import (
    APART,
    BOUND,
    COMPARED,
    COUNTS,
    CURVES,
    JUDGED,
    MET_OR_NOT,
    NO_KIND,
    PANEL,
    Check,
    FigureKind,
    Risk,
    covered,
    kind_of,
)
from evaluator.glossary import FAMILIES, FIGURES
from evaluator.readers.shown_panel import ShownPanel
from evaluator.scoring.analysis_plan import AnalysisPlan
from evaluator.scoring.results import TargetComparison, TargetLevel
from evaluator.scoring.score import score
from metrics.claims.claim import Bound, Part
from metrics.estimate import Estimate
from metrics.figure_name import FigureName, Kind
from submissions.ledger.verdicts.told import ToldVerdict
from tests.support.hand_made import released
from tests.support.repository import REPOSITORY

FORMER = Path(__file__).parent / "disclosure" / "former_release.json"


@pytest.mark.parametrize("base", [*FIGURES, *(f"{family}_0.5" for family in FAMILIES)])
@pytest.mark.parametrize("made", Kind)
def test_every_figure_of_the_glossary_has_a_class(base: str, made: Kind) -> None:
    assert kind_of(FigureName.read(base).of_kind(made)) is not NO_KIND


def test_every_figure_that_scoring_makes_has_a_class() -> None:
    generator = np.random.default_rng(3)
    y = np.arange(400) % 2 == 0
    s = np.clip(generator.normal(0.4 + 0.2 * y, 0.2), 0.01, 0.99)
    sex = np.where(np.arange(400) % 4 < 2, "F", "M")
    plan = AnalysisPlan(
        subgroups=("sex",),
        replicates=100,
        specificities=(0.9,),
        sensitivities=(0.9,),
        prevalences=(0.1,),
        partial_auroc=(0.0, 0.2),
        primary_gap=("auroc", "sex"),
    )
    scored = score(y, s, None, {"sex": sex}, plan, 0.5)
    assert {curve.name for curve in scored.curves} == set(CURVES)
    found = released(scored=scored)
    assert {str(r.figure) for r in found.results if kind_of(r.figure) is NO_KIND} == set()
    assert not any(each.kind == NO_KIND.name for each in covered(found))


def test_every_number_beside_the_figures_has_a_class() -> None:
    counted = {"n_cases", "n_patients", "n_positive"}
    named = {field.name for field in fields(Release)} | {f.name for f in fields(TargetComparison)}
    named |= {field.name for field in fields(TargetLevel)} | {f.name for f in fields(Estimate)}
    of_a_value = {"value", "low", "high", "method", "undefined"}
    kept_inside = {"least_solved"}
    told_by_the_benchmark = {"threshold", "confidence", "target", "case_control"}
    words = {
        *("submission_id", "team", "model", "benchmark", "received", "image_digest", "rule"),
        *("cohort_digest", "plan_digest", "code_version", "results", "curves", "withheld"),
        *("sampling_design", "declared_gaps", "note", "levels", "attribute", "level", "verdict"),
        *("task", "parts", "panels"),
    }
    others = of_a_value | kept_inside | told_by_the_benchmark | words
    assert named - others == set(COUNTS)
    assert counted <= set(COUNTS)


def test_every_figure_of_a_comparison_of_submissions_has_a_class() -> None:
    named = {field.name for kind in (ComparedEntry, ComparedPair) for field in fields(kind)}
    words = {"submission_id", "team", "model", "baseline", "looks", "first", "second"}
    assert named - words - {"attribute", "level"} == set(COMPARED)


def test_every_figure_beside_readers_has_a_class() -> None:
    named = {field.name for field in fields(ShownPanel)}
    assert named - {"panel", "figure", "margin"} == set(PANEL)


def test_every_figure_of_a_verdict_has_a_class() -> None:
    parts = {field.name for kind in (JudgedPart, Bound) for field in fields(kind)}
    declared = {field.name for field in fields(Part)}
    words = {"part", "undefined", "few", "method"}
    assert parts - declared - words - {"level"} == set(JUDGED)
    apart = {field.name for field in fields(CasesApart)}
    assert apart - {"figure", "cases", "undefined"} == set(MET_OR_NOT)
    whole = {field.name for kind in (StudyVerdict, ClaimVerdict) for field in fields(kind)}
    told = {field.name for field in fields(ToldVerdict)} | {"name", "verdict"}
    declared_too = {"declared", "addendum", "alpha", "procedure", "spending", "after"}
    marks = {"whole", "self_scored"}
    assert whole - told - declared_too - marks == {"parts", "apart"}


def kinds() -> list[FigureKind]:
    made = [kind_of(FigureName.read(base).of_kind(each)) for base in FIGURES for each in Kind]
    made += [kind_of(FigureName.read(f"{family}_0.5")) for family in FAMILIES]
    return [
        *made,
        *CURVES.values(),
        *COUNTS.values(),
        *COMPARED.values(),
        *PANEL.values(),
        BOUND,
        APART,
    ]


def test_every_risk_of_every_kind_has_a_check_and_every_check_is_used() -> None:
    used = {check for kind in kinds() for checks in kind.checks.values() for check in checks}
    assert used == set(Check)
    assert {risk for kind in kinds() for risk in kind.checks} == set(Risk)
    assert all(checks for kind in kinds() for checks in kind.checks.values())


@pytest.mark.parametrize(
    ("written", "risks"),
    [
        # The risks of the classes of the SACRO guide; a sensitivity is a share, and so on.
        ("sensitivity", {Risk.LOW_COUNT, Risk.DIFFERENCING, Risk.CLASS_DISCLOSURE}),
        ("brier", {Risk.LOW_COUNT, Risk.DIFFERENCING, Risk.DOMINANCE}),
        ("emax", {Risk.LOW_COUNT, Risk.CLASS_DISCLOSURE}),
        ("e90", {Risk.LOW_COUNT, Risk.CLASS_DISCLOSURE}),
        ("lr_positive", {Risk.DOMINANCE}),
        ("calibration_slope", {Risk.FEW_DEGREES}),
        ("auroc_gap_p", {Risk.FEW_DEGREES}),
    ],
)
def test_the_risks_are_those_of_the_guide_and_maybe_more(written: str, risks: set[Risk]) -> None:
    assert risks <= set(kind_of(FigureName.read(written)).checks)


def test_a_release_says_for_each_kind_which_check_covered_it() -> None:
    found = {each.kind: each for each in covered(Release.from_json(FORMER.read_text()))}
    assert found["p-values"].figures[:1] == ("auroc_gap_p",)
    assert found["p-values"].checks[Risk.FEW_DEGREES][-1] is Check.TAINTED
    assert "auroc_standardized" in found["figures weighted to a target"].figures
    assert "roc curve" in found["points of curves"].figures
    named = {name for each in found.values() for name in each.figures}
    written = {entry["metric"] for entry in json.loads(FORMER.read_text())["results"]}
    assert written <= named


def test_the_page_has_the_table_of_the_code() -> None:
    page = (REPOSITORY / "docs" / "disclosure.md").read_text().splitlines()
    made = {
        f"| {kind.name} | {risk} | {'; '.join(checks)} |"
        for kind in kinds()
        for risk, checks in kind.checks.items()
    }
    written = {line for line in page if any(f"| {risk} |" in line for risk in Risk)}
    assert written == made
