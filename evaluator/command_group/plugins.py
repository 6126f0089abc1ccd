"""Finds the commands that other packages bring, by their entry points.

``importlib.metadata`` reads the same files. To import it takes longer than the help of all
commands, since it loads parsers of mail and archives.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from importlib import import_module
from pathlib import Path

import typer

GROUP = "sequestra.commands"
"""The entry point group in which a package names its Typer app, as ``name = module:app``."""


def plugins() -> Iterator[typer.Typer]:
    """The apps of installed packages, in the order of the folders from which Python imports."""
    for reference in references():
        module, _, attribute = reference.partition(":")
        plugin: object = import_module(module)
        for name in filter(None, attribute.split(".")):
            plugin = getattr(plugin, name)
        if not isinstance(plugin, typer.Typer):
            raise TypeError(f"the entry point {reference} of group {GROUP} is no Typer app")
        yield plugin


def references() -> Iterator[str]:
    """``module:attribute`` of each entry point of the group; of two versions the first alone."""
    known: set[str] = set()
    for folder in map(Path, sys.path):
        names: list[str] = []
        with suppress(OSError), os.scandir(folder) as entries:
            ends = (".dist-info", ".egg-info")
            names = sorted(each.name for each in entries if each.name.endswith(ends))
        for name in names:
            package = name.rpartition(".")[0].partition("-")[0].lower().replace(".", "_")
            if package not in known:
                known.add(package)
                yield from _of_group(folder / name / "entry_points.txt")


def _of_group(file: Path) -> Iterator[str]:
    """What a package's file of entry points names in the group."""
    try:
        text = file.read_text(encoding="utf-8")
    except OSError:  # a package without entry points
        return
    inside = False
    for line in map(str.strip, text.splitlines()):
        if line.startswith("["):
            inside = line == f"[{GROUP}]"
        elif inside and "=" in line and not line.startswith(("#", ";")):
            yield line.partition("=")[2].partition("[")[0].replace(" ", "")
