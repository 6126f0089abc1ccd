"""The help of the whole program: its options, and each command with one sentence."""

from __future__ import annotations

from shutil import get_terminal_size
from typing import TYPE_CHECKING, Any

import typer
from typer.core import TyperGroup

from evaluator.command_group.entries import Commands
from evaluator.command_group.plugins import plugins

if TYPE_CHECKING:
    from rich.panel import Panel

FRAMED = 80
"""Columns from which help is set in frames: narrower ones would cut the names of options."""


class Program(TyperGroup):
    """A program whose help names its commands without building them."""

    apps: tuple[typer.Typer, ...] = ()
    """Where its commands are declared; those of other packages follow."""

    def __init__(self, **settings: Any) -> None:
        """``settings`` are those that Typer gives to any group."""
        super().__init__(**settings)
        self.listed = Commands(
            self.apps,
            plugins,
            pretty_exceptions_enable=False,
            rich_markup_mode=self.rich_markup_mode,
        )
        self.commands = self.listed

    def list_commands(self, ctx: Any) -> list[str]:
        """Names of all commands, in order."""
        return [*self.commands]

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Print the help in frames where they fit, else write it for ``formatter``."""
        if self.rich_markup_mode is None:
            super().format_help(ctx, formatter)
            return
        from rich.padding import Padding

        from evaluator.screen import console

        width = min(get_terminal_size().columns, console.width)
        options = [record for each in self.get_params(ctx) if (record := each.get_help_record(ctx))]
        panels: dict[str, list[tuple[str, str]]] = {"Options": options}
        for name, sentence, panel in self._listed():
            panels.setdefault(panel, []).append((name, sentence))
        console.print(Padding(self.get_usage(ctx), 1), style="bold", width=width)
        console.print(Padding(self.help or "", (0, 1, 1, 1)), width=width)
        longest = max(len(each.name) for each in self.listed.entries())
        for title, rows in panels.items():
            least = 0 if rows is options else longest
            console.print(_panel(title, rows, least), width=width)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the list of commands for a narrow terminal."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, sentence) for name, sentence, _ in self._listed()])

    def _listed(self) -> list[tuple[str, str, str]]:
        entries = self.listed.entries()
        return [(each.name, each.sentence, each.panel) for each in entries if not each.hidden]


def _panel(title: str, rows: list[tuple[str, str]], least: int) -> Panel:
    from rich.panel import Panel
    from rich.table import Table

    table = Table(box=None, show_header=False, expand=True, pad_edge=False, padding=(0, 1))
    table.add_column(style="bold cyan", no_wrap=True, min_width=least)
    table.add_column(ratio=1)
    for row in rows:
        table.add_row(*row)
    return Panel(table, title=title, title_align="left", border_style="dim")
