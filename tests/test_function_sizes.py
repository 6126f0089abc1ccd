"""No module, function or branching is longer than a reader can follow, with few exceptions."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.support.imports import MAY_IMPORT, modules
from tests.support.repository import REPOSITORY

LONGEST_MODULE = 450
LONGEST_FUNCTION = 60
MOST_BRANCHES = 15
"""Cyclomatic complexity, as ruff counts it."""

COMPILED = "compiled: a call of each part would cost more than the part; its paper is cited"
EXCEPTIONS = {
    "metrics/resampling/kernels.py:draw": COMPILED,
    "metrics/resampling/kernels.py:scan": COMPILED,
    "metrics/resampling/mean_permutation.py:class_means": COMPILED,
    "metrics/resampling/permutation.py:clustered_auroc": COMPILED,
    "cohort_selection/sampling/cube_method.py:_flight": COMPILED,
    "cohort_selection/dicom/compiled_walk.py:_walk": COMPILED,
    "baselines/commands.py:train": "declares 30 options of the command line, and hands them on",
    "evaluator/commands/catalog/index.py:index": "declares 13 options of the command line",
    "evaluator/commands/reviewer.py:score": "declares 26 options of the command line, a line each",
}
"""Functions that may be longer, or branch more, and why."""


def functions(path: Path) -> Iterator[tuple[str, int]]:
    """Each function of a file, with its lines from ``def`` to the end."""
    for node in ast.walk(ast.parse((REPOSITORY / path).read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None
            yield f"{path}:{node.name}", node.end_lineno - node.lineno + 1


def long_functions() -> dict[str, int]:
    return {
        name: lines
        for path in modules()
        for name, lines in functions(path)
        if lines > LONGEST_FUNCTION
    }


def branching_functions() -> set[str]:
    """Those that ruff finds too complex."""
    found = subprocess.run(
        [
            *(sys.executable, "-m", "ruff", "check", "--isolated", "--select", "C901"),
            *("--config", f"lint.mccabe.max-complexity={MOST_BRANCHES}"),
            *("--output-format", "json", "--no-cache", *MAY_IMPORT),
        ],
        check=False,
        capture_output=True,
        text=True,
        cwd=REPOSITORY,
    )
    assert found.returncode in (0, 1), found.stderr
    return {
        f"{Path(each['filename']).relative_to(REPOSITORY)}:{each['message'].split('`')[1]}"
        for each in json.loads(found.stdout)
    }


def test_no_module_is_long() -> None:
    lines = {path: len((REPOSITORY / path).read_text().splitlines()) for path in modules()}
    assert {str(path): n for path, n in lines.items() if n > LONGEST_MODULE} == {}


def test_no_function_is_long_or_branches_much_but_for_a_reason() -> None:
    long, branching = long_functions(), branching_functions()
    assert {name: n for name, n in long.items() if name not in EXCEPTIONS} == {}
    assert branching - set(EXCEPTIONS) == set()
    assert set(EXCEPTIONS) == set(long) | branching  # no exception outlives its reason
