"""The documents say what the code does."""

from __future__ import annotations

import re
import tomllib
from dataclasses import fields
from importlib.metadata import entry_points
from pathlib import Path

import pytest
import typer

from cohort_selection.catalog.study_values import NAMES
from cohort_selection.dicom.keywords import HEADER_FIELDS
from cohort_selection.eligibility import label_rule, rules
from cohort_selection.matching.tolerance import Minimum
from cohort_selection.plan.cohort_plan import KEYS
from evaluator.benchmark.specification import read_benchmark
from evaluator.commands import main
from evaluator.disclosure.control import Disclosure
from evaluator.scoring.analysis_plan import AnalysisPlan
from perf.coverage import study, table
from submissions.contract import Contract
from submissions.quota import Quota
from tests.conftest import REPOSITORY

TABLES: dict[str, set[str]] = {
    "benchmark": {"name", "title", "description"},
    "clinical": {"columns"},
    "cohort": set(KEYS),
    "cohort.minimum": {field.name for field in fields(Minimum)},
    "cohort.label": set(label_rule.KEYS),
    "[cohort.include]": set(rules.KEYS),
    "contract": {field.name for field in fields(Contract)},
    "quota": {field.name for field in fields(Quota)},
    "analysis": {field.name for field in fields(AnalysisPlan)}
    - {"fixed_attributes"},  # derived from the target, never written
    "disclosure": {field.name for field in fields(Disclosure)},
}


def section(name: str) -> str:
    text = (REPOSITORY / "docs" / "benchmark.md").read_text()
    _, found = text.split(f"## [{name}]\n", 1)
    return found.split("\n## [", 1)[0]


@pytest.mark.parametrize("table", TABLES)
def test_every_key_of_a_benchmark_file_has_its_line(table: str) -> None:
    listed = set(re.findall(r"^\| `(\w+)` \|", section(table), flags=re.MULTILINE))
    assert listed == TABLES[table]


def test_every_field_that_a_rule_may_name_is_listed() -> None:
    listed = set(re.findall(r"`(\w+)`", section("[cohort.include]")))
    assert {*NAMES, *HEADER_FIELDS} <= listed


@pytest.mark.parametrize(
    "path", sorted((REPOSITORY / "benchmarks").glob("*.toml")), ids=lambda path: path.stem
)
def test_a_shipped_benchmark_can_be_read_and_is_named_after_its_file(path: Path) -> None:
    assert read_benchmark(path).name == path.stem
    assert set(tomllib.loads(path.read_text())) <= set(TABLES)


def test_the_tables_of_intervals_are_those_of_the_results_that_are_kept() -> None:
    document = table.DOCUMENT.read_text()
    assert table.replaced(document, table.block()) == document
    assert study.KEPT.stat().st_size < 200_000


def commands() -> dict[str, set[str]]:
    """Every command, with its options."""
    plugins = [plugin.load() for plugin in entry_points(group="sequestra.commands")]
    assert plugins
    found: dict[str, set[str]] = {}
    for app in (main.app, *plugins):
        group = typer.main.get_command(app)
        assert isinstance(group, typer.core.TyperGroup)
        for name, command in group.commands.items():
            options = (each for each in command.params if each.param_type_name == "option")
            found[name] = {word for each in options for word in (*each.opts, *each.secondary_opts)}
    return found


@pytest.mark.parametrize(
    "path",
    [*sorted(REPOSITORY.glob("*.md")), *sorted((REPOSITORY / "docs").rglob("*.md"))],
    ids=lambda path: path.name,
)
def test_the_documents_name_only_options_there_are(path: Path) -> None:
    known = commands()
    spans = re.findall(r"`([^`]+)`", path.read_text()) + re.findall(
        r"^(?:\$ )?(sequestra .*)$", path.read_text(), flags=re.MULTILINE
    )
    for name, rest in re.findall(r"sequestra ([a-z-]+)\b([^\n]*)", "\n".join(spans)):
        for option in re.findall(r"(?<=\s)--?[a-z][a-z-]*", rest.partition("#")[0]):
            assert option in known.get(name, set()), f"sequestra {name} {option}"


def test_the_readme_names_only_commands_there_are() -> None:
    text = (REPOSITORY / "README.md").read_text()
    named = set(re.findall(r"sequestra ([a-z][a-z-]*)", text))
    assert named
    assert named <= set(commands())


def test_every_command_stands_in_the_documents() -> None:
    text = (REPOSITORY / "README.md").read_text() + (REPOSITORY / "docs/commands.md").read_text()
    assert {name for name in commands() if f"sequestra {name}" not in text} == set()


def test_every_make_target_of_the_readme_is_there() -> None:
    makefile = (REPOSITORY / "Makefile").read_text()
    for target in re.findall(r"make ([a-z]+)", (REPOSITORY / "README.md").read_text()):
        assert re.search(rf"^{target}:", makefile, flags=re.MULTILINE), target


@pytest.mark.parametrize(
    "package", ["metrics", "cohort_selection", "submissions", "baselines", "evaluator"]
)
def test_the_architecture_names_every_room_and_no_other(package: str) -> None:
    text = (REPOSITORY / "ARCHITECTURE.md").read_text()
    (table,) = re.findall(rf"^\| `{package}/` \|.*\n((?:\|.*\n)+)", text, flags=re.MULTILINE)
    named = re.findall(r"^\| `(\w+)` \|", table, flags=re.MULTILINE)
    modules = {path.stem for path in (REPOSITORY / package).glob("*.py")} - {"__init__"}
    folders = {path.parent.name for path in (REPOSITORY / package).glob("*/*.py")}
    assert sorted(named) == sorted(modules | folders)
