"""`sequestra benchmark`: the check of a file, alone and against a catalog, and the schema."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cohort_selection.catalog import catalog
from cohort_selection.clinical.records import read
from cohort_selection.commons.simulation import simulate
from cohort_selection.sequestration.split import Part
from evaluator.benchmark.specification import read_benchmark
from evaluator.steward import steward
from evaluator.steward.file_check import try_file
from evaluator.stores.installation import Installation
from tests.support.catalog_studies import studies_in
from tests.support.commands import refused, sequestra, succeed
from tests.support.repository import REPOSITORY

SEX = "[cohort.target.sex]"
SHIPPED = REPOSITORY / "benchmarks" / "simulated-opacity.toml"


@pytest.fixture(scope="module")
def studies(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A catalog of 120 patients."""
    folder = tmp_path_factory.mktemp("check")
    simulate(folder / "commons", patients=120, seed=1)
    records = read(folder / "commons" / "clinical.csv")
    catalog.update(folder / "commons" / "dicom", records, folder / "catalog")
    return folder / "catalog"


def changed(folder: Path, *changes: tuple[str, str]) -> Path:
    text = SHIPPED.read_text().replace("size = 200", "size = 40")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    path = folder / "tried.toml"
    path.write_text(text)
    return path


def test_a_file_that_is_wrong_is_refused_without_a_catalog(tmp_path: Path) -> None:
    said = refused("benchmark", "check", changed(tmp_path, ("Female = 0.51", "Femal = 0.51")))
    assert "tried.toml: [cohort.target] 'sex' has the level 'Femal' (did you mean 'Fem" in said
    said = refused("benchmark", "check", changed(tmp_path), "--home", tmp_path)
    assert "give both, or neither" in said


def test_the_check_prints_what_a_catalog_says_and_writes_nothing(
    studies: Path, tmp_path: Path
) -> None:
    """Some 60 of 120 patients are hidden, of whom 40 are drawn: 16 positives, under 10 a sex."""
    path = changed(tmp_path)
    told = succeed("benchmark", "check", path, "--catalog", studies, cwd=tmp_path)
    assert "tried.toml is a benchmark: simulated-opacity" in told
    assert "a cohort of 40 can be drawn" in told
    assert "problem:" not in told
    assert "not shown: sex Female: withheld: fewer than 10 positives" in told
    assert list(tmp_path.iterdir()) == [path]
    ended = sequestra("benchmark", "check", changed(tmp_path, ("= 40", "= 4000")), "-c", studies)
    assert ended.code == 1, ended.complained
    assert "problem: the cohort needs 4000 patients" in ended.printed


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            (SEX, f"[cohort.target.site]\n101 = 0.5\n105 = 0.5\n{SEX}"),
            ["[cohort.target] names site '105', which no case has", "101 (", "give one of these"],
        ),
        (
            ("minimum_cases = 20", 'references = { site = "105" }\nminimum_cases = 20'),
            ["[analysis] references names site '105', which no case has", "give one of these"],
        ),
        (
            (SEX, f'[[cohort.include]]\nfield = "site"\nis = "101"\n{SEX}'),
            ["the gap observed_minus_expected by site compares nothing: all cases are '101'"],
        ),
        (("sequestered_share = 0.5", "sequestered_share = 1e-9"), ["no patient is sequestered"]),
        ((SEX, f'[[cohort.include]]\nfield = "sex"\nis = "F"\n{SEX}'), ["no study of"]),
    ],
)
def test_a_file_that_does_not_fit_a_catalog_is_told_what_to_change(
    studies: Path, tmp_path: Path, change: tuple[str, str], said: list[str]
) -> None:
    tried = try_file(read_benchmark(changed(tmp_path, change)), studies)
    problems = " ".join(tried.problems)
    assert [each for each in said if each not in problems] == []


def test_patients_that_are_assigned_stay_where_they_are(studies: Path, tmp_path: Path) -> None:
    benchmark = read_benchmark(changed(tmp_path))
    patients = sorted({study.patient_id for study in studies_in(studies)})
    assert len(patients) == 120
    opened = dict.fromkeys(patients, Part.OPEN)
    (problem,) = try_file(benchmark, studies, opened).problems
    assert "no patient is sequestered" in problem
    some = opened | dict.fromkeys(patients[:12], Part.SEQUESTERED)
    (problem,) = try_file(benchmark, studies, some).problems
    assert "the cohort needs 40 patients but only 12 of the pool's 12" in problem


def test_the_patients_of_an_installation_are_known(studies: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    few = changed(tmp_path, ("sequestered_share = 0.5", "sequestered_share = 0.1"))
    steward.sequester(Installation(home), read_benchmark(few), studies, tmp_path / "open.csv")
    before = sorted(home.rglob("*"))
    wanted = changed(tmp_path)
    ended = sequestra("benchmark", "check", wanted, "--catalog", studies, "--home", home)
    assert ended.code == 1, ended.complained
    assert "the cohort needs 40 patients but only 12 of the pool's 12" in ended.printed
    assert sorted(home.rglob("*")) == before


def test_the_schema_is_printed_for_an_editor() -> None:
    schema = json.loads(succeed("benchmark", "schema"))
    assert set(schema["properties"]) >= {"cohort", "quota", "practice"}
    quota = schema["$defs"]["Quota"]["properties"]
    assert quota["days"]["minimum"] == 1
    assert quota["lifetime"] == {
        "type": "integer",
        "minimum": 1,
        "description": quota["lifetime"]["description"],
    }


def test_a_plan_is_written_to_a_folder(tmp_path: Path) -> None:
    """A file in its place is named before anything is simulated."""
    there = tmp_path / "plan.json"
    there.write_text("")
    said = refused("plan", REPOSITORY / "benchmarks" / "simulated-study.toml", "--output", there)
    assert "plan.json, a file; give a folder, which may be new" in " ".join(said.split())
