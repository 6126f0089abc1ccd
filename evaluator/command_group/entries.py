"""The commands of Typer apps by name; a command is built when it is asked for.

Typer builds all commands and reads the signature of each before it looks at a word of the command
line. The help of the whole program shows names and sentences alone.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, MutableMapping
from dataclasses import dataclass
from typing import Any

import typer
from typer.main import get_command_name, get_group, solve_typer_info_defaults
from typer.models import CommandInfo, DefaultPlaceholder, TyperInfo


@dataclass(frozen=True, slots=True)
class Entry:
    """One command as the help lists it, and what Typer builds it from."""

    name: str
    sentence: str
    panel: str
    hidden: bool
    declared: CommandInfo | TyperInfo


class Commands(MutableMapping[str, Any]):
    """Commands by name, in the order of their apps. The first of a name stands.

    ``more`` is asked for further apps once a name is not among the ``apps``, or all are listed.
    """

    def __init__(
        self,
        apps: Iterable[typer.Typer],
        more: Callable[[], Iterable[typer.Typer]],
        **settings: Any,
    ) -> None:
        """``settings`` are those of ``typer.Typer`` that each command is built with."""
        self._more: Callable[[], Iterable[typer.Typer]] | None = more
        self._settings = settings
        self._built: dict[str, Any] = {}
        self._entries: dict[str, Entry] = {}
        self._add(apps)

    def entries(self) -> list[Entry]:
        """All commands in order."""
        if self._more is not None:
            more, self._more = self._more, None
            self._add(more())
        return [*self._entries.values()]

    def __getitem__(self, name: str) -> Any:
        """The command of a name, with its arguments and options; raises KeyError."""
        if name not in self._built:
            if name not in self._entries:
                self.entries()
            self._built[name] = self._build(self._entries[name].declared)
        return self._built[name]

    def __setitem__(self, name: str, command: Any) -> None:
        """Put a built command in the place of another."""
        self._built[name] = command

    def __delitem__(self, name: str) -> None:
        """Take a command away."""
        del self._entries[name]
        self._built.pop(name, None)

    def __iter__(self) -> Iterator[str]:
        """Names in order."""
        return (entry.name for entry in self.entries())

    def __len__(self) -> int:
        """How many commands there are."""
        return len(self.entries())

    def _add(self, apps: Iterable[typer.Typer]) -> None:
        for app in apps:
            for entry in _entries(app):
                self._entries.setdefault(entry.name, entry)

    def _build(self, declared: CommandInfo | TyperInfo) -> Any:
        app = typer.Typer(**self._settings)
        if isinstance(declared, CommandInfo):
            app.registered_commands.append(declared)
        else:
            app.registered_groups.append(declared)
        [command] = get_group(app).commands.values()
        return command


def _entries(app: typer.Typer) -> Iterator[Entry]:
    """The commands of an app, in the order in which Typer lists them."""
    for command in app.registered_commands:
        assert command.callback is not None
        name = command.name or get_command_name(command.callback.__name__)
        text = command.short_help or command.help or inspect.getdoc(command.callback)
        yield _entry(name, text, command)
    for group in app.registered_groups:
        solved = solve_typer_info_defaults(group)
        if solved.name:
            yield _entry(solved.name, solved.short_help or solved.help, group)
        elif group.typer_instance is not None:
            yield from _entries(group.typer_instance)


def _entry(name: str, text: str | None, declared: CommandInfo | TyperInfo) -> Entry:
    sentence = " ".join(inspect.cleandoc(text or "").split("\n\n")[0].split())
    panel = declared.rich_help_panel
    panel = None if isinstance(panel, DefaultPlaceholder) else panel
    hidden = not isinstance(declared.hidden, DefaultPlaceholder) and declared.hidden
    return Entry(
        name=name, sentence=sentence, panel=panel or "Commands", hidden=hidden, declared=declared
    )
