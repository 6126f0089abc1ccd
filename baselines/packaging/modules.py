"""Which of our modules a program needs, so that its image gets these and no others."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
OURS = ("baselines", "cohort_selection")


def modules_of(program: str) -> tuple[str, ...]:
    """Name the modules that ``program`` imports, within functions too, with itself; sorted.

    Imports for type checkers alone are left out.
    """
    modules: set[str] = set()
    waiting = [program]
    while waiting:
        module = waiting.pop()
        if module in modules:
            continue
        modules.add(module)
        waiting += _imports(_file(module))
    return tuple(sorted(modules))


def _file(module: str) -> Path:
    return ROOT / Path(*module.split(".")).with_suffix(".py")


def _imports(file: Path) -> Iterator[str]:
    """Our modules that a file imports."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    unneeded: set[ast.AST] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            unneeded.update(ast.walk(node))
    for node in ast.walk(tree):
        if node in unneeded:
            continue
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        else:
            continue
        yield from (name for name in names if name.startswith(OURS) and _file(name).is_file())
