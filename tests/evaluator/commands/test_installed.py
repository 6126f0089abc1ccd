"""A wheel, installed without a checkout and without the extra that trains."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from importlib.metadata import distributions
from pathlib import Path

import pytest

from submissions.host.extras import lacking
from tests.support.commands import environment
from tests.support.imports import MAY_IMPORT
from tests.support.repository import REPOSITORY

TRAINING = {"torch", "monai", "onnx", "onnxscript", "onnxruntime"}
"""What the extra 'baselines' brings (pyproject.toml)."""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout."""
    pytest.importorskip("hatchling", reason="the extra [dev] brings hatchling, which builds wheels")
    folder = tmp_path_factory.mktemp("wheel")
    built = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    (made,) = folder.glob("*.whl")
    return made


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of packages: the wheel, and this environment without what trains and without us."""
    folder = tmp_path_factory.mktemp("installed")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    left_out = {"sequestra", *TRAINING}
    for found in distributions():
        name = found.metadata["Name"].lower().replace("_", "-")
        if name in left_out or found.files is None:
            continue
        for top in {file.parts[0] for file in found.files if ".." not in file.parts}:
            there = Path(str(found.locate_file(top)))
            if there.exists() and not (folder / top).exists() and top != "__pycache__":
                (folder / top).symlink_to(there)
    assert not (folder / "torch").exists()
    return folder


def command(installed: Path, cwd: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `sequestra` of the installed folder, with nothing else on the path."""
    program = (
        f"import sys; sys.path.insert(0, {str(installed)!r}); "
        "from evaluator import cli; "
        f"assert cli.__file__.startswith({str(installed)!r}), cli.__file__; cli.main()"
    )
    # -S: without this environment's own packages; -P: without the folder it is run in.
    return subprocess.run(
        [sys.executable, "-S", "-P", "-c", program, *arguments],
        cwd=cwd,
        env={**environment(), "PYTHONPATH": ""},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


def test_the_benchmarks_come_with_the_wheel(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        for path in (REPOSITORY / "benchmarks").glob("*.toml"):
            assert archive.read(f"evaluator/benchmarks/{path.name}") == path.read_bytes()


def test_the_installed_command_line_is_a_module_too(installed: Path, tmp_path: Path) -> None:
    program = f"import sys; sys.path.insert(0, {str(installed)!r}); import runpy; "
    for module, arguments, code in (("sequestra", "--version", 0), ("sequestra", "nosuch", 2)):
        ended = subprocess.run(
            [
                *(sys.executable, "-S", "-P", "-c"),
                program + f"runpy.run_module({module!r}, run_name='__main__', alter_sys=True)",
                arguments,
            ],
            cwd=tmp_path,
            env={**environment(), "PYTHONPATH": ""},
            capture_output=True,
            text=True,
            check=False,
        )
        assert ended.returncode == code, ended.stderr
        assert "Traceback" not in ended.stderr


def test_all_that_the_packages_read_is_in_the_wheel(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        inside = set(archive.namelist())
    for package in MAY_IMPORT:
        for path in (REPOSITORY / package).rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts and path.suffix != ".pyc":
                assert path.relative_to(REPOSITORY).as_posix() in inside


def test_the_line_of_the_readme_finds_its_benchmark(installed: Path, tmp_path: Path) -> None:
    line = "sequestra sequester benchmarks/simulated-opacity.toml --catalog catalog --open open.csv"
    assert line in (REPOSITORY / "README.md").read_text()
    commons = command(installed, tmp_path, "simulate", "commons", "--patients", "60")
    assert commons.returncode == 0, commons.stderr
    clinical = ("--clinical", "commons/clinical.csv", "--clinical", "commons/measurement.tsv")
    indexed = command(installed, tmp_path, "index", "commons/dicom", *clinical, "-o", "catalog")
    assert indexed.returncode == 0, indexed.stderr
    done = command(installed, tmp_path, *line.split()[1:])
    assert done.returncode == 0, done.stderr
    kept = tmp_path / "sequestra-home" / "benchmarks" / "simulated-opacity.toml"
    shipped = REPOSITORY / "benchmarks" / "simulated-opacity.toml"
    assert kept.read_bytes() == shipped.read_bytes()


def test_another_benchmark_is_refused_with_those_that_come_along(
    installed: Path, tmp_path: Path
) -> None:
    arguments = ("sequester", "benchmarks/mine.toml", "--catalog", "c", "--open", "o.csv")
    done = command(installed, tmp_path, *arguments)
    assert done.returncode == 2
    assert "no benchmark file benchmarks/mine.toml" in done.stderr
    assert "benchmarks/simulated-opacity.toml" in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [("train", "open.csv"), ("export", "model"), ("demo", "--folder", "walk")],
    ids=lambda arguments: arguments[0],
)
def test_a_command_that_needs_the_extra_says_so_at_once(
    installed: Path, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    done = command(installed, tmp_path, *arguments)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert "pip install 'sequestra[baselines]'" in done.stderr
    for name in TRAINING:
        assert name in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_the_doctor_examines_the_machine_before_there_is_an_installation(
    installed: Path, tmp_path: Path
) -> None:
    done = command(installed, tmp_path, "doctor")
    assert done.returncode in (0, 1)  # 1: this machine has no container engine
    for subject in ("package names", "container engine", "disk", "enclave keys", "installation"):
        assert subject in done.stdout
    assert "none in sequestra-home yet" in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_what_an_extra_asks_for_is_read_from_the_metadata() -> None:
    requirements = [
        "pytest>=1",
        "no-such-package>=2; extra == 'training'",
        'another.absent[x]~=3.0 ; (python_version >= "3.11") and extra == "training"',
        "pytest; extra == 'training'",
        "not-asked-for; extra == 'other'",
    ]
    assert lacking(requirements, "training") == ["no-such-package", "another.absent"]
    assert lacking(requirements, "none") == []
