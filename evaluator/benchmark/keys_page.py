"""Prints docs/benchmark.md with the lists of keys that the tables declare now.

``python -m evaluator.benchmark.keys_page > page.md && mv page.md docs/benchmark.md``
"""

from __future__ import annotations

import sys
from pathlib import Path

from cohort_selection.benchmark_keys.reference import replaced
from evaluator.benchmark.file import tables

PAGE = Path(__file__).resolve().parents[2] / "docs" / "benchmark.md"


def page() -> str:
    """The page as it should be."""
    return replaced(PAGE.read_text(encoding="utf-8"), tables())


if __name__ == "__main__":
    sys.stdout.write(page())
