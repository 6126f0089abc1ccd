"""The help of every command: each word of it is shown, at any width, in any encoding."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.metadata import entry_points

import click
import pytest
import typer
from rich.text import Text

from evaluator.commands import main
from tests.commands import succeed


def commands() -> dict[str, click.Command]:
    """Every command by its name."""
    plugins = [plugin.load() for plugin in entry_points(group="sequestra.commands")]
    assert plugins
    found: dict[str, click.Command] = {}
    for app in (main.app, *plugins):
        group = typer.main.get_command(app)
        assert isinstance(group, typer.core.TyperGroup)
        found.update(group.commands)  # type: ignore[arg-type]
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
