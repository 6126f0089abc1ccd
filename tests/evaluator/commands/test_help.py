"""The help of every command: each word of it is shown, at any width, in any encoding."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator

import click
import pytest
import typer
from rich.text import Text

from evaluator.commands import main
from tests.support.commands import environment, succeed
from tests.support.repository import REPOSITORY


def commands() -> dict[str, click.Command]:
    """Every command by its name."""
    program = typer.main.get_command(main.app)
    assert isinstance(program, typer.core.TyperGroup)
    found: dict[str, click.Command] = {}
    for name, command in program.commands.items():
        if isinstance(command, typer.core.TyperGroup):
            inner = command.commands.items()
            found.update({f"{name} {each}": found_ for each, found_ in inner})  # type: ignore[misc]
        else:
            found[name] = command  # type: ignore[assignment]
    assert {"score", "train"} <= set(found)  # ours, and those that another package brings
    return found


def helps() -> Iterator[tuple[str, str]]:
    """Each text of help, by the command that it belongs to."""
    for name, command in commands().items():
        yield name, command.help or ""
        for parameter in command.params:
            yield name, getattr(parameter, "help", None) or ""


@pytest.mark.parametrize(("name", "text"), [(n, t) for n, t in helps() if t])
def test_no_help_has_what_is_read_as_markup(name: str, text: str) -> None:
    assert Text.from_markup(text, emoji=True).plain == text, name
    assert "`" not in text or text.count("`") % 2 == 0


@pytest.mark.parametrize("name", ["score", "seal", "run", "train"])
def test_help_names_every_option_at_any_width(name: str) -> None:
    options = {word for each in commands()[name].params for word in (*each.opts,)}
    named = {option for option in options if option.startswith("--")}
    assert len(named) >= 3
    for width in ("40", "80", "200"):
        for more in ({}, {"LC_ALL": "C", "PYTHONIOENCODING": "ascii"}):
            said = succeed(name, "--help", env={"COLUMNS": width, **more})
            shown = set(re.findall(r"--[a-z][a-z-]*", said))
            assert named <= shown, (width, named - shown)
            assert "…" not in said


def panels() -> dict[str, set[str]]:
    """The commands of each panel of the help, as it is printed."""
    found: dict[str, set[str]] = {}
    for line in succeed("--help", env={"COLUMNS": "100"}).splitlines():
        if title := re.match(r"\W*─ ([A-Z].*?) ─", line):
            found[title[1]] = set()
        elif command := re.match(r"│ ([a-z-]+)  ", line):
            found[[*found][-1]].add(command[1])
    return found


def test_each_command_stands_with_the_role_that_uses_it() -> None:
    assert panels() | {"Options": set()} == {
        "Options": set(),
        "Steward: build a test cohort": {
            *("simulate", "import-images", "index", "sequester", "match", "seal", "card"),
            *("representativeness", "verify", "open-part", "benchmark", "draw", "plan"),
        },
        "Steward: run the installation": {
            *("run", "practice", "rescore", "prune", "release", "audit", "doctor"),
            *("user", "team", "token", "up", "console", "review"),
        },
        "Researcher: train, check, submit": {
            *("train", "send-metrics", "export", "package", "init", "adapt", "check"),
            *("login", "submit", "status", "withdraw", "cancel"),
        },
        "Reviewer: read the results": {"compare", "leaderboard", "report", "serve", "release-file"},
        "Everyone: without an installation": {"score", "demo", "verify-release"},
    }


@pytest.mark.parametrize(
    ("name", "text"), [(n, c.help or "") for n, c in commands().items()], ids=[*commands()]
)
def test_each_command_is_explained_in_one_sentence_of_two_lines(name: str, text: str) -> None:
    first = text.split("\n\n")[0]
    assert re.fullmatch(r"[A-Z][^.]+\.", first.replace("\n", " "))
    assert len(first) <= 85


@pytest.mark.parametrize("name", ["score", "serve", "simulate", "cancel", "release", "audit runs"])
def test_each_argument_and_option_is_explained(name: str) -> None:
    unexplained = [each.name for each in commands()[name].params if not getattr(each, "help", None)]
    assert unexplained == []


@pytest.mark.parametrize("module", ["sequestra", "evaluator.cli"])
def test_the_command_line_is_a_module_too(module: str) -> None:
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", module, *arguments],
            cwd=REPOSITORY,
            env=environment(),
            capture_output=True,
            text=True,
            check=False,
        )

    version = run("--version")
    assert version.returncode == 0
    assert version.stdout == succeed("--version")
    assert "Usage: sequestra status" in run("status", "--help").stdout
    for wrong in (["nosuch"], ["leaderboard", "--nosuch"]):
        ended = run(*wrong)
        assert ended.returncode == 2
        assert "nosuch" in ended.stderr
        assert "Traceback" not in ended.stderr
