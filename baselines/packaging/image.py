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
from baselines.container.answers import ORDINAL
from baselines.model_card import (
    CARD,
    DESCRIPTION,
    ONNX,
    SBOM,
    TABLE,
    TORCH,
    Card,
    ModelDirectoryError,
    described,
    read_card,
)
from baselines.packaging.bill import bill_of
from baselines.packaging.modules import modules_of
from cohort_selection.atomic_files import write_bytes
from cohort_selection.benchmark_keys.meant import did_you_mean
from cohort_selection.cases import Case
from cohort_selection.sequestration.open_list import read_open
from submissions.host import base_image

HERE = Path(__file__).resolve().parent
PACKAGES = HERE.parents[1]
DECODERS = (
    "numpy",
    "pydicom",
    "imagecodecs",
    "pylibjpeg",
    "pylibjpeg-openjpeg",
    "pylibjpeg-rle",
)
LIBRARIES = ("onnxruntime", *DECODERS)
"""What predict.py imports, in the versions installed here: what has trained also scores."""
HEADER_LIBRARIES = ("pydicom",)

PREDICT = modules_of("baselines.container.predict")
"""The modules that an image of a trained network holds."""
PREDICT_TORCH = modules_of("baselines.container.predict_torch")
TABULAR = ("baselines.container.answers", "baselines.container.tabular")
HEADER_MODULES = (*TABULAR, "baselines.container.headers")

ONNX_FLAVOUR, TORCH_FLAVOUR = "onnx", "torch"
FLAVOURS = (ONNX_FLAVOUR, TORCH_FLAVOUR)
TORCH_BASE = (
    "the torch flavour needs a base image with Python 3.11 or newer and torch {version} or newer, "
    "built for CUDA where the benchmark grants GPUs, such as "
    "pytorch/pytorch:{version}-cuda13.0-cudnn9-runtime"
)
"""Which base the flavour stands on: torch and CUDA are 6 GB, and hosts have them already."""

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
    """An image in the local engine; ``threshold`` is what to declare with its submission.

    It is None for grades: the benchmark says where they are cut.
    """

    tag: str
    digest: str
    threshold: float | None


def package(
    tag: str,
    *,
    model: Path | None = None,
    prevalence_of: Path | None = None,
    flavour: str = ONNX_FLAVOUR,
    base: str | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> Packaged:
    """Build the image of a model directory, or of the constant model of an open list.

    ``base`` is an image to build on instead of the usual one; the torch flavour needs one. Raises
    PackagingError unless exactly one of model and list is given, and what building either raises.
    """
    if flavour not in FLAVOURS:
        raise PackagingError(
            f"flavour {flavour!r} is unknown{did_you_mean(flavour, FLAVOURS)}; choose from "
            f"{', '.join(FLAVOURS)}"
        )
    if model is not None and prevalence_of is None:
        return package_model(model, tag, flavour=flavour, base=base, progress=progress)
    if prevalence_of is not None and model is None:
        return package_prevalence(read_open(prevalence_of), tag, base=base, progress=progress)
    raise PackagingError("give either a model directory or an open list for the constant model")


def package_model(
    directory: Path,
    tag: str,
    *,
    flavour: str = ONNX_FLAVOUR,
    base: str | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> Packaged:
    """Build the image of a trained and, if it is a network, exported model directory.

    Its bill of materials lies in the image and, afterwards, in the directory. Raises
    ModelDirectoryError, PackagingError, EngineUnavailable, BaseImageUnavailable.
    """
    card = read_card(directory)
    contents = contents_of(card, flavour)
    for name in contents.files:
        if not (directory / name).is_file():
            raise ModelDirectoryError(
                f"{directory} holds no {name}; run `sequestra export {directory}"
                f"{' --flavour torch' if name == TORCH else ''}` first"
            )
    if flavour == TORCH_FLAVOUR and contents.program == "predict_torch" and base is None:
        release = version("torch").partition("+")[0]
        raise PackagingError(f"{TORCH_BASE.format(version=release)}; name it with --base")
    progress("finding the base image")
    base = base_image.ensure_base_image(progress) if base is None else base
    site = None
    if contents.libraries:
        progress("gathering the libraries")
        site = libraries(python_of(base), contents.libraries)
    with tempfile.TemporaryDirectory(dir=base_image.cache()) as folder:
        context = Path(folder)
        write_context(directory, context, site, contents, bill_of(site, base))
        progress(f"building {tag}")
        digest = _build(context, tag, base)
        write_bytes(directory / SBOM, (context / "model" / SBOM).read_bytes())
    return Packaged(tag, digest, None if card.kind == ORDINAL else card.threshold)


def package_prevalence(
    cases: Sequence[Case],
    tag: str,
    *,
    base: str | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> Packaged:
    """Build the image of the constant model: Python and nothing else.

    Raises NoCases, EngineUnavailable, BaseImageUnavailable.
    """
    score = prevalence.prevalence(cases)
    progress("finding the base image")
    base = base_image.ensure_base_image(progress) if base is None else base
    with tempfile.TemporaryDirectory(dir=base_image.cache()) as folder:
        context = Path(folder)
        (context / "site").mkdir()
        write_program(context / "model", "prevalence", ("baselines.container.prevalence",))
        (context / "model" / CARD).write_text(json.dumps({"prevalence": score}) + "\n")
        (context / "model" / SBOM).write_text(bill_of(None, base), encoding="utf-8")
        progress(f"building {tag}")
        return Packaged(tag, _build(context, tag, base), 0.5)


@dataclass(frozen=True, slots=True)
class Contents:
    """What an image of a model holds: its program, modules, files of the model, libraries."""

    program: str
    modules: tuple[str, ...]
    files: tuple[str, ...]
    libraries: tuple[str, ...]


def contents_of(card: Card, flavour: str = ONNX_FLAVOUR) -> Contents:
    """Say what the image of a card's model holds; one that reads a table needs no network."""
    if card.baseline == "headers":
        return Contents("tabular", HEADER_MODULES, (CARD, TABLE), HEADER_LIBRARIES)
    if card.baseline in {"demographics", "prevalence"}:
        return Contents("tabular", TABULAR, (CARD, TABLE), ())
    if flavour == TORCH_FLAVOUR:
        return Contents("predict_torch", PREDICT_TORCH, (CARD, TORCH), DECODERS[1:])
    return Contents("predict", PREDICT, (CARD, ONNX), LIBRARIES)


def write_context(
    directory: Path, context: Path, site: Path | None, contents: Contents, bill: str
) -> None:
    """Fill a build context: libraries in ``site``; program, model, cards and bill in ``model``."""
    if site is None:
        (context / "site").mkdir()
    else:
        _link_tree(site, context / "site")
    write_model(directory, context / "model", contents)
    (context / "model" / SBOM).write_text(bill, encoding="utf-8")


def write_model(directory: Path, target: Path, contents: Contents | None = None) -> None:
    """Write the program, the card and the model of a model directory into ``target``."""
    contents = contents_of(read_card(directory)) if contents is None else contents
    write_program(target, contents.program, contents.modules)
    for name in contents.files:
        shutil.copyfile(directory / name, target / name)
    (target / DESCRIPTION).write_text(described(read_card(directory)), encoding="utf-8")


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


def libraries(python: str, names: Sequence[str] = LIBRARIES) -> Path:
    """Give a folder with libraries for Linux and ``python``, fetched once and then kept.

    Raises PackagingError.
    """
    machine = MACHINES.get(platform.machine().lower(), platform.machine())
    requirements = _requirements(names)
    key = hashlib.sha256("\n".join([python, machine, *requirements, *TRIMMED]).encode()).hexdigest()
    kept = base_image.cache() / f"site-{key[:16]}"
    with base_image.alone("libraries"):
        if kept.is_dir():
            return kept
        with tempfile.TemporaryDirectory(dir=base_image.cache()) as folder:
            site = Path(folder) / "site"
            _install(requirements, site, python, machine)
            _trim(site)
            site.rename(kept)
    return kept


def python_of(base: str) -> str:
    """Ask a base image which Python it has: "3.11".

    Raises PackagingError where it has none, EngineUnavailable without an engine.
    """
    ask = "import sys; print('{}.{}'.format(*sys.version_info))"
    ended = base_image.ask(base, "python3", "-c", ask)
    answer = ended.stdout.strip()
    if ended.returncode or not re.fullmatch(r"3\.\d+", answer):
        last = [answer, *ended.stderr.strip().splitlines()][-1]
        raise PackagingError(
            f"the base image {base} does not say which python3 it has ({last or 'no answer'}); "
            "give one with Python 3.11 or newer"
        )
    return answer


def _requirements(names: Sequence[str]) -> list[str]:
    try:
        return [f"{name}=={version(name)}" for name in names]
    except PackageNotFoundError as error:
        raise PackagingError(
            f"{error.name} is not installed here, and an image gets the versions installed here; "
            "install sequestra[baselines]"
        ) from error


def _install(requirements: Sequence[str], site: Path, python: str, machine: str) -> None:
    """Fetch wheels alone, for any Linux with a glibc up to that of the base images."""
    glibcs = range(NEWEST_GLIBC, OLDEST_GLIBC - 1, -1)
    platforms = [
        *(f"manylinux_2_{minor}_{machine}" for minor in glibcs),
        f"manylinux2014_{machine}",
    ]
    try:
        ended = subprocess.run(
            [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-compile"]
            + ["--only-binary", ":all:", "--implementation", "cp", "--python-version", python]
            + [part for name in platforms for part in ("--platform", name)]
            + ["--target", str(site), *requirements],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=PIP_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise PackagingError(
            f"pip did not fetch {', '.join(requirements)} in {PIP_SECONDS:.0f} s; "
            "check that it reaches its package index"
        ) from error
    if ended.returncode:
        errors = [line for line in ended.stderr.splitlines() if line.startswith("ERROR")]
        raise PackagingError(
            f"pip could not fetch {', '.join(requirements)} for Python {python} on {machine} Linux "
            f"({(errors or ['no message'])[-1]}); check that pip reaches its package index, and "
            f"that these have wheels for Python {python}"
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
