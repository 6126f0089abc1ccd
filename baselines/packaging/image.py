"""Builds a container image that keeps the contract from a model directory."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from baselines.container import prevalence
from baselines.model_card import CARD, ONNX, ModelDirectoryError, read_card
from cohort_selection.cases import Case
from cohort_selection.sequestration.open_list import read_open
from submissions.host import base_image

HERE = Path(__file__).resolve().parent
PACKAGES = HERE.parents[1]
LIBRARIES = (
    "onnxruntime",
    "numpy",
    "pydicom",
    "imagecodecs",
    "pylibjpeg",
    "pylibjpeg-openjpeg",
    "pylibjpeg-rle",
)
"""What predict.py imports, in the versions installed here: what has trained also scores."""

PREDICT = (
    "baselines.container.images",
    "baselines.container.predict",
    "cohort_selection.pixels.area",
    "cohort_selection.pixels.decoders",
    "cohort_selection.pixels.intensities",
    "cohort_selection.pixels.scratch",
)
"""The modules that an image of a trained model holds."""

NEWEST_GLIBC, OLDEST_GLIBC = 36, 17
MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}
PIP_SECONDS = 900.0

TRIMMED = (
    "**/__pycache__",
    "**/tests",
    "**/*.pyi",
    "bin",
    "numpy/distutils",
    "numpy/f2py",
    "numpy/_core/include",
    "numpy/_core/lib",
    "onnxruntime/quantization",
    "onnxruntime/tools",
    "onnxruntime/transformers",
    "pydicom/data/test_files",
    "pydicom/data/charset_files",
    "pydicom/data/palettes",
    "pydicom/sr",
)
"""Parts of the wheels that no prediction needs."""


class PackagingError(OSError):
    """The libraries of an image could not be had; the message says why."""


@dataclass(frozen=True, slots=True)
class Packaged:
    """An image in the local engine; ``threshold`` is what to declare with its submission."""

    tag: str
    digest: str
    threshold: float


def package(
    tag: str,
    *,
    model: Path | None = None,
    prevalence_of: Path | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> Packaged:
    """Build the image of a model directory, or of the constant model of an open list.

    Raises PackagingError unless exactly one is given, and what building either raises.
    """
    if model is not None and prevalence_of is None:
        return package_model(model, tag, progress=progress)
    if prevalence_of is not None and model is None:
        return package_prevalence(read_open(prevalence_of), tag, progress=progress)
    raise PackagingError("give either a model directory or an open list for the constant model")


def package_model(
    directory: Path, tag: str, *, progress: Callable[[str], None] = lambda _: None
) -> Packaged:
    """Build the image of a trained and exported model directory.

    Raises ModelDirectoryError, PackagingError, EngineUnavailable, BaseImageUnavailable.
    """
    card = read_card(directory)
    if not (directory / ONNX).is_file():
        raise ModelDirectoryError(
            f"{directory} holds no {ONNX}; run `sequestra export {directory}` first"
        )
    progress("finding the base image")
    base = base_image.ensure_base_image(progress)
    progress("gathering the libraries")
    site = libraries(python_of(base))
    with tempfile.TemporaryDirectory(dir=base_image.cache()) as folder:
        context = Path(folder)
        _link_tree(site, context / "site")
        write_model(directory, context / "model")
        progress(f"building {tag}")
        return Packaged(tag, _build(context, tag, base), card.threshold)


def package_prevalence(
    cases: Sequence[Case], tag: str, *, progress: Callable[[str], None] = lambda _: None
) -> Packaged:
    """Build the image of the constant model: Python and nothing else.

    Raises NoCases, EngineUnavailable, BaseImageUnavailable.
    """
    score = prevalence.prevalence(cases)
    progress("finding the base image")
    base = base_image.ensure_base_image(progress)
    with tempfile.TemporaryDirectory(dir=base_image.cache()) as folder:
        context = Path(folder)
        (context / "site").mkdir()
        write_program(context / "model", "prevalence", ("baselines.container.prevalence",))
        (context / "model" / CARD).write_text(json.dumps({"prevalence": score}) + "\n")
        progress(f"building {tag}")
        return Packaged(tag, _build(context, tag, base), 0.5)


def write_model(directory: Path, target: Path) -> None:
    """Write the program, the card and the network of a model directory into ``target``."""
    write_program(target, "predict", PREDICT)
    for name in (CARD, ONNX):
        shutil.copyfile(directory / name, target / name)


def write_program(directory: Path, program: str, modules: Sequence[str]) -> None:
    """Copy modules as they are, and what starts ``program`` by `python3 DIR`."""
    for module in modules:
        file = Path(*module.split(".")).with_suffix(".py")
        (directory / file).parent.mkdir(parents=True, exist_ok=True)
        for package in file.parents[:-1]:
            (directory / package / "__init__.py").touch()
        shutil.copyfile(PACKAGES / file, directory / file)
    (directory / "__main__.py").write_text(
        f"import sys\n\nfrom baselines.container.{program} import check, main\n\n"
        'if sys.argv[1:] == ["--check"]:\n    check()\nelse:\n    main()\n',
        encoding="utf-8",
    )


def libraries(python: str) -> Path:
    """Give a folder with LIBRARIES for Linux and ``python``, fetched once and then kept.

    Raises PackagingError.
    """
    machine = MACHINES.get(platform.machine().lower(), platform.machine())
    wanted = _requirements()
    key = hashlib.sha256("\n".join([python, machine, *wanted, *TRIMMED]).encode()).hexdigest()
    kept = base_image.cache() / f"site-{key[:16]}"
    with base_image.alone("libraries"):
        if kept.is_dir():
            return kept
        with tempfile.TemporaryDirectory(dir=base_image.cache()) as folder:
            site = Path(folder) / "site"
            _install(wanted, site, python, machine)
            _trim(site)
            site.rename(kept)
    return kept


def python_of(base: str) -> str:
    """Ask a base image which Python it has: "3.11".

    Raises PackagingError where it has none, EngineUnavailable without an engine.
    """
    ask = "import sys; print('{}.{}'.format(*sys.version_info))"
    without = ("--rm", "--network", "none", "--read-only", "--user", "65533:65533")
    asked = base_image.docker("run", *without, "--entrypoint", "python3", base, "-c", ask)
    said = asked.stdout.strip()
    if asked.returncode or not re.fullmatch(r"3\.\d+", said):
        last = [said, *asked.stderr.strip().splitlines()][-1]
        raise PackagingError(
            f"the base image {base} does not say which python3 it has ({last or 'no answer'}); "
            "give one with Python 3.11 or newer"
        )
    return said


def _requirements() -> list[str]:
    try:
        return [f"{name}=={version(name)}" for name in LIBRARIES]
    except PackageNotFoundError as error:
        raise PackagingError(
            f"{error.name} is not installed here, and an image gets the versions installed here; "
            "install sequestra[baselines]"
        ) from error


def _install(wanted: Sequence[str], site: Path, python: str, machine: str) -> None:
    """Fetch wheels alone, for any Linux with a glibc up to that of the base images."""
    glibcs = range(NEWEST_GLIBC, OLDEST_GLIBC - 1, -1)
    platforms = [
        *(f"manylinux_2_{minor}_{machine}" for minor in glibcs),
        f"manylinux2014_{machine}",
    ]
    try:
        done = subprocess.run(
            [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-compile"]
            + ["--only-binary", ":all:", "--implementation", "cp", "--python-version", python]
            + [part for name in platforms for part in ("--platform", name)]
            + ["--target", str(site), *wanted],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=PIP_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise PackagingError(
            f"pip did not fetch {', '.join(wanted)} in {PIP_SECONDS:.0f} s; "
            "check that it reaches its package index"
        ) from error
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
        raise PackagingError(
            f"pip could not fetch {', '.join(wanted)} for Python {python} on {machine} Linux "
            f"({(said or ['no message'])[-1]}); check that pip reaches its package index, and that "
            f"these have wheels for Python {python}"
        )


def _trim(site: Path) -> None:
    """Remove what no prediction needs; the licences in *.dist-info stay."""
    for pattern in TRIMMED:
        for path in sorted(site.glob(pattern)):
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)


def _link_tree(source: Path, target: Path) -> None:
    """Copy a tree by hard links: the cache lies on the same file system as the context."""
    shutil.copytree(source, target, copy_function=os.link)


def _build(context: Path, tag: str, base: str) -> str:
    """Build the context, readable by any user, and give the image's digest."""
    shutil.copyfile(HERE / "Dockerfile", context / "Dockerfile")
    for path in context.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)
    return base_image.build(context, tag, base)
