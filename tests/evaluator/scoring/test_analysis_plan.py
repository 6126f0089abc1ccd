"""The [analysis] table: the sampling design, declared gaps, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from evaluator.benchmark.about import SpecificationError
from evaluator.benchmark.specification import read_benchmark
from evaluator.scoring.analysis_plan import PlanError, read_plan

PATH = Path("chest.toml")


def test_declared_gaps_are_a_figure_by_an_attribute() -> None:
    plan = read_plan(
        {
            "subgroups": ["sex", "race"],
            "intersections": ["race x sex"],
            "primary_gap": "sensitivity by sex",
            "gaps": ["auroc by race x sex", "calibration_slope by race"],
        },
        PATH,
    )
    assert plan.declared_gaps == (
        ("sensitivity", "sex"),
        ("auroc", "race x sex"),
        ("calibration_slope", "race"),
    )


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"stratified": True}, "'stratified' is no key any more; give sampling_design"),
        ({"sampling_design": "random"}, "give one of 'fixed-prevalence', 'sampled'"),
        ({"primary_gap": "sensitivity"}, "give a figure by an attribute, as 'auroc by sex'"),
        ({"primary_gap": "auroc by sex"}, "names no subgroup or intersection of the plan"),
        (
            {"subgroups": ["sex"], "primary_gap": "ece by sex"},
            "has a bias that depends on the size of the group; declare observed_minus_expected",
        ),
        (
            {"subgroups": ["sex"], "primary_gap": "ppv by sex"},
            "declare sensitivity and specificity",
        ),
        ({"subgroups": ["sex"], "gaps": ["auroc by sex"]}, "no primary_gap"),
        (
            {"subgroups": ["sex"], "primary_gap": "auroc by sex", "gaps": ["auroc by sex"]},
            "a gap is declared twice",
        ),
        ({"references": {"race": "Not Reported"}}, "compare with a level that is known"),
        ({"assumed": {"auroc": 1.5}}, "each between 0 and 1"),
        (
            {"assumed": {"brier": 0.5}},
            "holds auroc, sensitivity, specificity, each between",
        ),
    ],
)
def test_a_plan_that_cannot_be_followed_is_one_sentence(
    table: dict[str, object], said: str
) -> None:
    with pytest.raises(PlanError, match=r"chest\.toml") as refused:
        read_plan(table, PATH)
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


COHORT = """
[cohort]
label = "finding"
attributes = ["sex"]
stratify = ["label", "sex"]
"""


def benchmark(folder: Path, text: str) -> Path:
    path = folder / "chest.toml"
    path.write_text(COHORT + text)
    return path


def test_a_target_that_names_the_label_fixes_the_prevalence(tmp_path: Path) -> None:
    path = benchmark(tmp_path, '[cohort.target.label]\n"1" = 0.4\n"0" = 0.6\n')
    analysis = read_benchmark(path).analysis
    assert analysis.sampling_design == "fixed-prevalence"
    assert analysis.fixed_attributes == ()


def test_a_target_without_the_label_leaves_the_prevalence_to_chance(tmp_path: Path) -> None:
    path = benchmark(tmp_path, "[cohort.target.sex]\nFemale = 0.5\nMale = 0.5\n")
    assert read_benchmark(path).analysis.sampling_design == "sampled"


def test_cases_and_controls_that_are_balanced_fix_it_within_each_level(tmp_path: Path) -> None:
    path = tmp_path / "chest.toml"
    path.write_text(
        COHORT.replace("attributes =", 'balance = "case-control"\nattributes =')
        + '[cohort.target.label]\n"1" = 0.5\n"0" = 0.5\n'
        + "[cohort.target.sex]\nFemale = 0.5\nMale = 0.5\n"
    )
    analysis = read_benchmark(path).analysis
    assert analysis.sampling_design == "fixed-prevalence"
    assert analysis.fixed_attributes == ("sex",)


@pytest.mark.parametrize(
    ("target", "design", "how"),
    [
        ('[cohort.target.label]\n"1" = 0.4\n"0" = 0.6\n', "sampled", "sets the share"),
        ("", "fixed-prevalence", "does not set the share"),
    ],
)
def test_a_design_that_contradicts_the_target_is_refused(
    tmp_path: Path, target: str, design: str, how: str
) -> None:
    path = benchmark(tmp_path, f'{target}[analysis]\nsampling_design = "{design}"\n')
    with pytest.raises(SpecificationError, match=how) as refused:
        read_benchmark(path)
    assert "leave sampling_design out" in str(refused.value)


def test_a_gap_by_an_attribute_of_one_level_is_refused() -> None:
    plan = read_plan(
        {"intersections": ["race x sex"], "primary_gap": "sensitivity by race x sex"}, PATH
    )
    plan.refuse_single_levels({"race": ["A", "A"], "sex": ["Female", "Male"]})
    with pytest.raises(PlanError, match="all cases are 'A x Male'; declare a gap by"):
        plan.refuse_single_levels({"race": ["A", "A"], "sex": ["Male", "Male"]})
