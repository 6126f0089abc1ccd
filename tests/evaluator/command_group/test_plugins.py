"""Commands of other packages are found by their entry points, as Python itself finds them."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from evaluator.command_group import plugins
from tests.support.repository import REPOSITORY

APP = """
import typer
app = typer.Typer()

@app.command()
def greet(name: str) -> None:
    \"\"\"Greet somebody.

    At length.
    \"\"\"
    print("hello", name)

@app.command()
def status() -> None:
    \"\"\"Take the place of a command of Sequestra's own.\"\"\"
"""


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A folder with an installed package that brings two commands."""
    (tmp_path / "greeter.py").write_text(APP)
    info = tmp_path / "greeter-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: greeter\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[console_scripts]\nother = nothing:here\n\n"
        "[sequestra.commands]\ngreet = greeter : app [x]\n"
    )
    return tmp_path


def run(site: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", "from evaluator.cli import main; main()", *arguments],
        check=False,
        capture_output=True,
        text=True,
        cwd=REPOSITORY,
        env={"PYTHONPATH": f"{REPOSITORY}:{site}", "PATH": "", "COLUMNS": "120"},
    )


def test_an_installed_package_brings_commands(site: Path) -> None:
    listed = run(site, "--help").stdout
    assert "Greet somebody." in listed
    assert "At length" not in listed
    assert run(site, "greet", "you").stdout == "hello you\n"
    assert "At length." in run(site, "greet", "--help").stdout


def test_no_package_takes_the_place_of_an_own_command(site: Path) -> None:
    assert "Take the place" not in run(site, "--help").stdout
    assert "Take the place" not in run(site, "status", "--help").stdout


def test_entry_points_are_those_that_python_finds(
    site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(site)
    found = {each.value.replace(" ", "") for each in entry_points(group=plugins.GROUP)}
    assert {each.partition("[")[0] for each in found} == set(plugins.references())
    assert "greeter:app" in set(plugins.references())


def test_an_unknown_command_is_told(site: Path) -> None:
    ended = run(site, "gret")
    assert ended.returncode == 2
    assert "No such command 'gret'" in ended.stderr
    assert "Traceback" not in ended.stderr
