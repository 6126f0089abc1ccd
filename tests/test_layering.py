"""Who may import whom, and where each costly or dangerous import has its one home."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY

MAY_IMPORT = {
    "metrics": set(),
    "cohort_selection": {"metrics"},
    "submissions": {"metrics"},
    "baselines": {"metrics", "cohort_selection", "submissions"},
    "evaluator": {"metrics", "cohort_selection", "submissions"},
}
HOMES = {
    "docker": {"evaluator/engine.py", "evaluator/containers.py", "evaluator/images.py"},
    "torch": {"baselines/"},
    "monai": {"baselines/"},
    "onnx": {"baselines/"},
    "onnxruntime": {"baselines/"},
    "mlflow": {"evaluator/tracking.py", "baselines/train.py"},
    "pydicom": {
        "cohort_selection/dicom.py",
        "cohort_selection/pixel_description.py",
        "cohort_selection/header_elements.py",
        "cohort_selection/deidentification.py",
        "cohort_selection/pixels.py",
        "cohort_selection/conversion.py",
        "cohort_selection/simulator.py",
        "cohort_selection/radiograph.py",
        "cohort_selection/intensities.py",
    },
    "fastapi": {"evaluator/leaderboard/web.py"},
    "starlette": {"evaluator/leaderboard/web.py"},
    "uvicorn": {"evaluator/cli.py"},
    "dask": {"evaluator/workers.py"},
    "distributed": {"evaluator/workers.py"},
    "sqlalchemy": {
        "submissions/ledger.py",
        "submissions/ledger_tables.py",
        "submissions/audit_chain.py",
        "evaluator/enclave.py",
    },
    "sqlite3": set(),
    "typer": {"evaluator/cli.py", "baselines/commands.py"},
}


def modules() -> list[Path]:
    return [
        path.relative_to(REPOSITORY)
        for package in MAY_IMPORT
        for path in sorted((REPOSITORY / package).rglob("*.py"))
    ]


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


@pytest.mark.parametrize("path", modules(), ids=str)
def test_a_module_imports_only_what_its_package_may(path: Path) -> None:
    package = path.parts[0]
    ours = {name.split(".")[0] for name in imported(path)} & set(MAY_IMPORT)
    assert ours - {package} <= MAY_IMPORT[package]


@pytest.mark.parametrize("path", modules(), ids=str)
def test_a_costly_or_dangerous_import_stays_in_its_home(path: Path) -> None:
    for name in imported(path, for_types=False):
        homes = HOMES.get(name.split(".")[0])
        if homes is not None:
            at_home = any(str(path).startswith(home) for home in homes)
            assert at_home, f"{path} imports {name}; its home is {sorted(homes) or 'nowhere'}"


def test_a_module_name_says_what_it_is_for() -> None:
    empty = {"helper", "helpers", "util", "utils", "manager", "common", "misc"}
    assert not [path for path in modules() if path.stem in empty]


def test_only_staging_and_practice_lay_out_cases_for_a_container() -> None:
    makers = {str(path) for path in modules() if "evaluator.staging" in set(imported(path))}
    places = ("shard", "practice", "engine", "containers", "limits")
    assert makers <= {f"evaluator/{name}.py" for name in places}


def test_what_shows_results_reads_no_hidden_store() -> None:
    hidden = {
        "evaluator.enclave",
        "evaluator.evaluation",
        "evaluator.dispatch",
        "evaluator.lifecycle",
        "evaluator.shard",
        "evaluator.scoring",
    }
    for path in modules():
        if str(path).startswith("evaluator/leaderboard/"):
            assert not hidden & set(imported(path)), path
