"""Who may import whom, and where each costly or dangerous import has its one home."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.imports import FOR_ALL, MAY_IMPORT, imported, modules
from tests.support.repository import REPOSITORY

FLOORS: dict[str, list[str]] = {
    "metrics": [
        "estimate figure_name",
        "arrays",
        "edges group",
        "intervals",
        "operating_points",
        "resampling",
        "calibration discrimination grades masks",
        "all_figures marks outputs target_population",
        "comparison gaps",
        "claims readers",
        "planning",
        "figures_page",
    ],
    "cohort_selection": [
        "ages atomic_files benchmark_keys cases coded column_text ordered_threads pixels"
        " source_digest tables",
        "case_table task",
        "clinical matched_list sampling",
        "dicom loinc matching",
        "commons.ct deidentification study_table",
        "patients",
        "catalog commons regions sealing sources",
        "eligibility imaging_studies leakage sequestration",
        "plan representativeness",
    ],
    "submissions": [
        "addresses contract design drop fact_sheet period practice practice_archive quota"
        " signatures stage_times",
        "host starter submission verifying_key",
        "prediction_rows",
        "adapters client image ledger.database predictions service.credentials states_page",
        "ledger.verdicts",
        "ledger.beside_releases",
        "ledger.migrations ledger.migrations.versions",
        "ledger",
        "ledger.voting receiving",
        "service",
        "service.resets service.uploads",
        "service.entries",
        "service.api",
        "service.pages",
        "service.oidc",
        "service.web",
        "notices",
    ],
    "baselines": [
        "choices container",
        "augmentation data targets",
        "asked ladder logistic validation_table",
        "model_card",
        "examples",
        "networks",
        "packaging training",
        "tabular",
        "commands",
    ],
    "evaluator": [
        "figures_of_outputs graded_figures localised_figures",
        "assumptions case_tables garbage_collection glossary host option_values screen setup"
        " shipped system_calls",
        "command_group sandbox scoring",
        "attacker readers",
        "claims",
        "disclosure",
        "comparison feedback_choice figure_kinds leaderboard.drawing panel_figures probing",
        "tasks",
        "benchmark leaderboard.templating",
        "identity leaderboard.board planning stores workers",
        "feedback",
        "evaluation signing steward",
        "comparing leaderboard.reports",
        "leaderboard",
        "filing tracking",
        "reviewing",
        "audit_lines doctor queue serving",
        "bridge console demonstration own_claims own_readers own_regions own_tasks",
        "terminal",
        "entering indexing",
        "commands.catalog",
        "commands",
        "cli commands_page",
    ],
}
"""Rooms of each package from the ground up; a room imports only rooms of floors below its own."""

LONGEST_MODULE = 550
LARGEST_ROOM = 2000

HOMES = {
    "docker": {"evaluator/sandbox/"},
    "torch": {"baselines/"},
    "monai": {"baselines/"},
    "onnx": {"baselines/"},
    "onnxruntime": {"baselines/"},
    "httpx": {
        "cohort_selection/sources/server.py",
        "submissions/client/",
        "submissions/notices/",
        "submissions/service/oidc/",
    },
    "python_multipart": {
        "cohort_selection/sources/server.py",
        "submissions/service/pages/multipart.py",
    },
    "SimpleITK": {"submissions/adapters/"},
    "typst": {"evaluator/filing/typesetting.py"},
    "pikepdf": {"evaluator/filing/typesetting.py"},
    "mlflow": {"evaluator/tracking/", "baselines/training/"},
    "pydicom": {
        "cohort_selection/dicom/",
        "cohort_selection/pixels/",
        "cohort_selection/deidentification/",
        "cohort_selection/commons/",
        "cohort_selection/regions/",
        "cohort_selection/ordered_threads.py",
        "cohort_selection/sources/medium.py",
        "baselines/container/headers.py",
    },
    "cyclonedx": {"baselines/packaging/bill.py"},
    "packageurl": {"baselines/packaging/bill.py"},
    "fastapi": {"evaluator/console/", "evaluator/leaderboard/web.py", "submissions/service/"},
    "starlette": {"evaluator/console/", "evaluator/leaderboard/web.py", "submissions/service/"},
    "limits": {"submissions/service/rates.py"},
    "authlib": {"submissions/service/oidc/"},
    "joserfc": {"submissions/service/oidc/"},
    "uvicorn": {"evaluator/serving/server.py"},
    "dask": {"evaluator/workers/workers.py"},
    "distributed": {"evaluator/workers/workers.py"},
    "sqlalchemy": {
        "submissions/addresses/database.py",
        "submissions/ledger/",
        "submissions/notices/",
        "submissions/service/",
        "evaluator/stores/",
    },
    "alembic": {"submissions/ledger/"},
    "sqlite3": {"cohort_selection/sources/listed_studies.py"},
    "typer": {
        "evaluator/command_group/",
        "evaluator/commands/",
        "evaluator/commands_page.py",
        "baselines/commands.py",
    },
}


@pytest.mark.parametrize("path", modules(), ids=str)
def test_a_module_imports_only_what_its_package_may(path: Path) -> None:
    package = path.parts[0]
    names = [name for name in imported(path) if not name.startswith(FOR_ALL)]
    ours = {name.split(".")[0] for name in names} & set(MAY_IMPORT)
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


def room_of(path: Path) -> str:
    """The folder below the package, or the module where it lies in no folder."""
    inner = path.with_suffix("").parts[1:]
    return ".".join(inner[:-1] if len(inner) > 1 else inner)


def floor_of(package: str, room: str) -> int:
    for floor, rooms in enumerate(FLOORS[package]):
        if room in rooms.split():
            return floor
    raise AssertionError(f"{package}/{room} stands on no floor of FLOORS")


@pytest.mark.parametrize("path", modules(), ids=str)
def test_a_room_imports_only_rooms_of_lower_floors(path: Path) -> None:
    package, room = path.parts[0], room_of(path)
    if path.name == "__init__.py" and len(path.parts) == 2:
        return  # what a package shows stands above its rooms
    for file in {file for name in imported_names(path) if (file := file_of(name)) is not None}:
        other = room_of(file)
        if file.parts[0] == package and other != room:
            assert floor_of(package, other) < floor_of(package, room), f"{path} imports {file}"


def test_every_room_that_has_a_floor_is_there() -> None:
    there = {(path.parts[0], room_of(path)) for path in modules() if path.name != "__init__.py"}
    named = [
        (package, room)
        for package, floors in FLOORS.items()
        for rooms in floors
        for room in rooms.split()
    ]
    assert len(named) == len(set(named))
    assert set(named) == there


def imported_names(path: Path) -> Iterator[str]:
    """Dotted names of all that a file imports, with the names taken from a module."""
    for node in ast.walk(ast.parse((REPOSITORY / path).read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def file_of(name: str) -> Path | None:
    """The file of the module that a dotted name is or lies in; None for other packages."""
    if name.partition(".")[0] not in MAY_IMPORT:
        return None
    for parts in (name.split("."), name.split(".")[:-1]):
        file = Path(*parts).with_suffix(".py")
        if parts and (REPOSITORY / file).is_file():
            return file
    return None


def test_rooms_and_modules_stay_small_enough_to_read() -> None:
    lines: dict[tuple[str, str], int] = {}
    for path in modules():
        length = len((REPOSITORY / path).read_text().splitlines())
        assert length <= LONGEST_MODULE, f"{path} has {length} lines"
        key = path.parts[0], room_of(path)
        lines[key] = lines.get(key, 0) + length
    assert {room: n for room, n in lines.items() if n > LARGEST_ROOM} == {}


def test_only_staging_and_practice_lay_out_cases_for_a_container() -> None:
    makers = {str(path) for path in modules() if "evaluator.sandbox.staging" in set(imported(path))}
    sandbox = {
        f"evaluator/sandbox/{n}.py"
        for n in ("account_files", "engine", "containers", "images", "limits", "runs")
    }
    # The registry takes no more of it than a folder that outlives no kill.
    others = {"evaluator/workers/shard.py", "evaluator/queue/dry_run.py"}
    assert makers <= sandbox | others | {"evaluator/queue/registry.py"}


def test_what_shows_results_reads_no_hidden_store() -> None:
    hidden = {
        "evaluator.stores.enclave",
        "evaluator.evaluation",
        "evaluator.comparing.freezing",
        "evaluator.comparing.gathering",
        "evaluator.queue.dispatcher",
        "evaluator.queue.lifecycle",
        "evaluator.workers.shard",
        "evaluator.scoring.score",
    }
    for path in modules():
        if str(path).startswith("evaluator/leaderboard/"):
            assert not hidden & set(imported(path)), path
