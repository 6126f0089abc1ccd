"""Names the code that scores: the version, and a digest of its source."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from cohort_selection.source_digest import source_digest

_PACKAGES = Path(__file__).resolve().parents[2]
_SCORING = (
    "scoring/analysis_plan.py",
    "scoring/target_population.py",
    "scoring/groups.py",
    "scoring/score.py",
    "scoring/declared_gaps.py",
    "scoring/curves.py",
    "scoring/score_tables.py",
    "scoring/results.py",
    "probing/set_apart.py",
    "evaluation.py",
    "tasks/scored_cases.py",
    "tasks/kinds.py",
    "tasks/tops.py",
    "tasks/multilabel.py",
    "tasks/multiclass.py",
    "tasks/ordinal.py",
    "tasks/regions.py",
    "tasks/matched_marks.py",
    "tasks/few_regions_apart.py",
    "tasks/segmentation.py",
    "tasks/localisation.py",
    "tasks/judged.py",
    "tasks/released.py",
    "disclosure/suppression.py",
    "attacker/cells.py",
    "attacker/structure.py",
    "attacker/programme.py",
    "attacker/told.py",
    "disclosure/earlier.py",
    "attacker/own_counts.py",
    "attacker/nesting.py",
    "disclosure/protection.py",
    "disclosure/rounding.py",
    "disclosure/curves.py",
    "disclosure/rule.py",
    "disclosure/shown_figures.py",
    "disclosure/control.py",
)
_PLACING = ("task/runs.py", "regions/grids.py", "regions/stacks.py")
"""Modules of cohort_selection by which masks and marks lie in a case's pictures."""
_PAGE = "figures_page.py"
"""The module that prints a page of the documentation; no figure depends on it."""
_COMPUTING = ("numpy", "numba", "llvmlite")
_FORMERLY: dict[str, str] = {
    "0.1.0+e499490c8133": "0.1.0+0015e4ff6613",
}
"""The present version, and a former one whose code gives the same figures."""


@cache
def code_version() -> str:
    """The installed version and the first digits of a digest over what makes figures.

    A metric that is changed without a new version number is another metric all the same, and so it
    may be with another version of what computes it. A change of words alone makes no new version.
    """
    try:
        number = version("sequestra")
    except PackageNotFoundError:
        number = "0"
    metrics = (_PACKAGES / "metrics").rglob("*.py")
    sources = sorted(path for path in metrics if path.name != _PAGE)
    sources += [_PACKAGES / "evaluator" / name for name in _SCORING]
    sources += [_PACKAGES / "cohort_selection" / name for name in _PLACING]
    digest = hashlib.sha256(source_digest(sources, _PACKAGES).encode())
    for library in _COMPUTING:
        digest.update(f"{library} {version(library)}\0".encode())
    return f"{number}+{digest.hexdigest()[:12]}"


def former_version(code: str) -> str | None:
    """The name that the same code had in earlier releases, if it had another."""
    return _FORMERLY.get(code)
