"""A benchmark's file: its schema and its reader agree, and what was kept of it stays."""

from __future__ import annotations

import hashlib
import json
import tomllib
from datetime import date
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from evaluator.benchmark.about import SpecificationError
from evaluator.benchmark.file import json_schema
from evaluator.benchmark.specification import read_benchmark
from evaluator.identity import contract_text
from submissions.period import Period
from tests.support.repository import REPOSITORY

SHIPPED = REPOSITORY / "benchmarks" / "simulated-opacity.toml"
SCHEMA = Draft202012Validator(json_schema(), format_checker=Draft202012Validator.FORMAT_CHECKER)


def in_json(text: str) -> object:
    """The file as an editor compares it with the schema: a date is its text."""
    return json.loads(json.dumps(tomllib.loads(text), default=date.isoformat))


def changed(folder: Path, old: str, new: str) -> Path:
    text = SHIPPED.read_text()
    assert old in text
    path = folder / SHIPPED.name
    path.write_text(text.replace(old, new, 1))
    return path


def test_the_schema_is_one() -> None:
    Draft202012Validator.check_schema(json_schema())
    assert "null" not in json.dumps(json_schema())


@pytest.mark.parametrize("path", sorted((REPOSITORY / "benchmarks").glob("*.toml")), ids=str)
def test_the_schema_takes_the_files_that_come_along(path: Path) -> None:
    SCHEMA.validate(in_json(path.read_text()))


def test_every_default_of_the_schema_is_one_that_the_schema_takes() -> None:
    """An editor writes it into the file."""
    found = 0
    schema = json_schema()
    for definition in schema["$defs"].values():
        for name, key in definition["properties"].items():
            if "default" in key:
                alone = {**key, "$defs": schema["$defs"]}
                assert Draft202012Validator(alone).is_valid(key["default"]), name
                found += 1
    assert found > 30


FULL = """
[benchmark]
opens = 2026-03-01
closes = 2026-03-31

[clinical.columns]
patient = "Patient ID"

[cohort]
label = { column = "Finding Labels", contains = ["Mass", "Nodule"], blank = "negative" }
attributes = ["sex", "race", "age_group"]
tolerance = { sex = 0.02, default = 0.1 }
size = 100

[[cohort.include]]
field = "BitsStored"
is = [12, "16"]

[[cohort.exclude]]
field = "description"
matches = "portable"
unknown = "keep"

[cohort.minimum]
attributes = ["race"]
cases = 10

[cohort.target.sex]
F = 0.5
M = 0.5

[quota]
lifetime = 40
concurrent = 2

[practice]
cases = 3

[analysis]
subgroups = ["sex", "race", "age_group"]
intersections = ["race x sex", ["sex", "age_group"]]
primary_gap = "auroc by sex"
assumed = { auroc = 0.9 }
references = { race = "White" }
partial_auroc = [0.0, 0.1]
threshold = 0.5
"""


def test_every_way_to_write_a_key_is_taken_by_schema_and_reader(tmp_path: Path) -> None:
    SCHEMA.validate(in_json(FULL))
    path = tmp_path / "full.toml"
    path.write_text(FULL)
    found = read_benchmark(path)
    assert found.period == Period(date(2026, 3, 1), date(2026, 3, 31))
    assert (found.quota.lifetime, found.quota.concurrent) == (40, 2)
    assert found.practice.cases == 3
    assert found.cohort.label.column == "Finding Labels"
    assert found.cohort.label.contains == ("Mass", "Nodule")
    assert (found.cohort.tolerance.of("sex"), found.cohort.tolerance.of("race")) == (0.02, 0.1)
    assert [str(rule) for rule in found.cohort.include] == ["BitsStored is 12 or 16"]
    assert [str(rule) for rule in found.cohort.exclude] == ["not: description matches portable"]
    assert found.cohort.exclude[0].keep_unknown
    assert found.cohort.target.margins == {"sex": {"Female": 0.5, "Male": 0.5}}
    assert found.analysis.intersections == (("race", "sex"), ("sex", "age_group"))
    assert dict(found.analysis.assumed) == {"auroc": 0.9, "sensitivity": 0.8, "specificity": 0.8}


REFUSED = [
    ("[quota]", "[quotas]"),
    ("per_team = 20", "perteam = 20"),
    ("per_team = 20", 'per_team = "20"'),
    ("per_team = 20", "lifetime = 0"),
    ("per_team = 20", "concurrent = 1.5"),
    ("[quota]", "[practice]\ncases = -1\n[quota]"),
    ('name = "simulated-opacity"', 'name = "Simulated Opacity"'),
    ('name = "simulated-opacity"', 'opens = "soon"'),
    ('label = "opacity"', ""),
    ('label = "opacity"', "label = 3"),
    ('label = "opacity"', 'label = { contains = "x" }'),
    ('label = "opacity"', 'label = { column = "x", blank = "positive" }'),
    ("minimum_age = 18", "minimum_age = -1"),
    ("age_bands = [18, 40, 60, 75]", "age_bands = []"),
    ("sequestered_share = 0.5", "sequestered_share = 1"),
    ("size = 200", "size = 0"),
    ("size = 200", "tolerance = 2"),
    ("size = 200", "minimum = { cases = 3 }"),
    ("size = 200", 'balance = "controls"'),
    ("size = 200", "target_file = 3"),
    ("Female = 0.51", "Female = 51"),
    ("[cohort.target.sex]", '[[cohort.include]]\nfield = "x"\nmatches = ""\n[cohort.target.sex]'),
    ("[cohort.target.sex]", '[[cohort.include]]\nis = "x"\n[cohort.target.sex]'),
    ("[cohort.target.sex]", '[[cohort.include]]\nfield = "x"\nover = 2\n[cohort.target.sex]'),
    ("memory_mb = 2048", "memory_mb = 1"),
    ("memory_mb = 2048", 'outputs = ["p", "p"]'),
    ("memory_mb = 2048", "outputs = []"),
    ("memory_mb = 2048", 'visible = ["Sex"]'),
    ("minimum_cases = 20", "minimum_cases = 1"),
    ("minimum_cases = 20", "confidence = 95"),
    ("minimum_cases = 20", 'interval = "wald"'),
    ("minimum_cases = 20", "assumed = { brier = 0.2 }"),
    ("minimum_cases = 20", "specificities = [1.5]"),
    ("minimum_cases = 20", "partial_auroc = [0.1, 0.2, 0.3]"),
    ("minimum_cases = 20\nminimum_per_class = 10\nreplicates = 2000", "replicates = -1"),
    ("minimum_cases = 20", 'fixed_attributes = ["sex"]'),
    ("minimum_cell = 10", "minimum_cell = 4"),
    ("minimum_cell = 10", "roc_step = 0.03"),
    ("[contract]", '[clinical.columns]\nname = "x"\n[contract]'),
]


@pytest.mark.parametrize(("old", "new"), REFUSED)
def test_what_the_reader_refuses_the_schema_refuses_too(old: str, new: str, tmp_path: Path) -> None:
    path = changed(tmp_path, old, new)
    assert not SCHEMA.is_valid(in_json(path.read_text()))
    with pytest.raises(ValueError, match=r"^simulated-opacity\.toml") as refused:
        read_benchmark(path)
    assert type(refused.value).__module__.split(".")[0] in {
        "cohort_selection",
        "submissions",
        "evaluator",
    }
    assert "\n" not in str(refused.value)


def test_an_unknown_table_is_told_with_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(
        SpecificationError, match=r"'quotas', which is no table \(did you mean 'quota'\?\)"
    ):
        read_benchmark(changed(tmp_path, "[quota]", "[quotas]"))


def test_days_in_the_wrong_order_are_told(tmp_path: Path) -> None:
    path = changed(tmp_path, "[benchmark]", "[benchmark]\nopens = 2026-05-01\ncloses = 2026-04-30")
    with pytest.raises(SpecificationError, match=r"\[benchmark\]: closes is 2026-04-30, before op"):
        read_benchmark(path)


@pytest.mark.parametrize(
    ("attribute", "level", "said"),
    [
        ("sex", "Femal", r"\(did you mean 'Female'\?\); sex can be Female, Male, Other, Not Rep"),
        ("race", "Martian", "race can be American Indian or Alaska Native, Asian, Black"),
        ("age_group", "18-40", r"\(did you mean '18-39'\?\); age_group can be under 18, 18-39,"),
        ('"race x sex"', "White x Females", r"'Females' \(did you mean 'Female'\?\)"),
    ],
)
def test_a_level_that_nobody_can_have_is_refused_with_those_that_occur(
    attribute: str, level: str, said: str, tmp_path: Path
) -> None:
    path = changed(
        tmp_path,
        "[cohort.target.sex]\nFemale = 0.51\nMale = 0.49",
        f'[cohort.target.{attribute}]\n"{level}" = 1.0',
    )
    with pytest.raises(ValueError, match=said) as refused:
        read_benchmark(path)
    assert "give one of these" in str(refused.value)
    read_benchmark(path, installed=True)  # an earlier version took it


def test_an_installed_file_may_have_a_title_that_is_no_text(tmp_path: Path) -> None:
    path = changed(
        tmp_path, 'title = "Airspace opacity, simulated chest radiographs"', "title = 2026"
    )
    assert read_benchmark(path, installed=True).title == "2026"
    with pytest.raises(SpecificationError, match="title is 2026; give a text in quotes"):
        read_benchmark(path)


@pytest.mark.parametrize(
    ("name", "plan", "contract"),
    [
        (
            "simulated-opacity",
            "f333d5afcffba9030e406cd916edbc229dd553e0d692c8e1b59d913e92cb9415",
            "89dbb56f2304f0f7b0e6f7b3a3ab9b8efd28c67cf250aa75acc20645eb540942",
        ),
        (
            "nih-any-finding",
            "31ae6e779d72adf0ffbea95cd795b8c03ed0e47d9882406e08609a15186b42c5",
            "c44011dc73465536606e51cfeadc6492e043e2d64da7fa277704330b4ac1c6c0",
        ),
    ],
)
def test_the_digests_that_stored_results_carry_stay(name: str, plan: str, contract: str) -> None:
    """Of the file's bytes, of its plan and of its contract, as the version before had them."""
    path = REPOSITORY / "benchmarks" / f"{name}.toml"
    found = read_benchmark(path)
    assert found.digest == hashlib.sha256(path.read_bytes()).hexdigest()
    assert found.analysis.digest == f"sha256:{plan}"
    kept = contract_text(found.contract)
    assert hashlib.sha256(kept.encode()).hexdigest() == contract


@pytest.mark.parametrize("told", ["opacity", "severity_grade"])
def test_no_column_of_a_task_is_visible_to_a_container(tmp_path: Path, told: str) -> None:
    task = {
        "opacity": 'kind = "multilabel"\nfindings = ["opacity", "mass"]',
        "severity_grade": 'kind = "ordinal"\ncolumn = "severity_grade"\nhighest = 8',
    }[told]
    path = changed(tmp_path, "[cohort]", f"[task]\n{task}\n[cohort]")
    text = path.read_text().replace('attributes = ["sex"', f'attributes = ["{told}", "sex"')
    text = text.replace('outputs = ["probability"]\n', "")
    path.write_text(text.replace("memory_mb = 2048", f'visible = ["{told}"]'))
    with pytest.raises(SpecificationError, match=f"visible has {told}, the reference standard"):
        read_benchmark(path)


def test_an_intersection_is_of_declared_subgroups(tmp_path: Path) -> None:
    path = changed(tmp_path, 'intersections = [["race", "sex"]]', 'intersections = ["sex x site"]')
    assert read_benchmark(path).analysis.intersections == (("sex", "site"),)
    path = changed(
        tmp_path, 'intersections = [["race", "sex"]]', 'intersections = ["sex x manufacturer"]'
    )
    with pytest.raises(
        SpecificationError,
        match=r"intersections has manufacturer, which \[analysis\] subgroups has not; add it there",
    ):
        read_benchmark(path)
