"""`sequestra benchmark`: the check of a file, alone and against a catalog, and the schema."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.commands import refused, sequestra, succeed
from tests.conftest import REPOSITORY

SEX = "[cohort.target.sex]"
SHIPPED = REPOSITORY / "benchmarks" / "simulated-opacity.toml"


@pytest.fixture(scope="module")
def commons(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("check")
    succeed("simulate", folder / "commons", "--patients", "120")
    clinical = folder / "commons" / "clinical.csv"
    dicom = folder / "commons" / "dicom"
    succeed("index", dicom, "--clinical", clinical, "--output", folder / "catalog")
    return folder


def changed(folder: Path, **changes: tuple[str, str]) -> Path:
    text = SHIPPED.read_text().replace("size = 200", "size = 40")
    for old, new in changes.values():
        assert old in text
        text = text.replace(old, new, 1)
    path = folder / "tried.toml"
    path.write_text(text)
    return path


def test_a_file_is_checked_alone(tmp_path: Path) -> None:
    assert "tried.toml is a benchmark: simulated-opacity" in succeed(
        "benchmark", "check", changed(tmp_path)
    )
    wrong = changed(tmp_path, level=("Female = 0.51", "Femal = 0.51"))
    said = refused("benchmark", "check", wrong)
    assert "has the level 'Femal' (did you mean 'Female'?)" in said
    said = refused("benchmark", "check", changed(tmp_path), "--home", tmp_path)
    assert "give both, or neither" in said


def test_a_file_that_fits_the_catalog_tells_what_would_not_be_shown(
    commons: Path, tmp_path: Path
) -> None:
    """Some 60 of 120 patients are hidden, of whom 40 are drawn: 16 positives, under 10 a sex."""
    told = succeed("benchmark", "check", changed(tmp_path), "--catalog", commons / "catalog")
    assert "a cohort of 40 can be drawn" in told
    assert "problem:" not in told
    assert "not shown: sex Female: withheld: fewer than 10 positives" in told
    assert not list(tmp_path.glob("*home*"))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            (SEX, f"[cohort.target.site]\n101 = 0.5\n105 = 0.5\n{SEX}"),
            ["[cohort.target] names site '105', which no case has", "101 (", "give one of these"],
        ),
        (
            ("minimum_cases = 20", 'references = { race = "Asien" }\nminimum_cases = 20'),
            ["[analysis] references names race 'Asien', which no case has (did you mean 'Asian'?)"],
        ),
        (("size = 40", "size = 4000"), ["the cohort needs 4000 patients"]),
        (
            (SEX, f'[[cohort.include]]\nfield = "sex"\nis = "F"\n{SEX}'),
            ["no study of"],
        ),
    ],
)
def test_a_file_that_does_not_fit_ends_with_its_problems(
    commons: Path, tmp_path: Path, changes: tuple[str, str], said: list[str]
) -> None:
    path = changed(tmp_path, one=changes)
    ended = sequestra("benchmark", "check", path, "--catalog", commons / "catalog")
    assert ended.code == 1, ended.complained
    assert "problem: " in ended.printed
    shown = " ".join(ended.printed.split())
    assert [each for each in said if each not in shown] == []


def test_patients_that_an_installation_has_assigned_stay(commons: Path, tmp_path: Path) -> None:
    """With all but a few patients in the open part, no cohort of 40 is left to draw."""
    home, open_list = tmp_path / "home", tmp_path / "open.csv"
    few = changed(tmp_path, share=("sequestered_share = 0.5", "sequestered_share = 0.1"))
    arguments = ("--catalog", commons / "catalog", "--home", home)
    succeed("sequester", few, "--open", open_list, *arguments)
    before = sorted(path.name for path in home.rglob("*"))
    wanted = changed(tmp_path)
    ended = sequestra("benchmark", "check", wanted, *arguments)
    assert ended.code == 1, ended.complained
    assert "the cohort needs 40 patients but only 12 of the pool's 12" in ended.printed
    assert sorted(path.name for path in home.rglob("*")) == before
    assert "give the folder" not in refused(
        "benchmark", "check", wanted, "--catalog", commons / "catalog", "--home", tmp_path / "none"
    )


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
