"""What a benchmark's file and a plan say before anybody is drawn."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from cohort_selection.matching.feasibility import Subgroup
from cohort_selection.plan.cohort_plan import CohortPlanError
from evaluator.benchmark.about import SpecificationError
from evaluator.benchmark.specification import read_benchmark
from evaluator.steward.foreseen import held_back
from evaluator.stores.installation import Installation
from submissions.host.base_image import what_failed
from tests.support.repository import REPOSITORY

SHIPPED = REPOSITORY / "benchmarks" / "simulated-opacity.toml"


def changed(tmp_path: Path, old: str, new: str) -> Path:
    text = SHIPPED.read_text()
    assert old in text
    path = tmp_path / SHIPPED.name
    path.write_text(text.replace(old, new))
    return path


@pytest.mark.parametrize(
    ("old", "new", "where"),
    [
        ("stratify = [", 'stratify = ["age", ', "[cohort] stratify names 'age'"),
        ("subgroups = [", 'subgroups = ["age", ', "[analysis] subgroups names 'age'"),
        ("[cohort.target.sex]", "[cohort.target.age]\n60 = 1.0\n[cohort.target.sex]",
         "[cohort] target names 'age'"),
        ("[cohort.target.sex]", '[cohort.target."age x sex"]\n"60 x Male" = 1.0\n'
         "[cohort.target.sex]", "[cohort] target names 'age x sex'"),
    ],
)  # fmt: skip
def test_the_age_in_years_makes_no_groups(old: str, new: str, where: str, tmp_path: Path) -> None:
    with pytest.raises((CohortPlanError, SpecificationError)) as refused:
        read_benchmark(changed(tmp_path, old, new))
    said = str(refused.value)
    assert where in said
    assert "has a level for each year; name 'age_group" in said


@pytest.mark.parametrize(
    ("old", "new"),
    [("stratify = [", 'stratify = ["age", '), ("subgroups = [", 'subgroups = ["age", ')],
)
def test_a_benchmark_that_an_earlier_version_installed_still_opens(
    old: str, new: str, tmp_path: Path
) -> None:
    """Its file cannot change once it is sealed; and one that did not open would stop the queue."""
    text = SHIPPED.read_text().replace("attributes = [", 'attributes = ["age", ', 1)
    assert old in text
    installation = Installation(tmp_path)
    kept = tmp_path / "benchmarks" / SHIPPED.name
    kept.parent.mkdir()
    kept.write_text(text.replace(old, new))
    with pytest.raises((CohortPlanError, SpecificationError), match="a level for each year"):
        read_benchmark(kept)
    (found,) = installation.benchmarks()
    assert "age" in (*found.cohort.stratify, *found.analysis.subgroups)


def test_the_age_in_years_may_be_kept_with_each_case(tmp_path: Path) -> None:
    path = changed(tmp_path, "attributes = [", 'attributes = ["age", ')
    assert "age" in read_benchmark(path).cohort.criteria.attributes


def test_a_plan_tells_which_subgroups_would_not_be_shown() -> None:
    """Of a rule of 10: 9 of a class are withheld, and where that is one group, so is the next."""
    benchmark = read_benchmark(SHIPPED)
    assert benchmark.disclosure.minimum_cell == 10
    benchmark = replace(
        benchmark, analysis=replace(benchmark.analysis, minimum_cases=20, minimum_per_class=12)
    )
    groups = [
        Subgroup("sex", "Female", 60.0, 60.0, 0.07),
        Subgroup("sex", "Male", 60.0, 60.0, 0.07),
        Subgroup("race", "White", 90.0, 90.0, 0.05),
        Subgroup("race", "Black", 20.0, 20.0, 0.12),
        Subgroup("race", "Asian", 9.0, 30.0, 0.15),
        Subgroup("site", "A", 80.0, 80.0, 0.05),
        Subgroup("site", "B", 4.0, 5.0, 0.3),
        Subgroup("site", "C", 30.0, 9.9, 0.2),
        Subgroup("view", "AP", 11.0, 30.0, 0.15),
        Subgroup("view", "PA", 90.0, 90.0, 0.05),
    ]
    assert [group.held_back for group in held_back(groups, benchmark)] == [
        "",
        "",
        "",
        "withheld with the small one, to protect it",
        "withheld: fewer than 10 positives",
        "",
        "withheld: fewer than 10 patients",
        "withheld: fewer than 10 negatives",
        "insufficient data: fewer than 12 of a class",
        "",
    ]


@pytest.mark.parametrize(
    ("printed", "complained", "told"),
    [
        (
            "",
            'invalid argument "UPPER:x" for "-t, --tag" flag: invalid reference format: repository '
            "name (library/UPPER) must be lowercase\nSee 'docker build --help'.\n",
            'invalid argument "UPPER:x" for "-t, --tag" flag: invalid reference format: repository '
            "name (library/UPPER) must be lowercase",
        ),
        (
            "Step 1/3 : FROM scratch\n",
            "unknown flag: --quiett\n\nUsage:  docker build [OPTIONS] PATH\n\n"
            "Run 'docker build --help' for more information\n",
            "unknown flag: --quiett",
        ),
        ("", "", "it gave no reason; see the engine's log"),
    ],
)
def test_a_clients_hint_to_its_own_help_is_no_reason(
    printed: str, complained: str, told: str
) -> None:
    assert what_failed(printed, complained) == told
