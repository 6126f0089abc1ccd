"""The documents say what the code does."""

from __future__ import annotations

import ast
import re
import subprocess
import tomllib
from pathlib import Path

import pytest
import typer

from cohort_selection.benchmark_keys.reading import keys_of
from cohort_selection.dicom.keywords import HEADER_FIELDS
from cohort_selection.study_table.study_values import NAMES
from evaluator.benchmark import keys_page
from evaluator.benchmark.file import TABLES, tables
from evaluator.benchmark.specification import read_benchmark
from evaluator.commands import main
from perf.coverage import study, table
from tests.attacks.catalogue import ATTACKS
from tests.support.imports import modules
from tests.support.repository import REPOSITORY


def section(name: str) -> str:
    text = (REPOSITORY / "docs" / "benchmark.md").read_text()
    _, found = text.split(f"## [{name}]\n", 1)
    return found.split("\n## [", 1)[0]


def test_the_lists_of_keys_are_those_that_the_tables_declare() -> None:
    assert keys_page.page() == keys_page.PAGE.read_text()


def test_every_key_says_what_it_means() -> None:
    for kind in tables().values():
        assert [name for name, key in keys_of(kind).items() if len(key.description) < 7] == []


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
    program = typer.main.get_command(main.app)
    assert isinstance(program, typer.core.TyperGroup)
    found: dict[str, set[str]] = {}
    for name, command in program.commands.items():
        inner = getattr(command, "commands", {})  # of a group: what follows its name
        every = [each for one in (command, *inner.values()) for each in one.params]
        options = (each for each in every if each.param_type_name == "option")
        found[name] = {word for each in options for word in (*each.opts, *each.secondary_opts)}
    assert {"score", "train"} <= set(found)  # ours, and those that another package brings
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


def test_the_benchmark_of_the_readme_can_be_read(tmp_path: Path) -> None:
    readme = (REPOSITORY / "README.md").read_text()
    (shown,) = re.findall(r"```toml\n(.*?)```", readme, flags=re.DOTALL)
    file = tmp_path / "airspace-opacity.toml"
    file.write_text(shown)
    assert read_benchmark(file).name == "airspace-opacity"
    optional = {"board", "clinical", "practice", "study", "claims", "comparators", "panels"}
    assert set(tomllib.loads(shown)) == set(TABLES) - optional


@pytest.mark.parametrize("page", ["README.md", "SECURITY.md", "CHANGELOG.md"])
def test_the_front_pages_have_no_long_line_and_no_broken_link(page: str) -> None:
    text = (REPOSITORY / page).read_text()
    assert [line for line in text.splitlines() if len(line) > 100 and line[0] != "|"] == []
    links = re.findall(r"\]\(([^)\s]+)\)", text)
    assert links or page != "README.md"
    assert [link for link in links if not (REPOSITORY / link).exists()] == []


def test_the_pictures_of_the_readme_are_small_and_name_no_machine() -> None:
    drawing = REPOSITORY / "docs" / "path.svg"
    report = REPOSITORY / "docs" / "images" / "report.png"
    assert report.stat().st_size < 300_000
    assert "prefers-color-scheme: dark" in drawing.read_text()
    for picture in (drawing, report):
        assert bytes(REPOSITORY) not in picture.read_bytes()
        assert b"/home/" not in picture.read_bytes()


def rows_of_security() -> list[list[str]]:
    """The rows of threats: threat, defence, place, test."""
    lines = (REPOSITORY / "SECURITY.md").read_text().partition("## Limits")[0].splitlines()
    rows = [line.strip("|").split(" | ") for line in lines if line.startswith("|")]
    return [row for row in rows if row[0].strip() not in ("threat", "---")]


def test_each_threat_has_a_place_in_the_source_and_a_test() -> None:
    sources = "".join(path.read_text() for path in (REPOSITORY / "tests").rglob("test_*.py"))
    groups = {attack.name.partition(":")[0] + ":" for attack in ATTACKS}
    rows = rows_of_security()
    assert len(rows) > 20
    for row in rows:
        threat, _, place, tests = row
        assert (REPOSITORY / place.strip(" `")).is_file(), place
        named = re.findall(r"`(.+?)`", tests)
        assert named, threat
        for name in named:
            assert name in groups or f"\ndef {name}(" in sources, name


def test_every_test_that_security_names_is_there() -> None:
    sources = "".join(path.read_text() for path in (REPOSITORY / "tests").rglob("test_*.py"))
    named = set(re.findall(r"`(test_\w+)`", (REPOSITORY / "SECURITY.md").read_text()))
    assert {name for name in named if f"\ndef {name}(" not in sources} == set()


def test_make_lists_every_target_and_does_nothing_else() -> None:
    makefile = (REPOSITORY / "Makefile").read_text()
    (phony,) = re.findall(r"^\.PHONY: (.*)$", makefile, flags=re.MULTILINE)
    for arguments in ([], ["help"]):
        listed = subprocess.run(
            ["make", "--no-print-directory", *arguments],
            cwd=REPOSITORY,
            capture_output=True,
            text=True,
            check=True,
        ).stdout.splitlines()
        assert {line.split()[0] for line in listed} == set(phony.split())
        assert max(map(len, listed)) <= 80


def test_every_path_that_make_names_is_there() -> None:
    makefile = (REPOSITORY / "Makefile").read_text()
    (phony,) = re.findall(r"^\.PHONY: (.*)$", makefile, flags=re.MULTILINE)
    said = subprocess.run(
        ["make", "--no-print-directory", "--dry-run", *phony.split()],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    named = set(re.findall(r"(?:tests|perf)/[\w/.]+", said))
    assert len(named) > 20
    assert [path for path in sorted(named) if not (REPOSITORY / path).exists()] == []


@pytest.mark.parametrize(
    "package",
    ["metrics", "cohort_selection", "submissions", "baselines", "evaluator"],
)
def test_the_architecture_names_every_room_and_no_other(package: str) -> None:
    text = (REPOSITORY / "ARCHITECTURE.md").read_text()
    (table,) = re.findall(rf"^\| `{package}/` \|.*\n((?:\|.*\n)+)", text, flags=re.MULTILINE)
    named = re.findall(r"^\| `(\w+)` \|", table, flags=re.MULTILINE)
    modules = {path.stem for path in (REPOSITORY / package).glob("*.py")} - {"__init__"}
    folders = {path.parent.name for path in (REPOSITORY / package).glob("*/*.py")}
    assert sorted(named) == sorted(modules | folders)


def test_every_room_gives_an_order_of_reading() -> None:
    rooms = [path.parent for path in modules() if path.name == "__init__.py" and path.parts[1:-1]]
    assert len(rooms) > 40
    for room in rooms:
        there = sorted(path.stem for path in (REPOSITORY / room).glob("*.py"))
        there.remove("__init__")
        if len(there) < 2:
            continue
        text = ast.get_docstring(ast.parse((REPOSITORY / room / "__init__.py").read_text())) or ""
        order = text.partition("Order of reading:")[2]
        assert sorted(re.findall(r"``(\w+)``", order)) == there, room
