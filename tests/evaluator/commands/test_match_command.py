"""The draw through the command line: every key of [cohort] that says how it is made."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.commands import refused, succeed
from tests.support.repository import REPOSITORY

TARGET = """[cohort.target.sex]
Female = 0.51
Male = 0.49
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A commons of 400 patients and its catalog."""
    made = tmp_path_factory.mktemp("match")
    succeed("simulate", made / "commons", "--patients", "400")
    clinical = made / "commons" / "clinical.csv"
    succeed("index", made / "commons" / "dicom", "--clinical", clinical, "-o", made / "catalog")
    return made


def benchmark(folder: Path, name: str, keys: str, size: str = "size = 60") -> str:
    """Install the simulated benchmark with more keys, its target of sex from a table."""
    text = (REPOSITORY / "benchmarks" / "simulated-opacity.toml").read_text()
    assert TARGET in text
    text = text.replace('name = "simulated-opacity"', f'name = "{name}"')
    text = text.replace("size = 200", size).replace(TARGET, f"{keys}\n")
    (folder / f"{name}.toml").write_text(text)
    (folder / "pop.csv").write_text("attribute,level,share\nsex,Female,0.512\nsex,Male,0.490\n")
    succeed(
        *("sequester", folder / f"{name}.toml", "--catalog", folder / "catalog"),
        *("--open", folder / "open.csv", "--home", folder / "home"),
    )
    return name


def run(folder: Path, name: str, *more: str) -> str:
    return succeed("match", name, "-c", folder / "catalog", "--home", folder / "home", *more)


def test_cases_and_controls_are_balanced_on_shares_from_a_table(folder: Path) -> None:
    """Of 60, 40 % positive: 24 and 36, of each 51.1 % women once the 1.002 is normalised."""
    keys = 'target_file = "pop.csv"\nbalance = "case-control"'
    printed = run(folder, benchmark(folder, "tied", keys))
    assert "the shares of sex summed to 1.002 and were normalised" in printed
    rows = [line.split("\u2502") for line in printed.splitlines() if "label x sex" in line]
    drawn = {row[2].strip(): int(row[-2]) for row in rows}
    assert drawn == {"0 x Female": 18, "0 x Male": 18, "1 x Female": 12, "1 x Male": 12}


def test_the_table_that_a_benchmark_names_is_kept_with_it(folder: Path) -> None:
    name = benchmark(folder, "kept", 'target_file = "pop.csv"')
    first = run(folder, name, "--plan")
    (folder / "pop.csv").unlink()
    assert run(folder, name, "--plan") == first


def test_the_plan_says_what_can_be_reached_and_draws_nobody(folder: Path) -> None:
    name = benchmark(folder, "planned", TARGET, size="")
    printed = run(folder, name, "--plan")
    assert "within the tolerance no cohort has more than" in printed
    said = " ".join(printed.split())
    assert "half the width of the 0.95 interval (score) of an AUROC that is truly 0.85" in said
    assert "80% of cohorts have one no wider" in said
    assert "all patients" in printed
    assert not (folder / "home" / "enclave" / name / "matched.json").exists()
    assert not list((folder / "home" / "enclave").rglob("planned/matched.json"))


def test_minima_hold_or_are_refused_with_the_level_that_lacks(folder: Path) -> None:
    keys = """[cohort.minimum]
attributes = ["sex"]
auroc = 0.8
half_width = 0.2
"""
    assert "Matched cohort: 60 cases" in run(folder, benchmark(folder, "enough", keys + TARGET))
    name = benchmark(folder, "lacking", keys.replace("0.2", "0.02") + TARGET)
    said = refused("match", name, "-c", folder / "catalog", "--home", folder / "home")
    assert "sex Female: positives needed" in said
    assert "in the pool" in said


def test_the_largest_cohort_keeps_each_margin_s_tolerance(folder: Path) -> None:
    keys = "[cohort.tolerance]\ndefault = 0.1\nsex = 0.005\n" + TARGET
    printed = run(folder, benchmark(folder, "largest", keys, size=""))
    assert "no cohort within the tolerance has more than" in printed
    rows = [line.split("\u2502") for line in printed.splitlines() if "Female" in line]
    assert abs(float(rows[0][5].strip().rstrip("%")) - 51.0) <= 0.55


def test_claims_are_planned_on_the_pool(folder: Path) -> None:
    """The same study by file and by name; what the pool cannot show is one sentence."""
    claims = """
[study]
assumed = { sensitivity = 0.95 }
[[claims]]
name = "Sensitivity above 0.7"
figure = "sensitivity"
at_least = 0.7
"""
    name = benchmark(folder, "claimed", TARGET)
    file = folder / f"{name}.toml"
    text = file.read_text().replace('feedback = "open"', 'feedback = "held"')
    file.write_text(claims + text.replace("days = 7", "days = 7\ncohort_looks = 3"))
    catalog = ("-c", folder / "catalog", "--home", folder / "other")
    succeed("sequester", file, *catalog, "--open", folder / "open.csv")
    said = succeed("plan", file, "-c", folder / "catalog", "-o", folder / "plan")
    assert "24 positives and 36 negatives to score" in said
    plan = json.loads((folder / "plan" / "plan.json").read_text())
    # 24 positives at 0.025: P(X >= 22) = 0.0119 and P(X >= 21) = 0.0424 at 0.7, so 22 are needed.
    (claim,) = plan["claims"]
    assert claim["power_alone"]["value"] == pytest.approx(0.8841, abs=1e-4)
    assert claim["assumed"]["sensitivity"] == {"source": "study", "value": 0.95}
    assert (folder / "plan" / "power.svg").read_text().startswith("<svg")
    planned = succeed("match", name, *catalog, "--plan")
    assert "Cases needed" in planned
    assert "24 positives and 36 negatives to score" in planned
    told = refused("plan", name, *catalog, "--assume", "sensitivity=0.75")
    assert "with a power of" in told
    assert told.count("\n") <= 1
    assert "declares no claims" in refused(
        "plan", REPOSITORY / "benchmarks" / "simulated-opacity.toml"
    )
