"""Writes docs/commands.md, the list of commands with their options.

``python -m evaluator.commands_page > docs/commands.md`` writes it from the command line's own help.
"""

from __future__ import annotations

import enum
import sys
import textwrap
from collections.abc import Iterator

import typer
from typer.core import TyperArgument, TyperCommand, TyperGroup, TyperOption

from evaluator.commands import main

_HEAD = """\
# Commands

Made from the command line's help by `python -m evaluator.commands_page`; do not edit. The pages of
the [roles](roles/index.md) show the commands in their order, with examples.
`sequestra COMMAND --help` prints the same in the terminal. An option takes a value unless its
default is *on* or *off*.
"""
_WIDTH = 100


def page() -> str:
    """Write the whole page in Markdown; the same text for the same commands."""
    panels: dict[str, list[str]] = {}
    program = typer.main.get_command(main.app)
    assert isinstance(program, TyperGroup)
    for name, command, panel in _commands(program, "sequestra"):
        panels.setdefault(panel, []).append("\n".join(_section(name, command)))
    parts = [_HEAD]
    for panel, sections in panels.items():
        parts += [f"## {panel}\n", *sections]
    return "\n".join(parts).rstrip() + "\n"


def _commands(
    group: TyperGroup, path: str, above: str = ""
) -> Iterator[tuple[str, TyperCommand, str]]:
    """Each command below a group with its full name and panel, those of groups within it too."""
    for name, command in group.commands.items():
        assert isinstance(command, TyperCommand | TyperGroup)
        panel = command.rich_help_panel if isinstance(command.rich_help_panel, str) else above
        if isinstance(command, TyperGroup):
            yield from _commands(command, f"{path} {name}", panel)
        else:
            yield f"{path} {name}", command, panel


def _section(name: str, command: TyperCommand) -> Iterator[str]:
    yield f"### `{name}`\n"
    for paragraph in (command.help or "").split("\n\n"):
        yield textwrap.fill(" ".join(paragraph.split()), _WIDTH) + "\n"
    arguments = [each for each in command.params if isinstance(each, TyperArgument)]
    options = [each for each in command.params if isinstance(each, TyperOption)]
    needed = [f"{_names(each)[0]} {_value(each)}" for each in options if each.required]
    usage = [name, *map(_argument, arguments), *needed]
    yield f"```text\n{' '.join(usage)}\n```\n"
    parameters: list[TyperArgument | TyperOption] = [*arguments, *options]
    if parameters:
        yield "| argument or option | default | meaning |"
        yield "| --- | --- | --- |"
        named = [*map(_argument, arguments), *("`, `".join(_names(each)) for each in options)]
        for shown, each in zip(named, parameters, strict=True):
            yield f"| `{shown}` | {_default(each)} | {_meaning(each)} |"
        yield ""


def _names(option: TyperOption) -> list[str]:
    """Long names first: they are what documents use."""
    return sorted((*option.opts, *option.secondary_opts), key=lambda name: name[:2] != "--")


def _value(parameter: TyperArgument | TyperOption) -> str:
    return parameter.metavar or str(parameter.name).upper()


def _argument(argument: TyperArgument) -> str:
    shown = _value(argument)
    return shown if argument.required else f"[{shown}]"


def _default(parameter: TyperArgument | TyperOption) -> str:
    default = parameter.default() if callable(parameter.default) else parameter.default
    if parameter.required:
        return "required"
    if isinstance(default, bool):
        return "on" if default else "off"
    if isinstance(default, enum.Enum):
        default = default.value
    return "none" if default in (None, "") else f"`{default}`"


def _meaning(parameter: TyperArgument | TyperOption) -> str:
    text = " ".join((getattr(parameter, "help", None) or "").split()).replace("|", "\\|")
    variable = getattr(parameter, "envvar", None)
    return f"{text} Variable: `{variable}`." if variable else text


if __name__ == "__main__":
    sys.stdout.write(page())
