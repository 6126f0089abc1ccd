"""The modules of the project and what each imports."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.support.repository import REPOSITORY

MAY_IMPORT = {
    "metrics": set(),
    "cohort_selection": {"metrics"},
    "submissions": {"metrics"},
    "baselines": {"metrics", "cohort_selection", "submissions"},
    "evaluator": {"metrics", "cohort_selection", "submissions"},
}
FOR_ALL = ("cohort_selection.benchmark_keys", "cohort_selection.task")
"""The rooms that every package may import: how a benchmark's file is declared, and its task."""


IN_IMAGES = (
    "submissions/adapters/examples/",
    "submissions/adapters/in_image/",
    "submissions/starter/kit_files/",
    "submissions/starter/with_",
)
"""Programs that run in images of submissions, with the libraries of these."""


def modules() -> list[Path]:
    """Modules of the packages; programs of images are none."""
    found = (
        path.relative_to(REPOSITORY)
        for package in MAY_IMPORT
        for path in sorted((REPOSITORY / package).rglob("*.py"))
    )
    return [path for path in found if not path.as_posix().startswith(IN_IMAGES)]


def imported(path: Path, *, for_types: bool = True) -> Iterator[str]:
    """Names of the modules a file imports; ``for_types`` counts those for type checkers alone."""
    tree = ast.parse((REPOSITORY / path).read_text())
    unneeded: set[ast.AST] = set()
    if not for_types:
        for node in ast.walk(tree):
            if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
                unneeded.update(ast.walk(node))
    for node in ast.walk(tree):
        if node in unneeded:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} uses a relative import"
            yield node.module or ""
