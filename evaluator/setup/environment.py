"""Install what Sequestra needs into this environment; ``python -m evaluator.setup.environment``.

Says before it starts how much it will fetch. Runs in an environment that has pip and nothing else.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
CONSTRAINTS = CHECKOUT / "constraints.txt"
EXTRAS = "baselines,dev"


class SetUpError(OSError):
    """The environment cannot be made on this machine; the message says what is in the way."""


@dataclass(frozen=True, slots=True)
class Build:
    """A build of torch: what pip is asked for, and what the whole environment then takes, in GB.

    Measured with the versions of constraints.txt on Linux x86-64 and Python 3.11.
    """

    requirement: str
    fetched: float
    on_disk: float


def has_card(root: Path = Path("/")) -> bool:
    """Whether an NVIDIA driver is loaded, without which CUDA is of no use."""
    return any((root / place).exists() for place in ("proc/driver/nvidia/version", "dev/nvidiactl"))


def choose(pin: str, *, card: bool) -> Build:
    """The build of torch to install, asking pip what the configured index offers.

    ``pin`` is "torch==VERSION". pip's own choice, unless that brings CUDA to a machine without a
    ``card`` and the index has the build for processors alone, "torch==VERSION+cpu".

    Raises SetUpError where pip finds no torch at all.
    """
    brought = _would_install(pin)
    if brought is None:
        raise SetUpError(
            f"pip finds no {pin} for Python {sys.version_info.major}.{sys.version_info.minor}; "
            f"check that it reaches its package index"
        )
    if not any(name.startswith("nvidia-") for name in brought):
        return Build(pin, 0.7, 3.2)
    if not card and _would_install(f"{pin}+cpu") is not None:
        return Build(f"{pin}+cpu", 0.7, 3.2)
    return Build(pin, 3.2, 6.9)


def announced(build: Build, *, card: bool) -> str:
    """What is said before anything is fetched."""
    sizes = f"about {build.fetched:g} GB to fetch, {build.on_disk:g} GB on disk"
    if build.fetched < 1:
        return f"Installing with torch for processors alone: {sizes}."
    if card:
        return f"Installing with torch for this machine's NVIDIA card: {sizes}."
    return (
        f"Installing with torch for NVIDIA cards, though this machine has none: {sizes}. The "
        f"package index that pip uses has no {build.requirement}+cpu, which takes 0.7 GB to fetch; "
        f"to have it, stop here and name an index that has (PIP_EXTRA_INDEX_URL, or pip config)."
    )


def install(say: Callable[[str], None]) -> None:
    """Install Sequestra, editable, with what trains and what tests it; raise SetUpError."""
    pin = re.search(r"^torch==[\w.]+", CONSTRAINTS.read_text(encoding="utf-8"), re.MULTILINE)
    assert pin is not None
    card = has_card()
    build = choose(pin[0], card=card)
    say(announced(build, card=card))
    free = shutil.disk_usage(sys.prefix).free / 1e9
    if free < build.on_disk:
        raise SetUpError(
            f"{sys.prefix} has {free:.1f} GB free and the environment takes "
            f"{build.on_disk:g}; free some, or name another place with VENV"
        )
    with tempfile.TemporaryDirectory() as folder:
        chosen = Path(folder) / "torch.txt"
        chosen.write_text(f"{build.requirement}\n", encoding="utf-8")
        constraints = ("--constraint", str(CONSTRAINTS), "--constraint", str(chosen))
        ended = subprocess.run(
            [*_pip("install"), *constraints, "--editable", f".[{EXTRAS}]"],
            cwd=CHECKOUT,
            check=False,
        )
    if ended.returncode:
        raise SetUpError(f"pip ended with code {ended.returncode}; see above")


def _would_install(requirement: str) -> set[str] | None:
    """Names of the distributions that pip would bring; None where it finds no such thing."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        ended = subprocess.run(
            [
                *_pip("install"),
                *("--quiet", "--dry-run", "--ignore-installed", "--report", str(report)),
                requirement,
            ],
            capture_output=True,
            check=False,
        )
        if ended.returncode:
            return None
        document = json.loads(report.read_text(encoding="utf-8"))
    return {entry["metadata"]["name"].lower() for entry in document["install"]}


def _pip(command: str) -> Sequence[str]:
    return (sys.executable, "-m", "pip", command)


def main() -> int:
    """Install, saying what; the exit status is 1 where that is not possible."""
    try:
        install(_say)
    except SetUpError as error:
        _say(str(error))
        return 1
    return 0


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")


if __name__ == "__main__":
    os.environ.setdefault("PIP_DISABLE_PIP_VERSION_CHECK", "1")
    sys.exit(main())
