"""pyproject.toml names what is imported, and nothing that is not."""

from __future__ import annotations

import re
import sys
import tomllib
from importlib.metadata import packages_distributions

from tests.support.imports import MAY_IMPORT, imported, modules
from tests.support.repository import REPOSITORY

PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
PLUG_INS = {
    "pylibjpeg",  # pydicom's plug-in for JPEG 2000 and RLE, and its decoders
    "pylibjpeg-openjpeg",
    "pylibjpeg-rle",
    "onnx",  # torch's exporter and what it writes with
    "onnxscript",
}
"""What is declared though nothing of ours imports it: others look for it."""


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def named(requirements: list[str]) -> set[str]:
    return {normal(re.split(r"[\s\[<>=!~;]", each, maxsplit=1)[0]) for each in requirements}


def ours(*packages: str) -> set[str]:
    """The distributions that packages of ours import."""
    owners = packages_distributions()
    found: set[str] = set()
    for path in modules():
        if path.parts[0] in packages:
            for module in imported(path):
                top = module.split(".")[0]
                if top not in MAY_IMPORT and top not in sys.stdlib_module_names:
                    names = owners.get(top, [top])  # of an extra that is not installed
                    found.add(normal(top if top in names else names[0]))
    return found


def test_everything_that_is_imported_is_declared() -> None:
    base = named(PROJECT["dependencies"])
    extra = named(PROJECT["optional-dependencies"]["baselines"])
    sign_in = named(PROJECT["optional-dependencies"]["oidc"])
    assert ours("metrics", "cohort_selection", "submissions", "evaluator") <= base | sign_in
    assert ours("baselines") <= base | extra


def test_nothing_is_declared_that_nobody_imports() -> None:
    declared = named(PROJECT["dependencies"]) | named(PROJECT["optional-dependencies"]["baselines"])
    assert declared - ours(*MAY_IMPORT) - PLUG_INS == set()


def test_every_pin_meets_its_bound_and_every_dependency_has_a_pin() -> None:
    pins = dict(
        re.findall(r"^([\w.-]+)==([\w.]+)$", (REPOSITORY / "constraints.txt").read_text(), re.M)
    )
    pinned = {normal(name): number(version) for name, version in pins.items()}
    extras = PROJECT["optional-dependencies"].values()
    for requirement in [*PROJECT["dependencies"], *(each for extra in extras for each in extra)]:
        (lowest,) = re.findall(r">=([\d.]+)", requirement)
        (name,) = named([requirement])
        assert pinned[name] >= number(lowest), requirement


def number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version))
