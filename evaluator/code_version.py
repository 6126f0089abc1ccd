"""What names the code that scores: the version, and the source itself."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

_PACKAGES = Path(__file__).resolve().parent.parent
_SCORING = (
    "analysis_plan",
    "scoring_input",
    "case_table",
    "case_labels",
    "target_population",
    "scoring",
    "results",
    "probing",
    "evaluation",
    "suppression",
    "rounding",
    "released_curves",
    "disclosure",
)
_COMPUTING = ("numpy", "numba", "llvmlite")


@cache
def code_version() -> str:
    """The installed version and the first digits of a digest over what makes figures.

    A metric that is changed without a new version number is another metric all the same, and so it
    may be with another version of what computes it.
    """
    try:
        number = version("sequestra")
    except PackageNotFoundError:
        number = "0"
    sources = sorted((_PACKAGES / "metrics").glob("*.py"))
    sources += [_PACKAGES / "evaluator" / f"{name}.py" for name in _SCORING]
    digest = hashlib.sha256()
    for source in sources:
        digest.update(f"{source.name}\0".encode() + source.read_bytes() + b"\0")
    for library in _COMPUTING:
        digest.update(f"{library} {version(library)}\0".encode())
    return f"{number}+{digest.hexdigest()[:12]}"
