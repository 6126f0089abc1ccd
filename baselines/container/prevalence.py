"""The constant model: every case gets the prevalence of the open part; AUROC one half.

``main`` is the program in its container and needs the standard library alone.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cohort_selection.cases import Case

INPUT, OUTPUT = Path("/input"), Path("/output/predictions.csv")


class NoCases(ValueError):
    """An open list without cases has no prevalence."""


def prevalence(cases: Sequence[Case]) -> float:
    """Give the share of positive cases, at the six decimals that predictions carry.

    Raises NoCases.
    """
    if not cases:
        raise NoCases("the open list has no cases; the prevalence needs at least one")
    return round(sum(case.label for case in cases) / len(cases), 6)


def predict(score: float, directory: Path, output: Path) -> int:
    """Write ``score`` for every case of ``directory``; give their number."""
    with (directory / "cases.csv").open(newline="", encoding="utf-8") as table:
        case_ids = [row["case_id"] for row in csv.DictReader(table)]
    with output.open("w", newline="", encoding="utf-8") as table:
        table.write("case_id,probability\n")
        table.writelines(f"{case_id},{score:.6f}\n" for case_id in case_ids)
    return len(case_ids)


def read_score() -> float:
    """Read the score from the card, which in the image lies beside this package."""
    card = Path(__file__).resolve().parents[2] / "card.json"
    return float(json.loads(card.read_text(encoding="utf-8"))["prevalence"])


def main() -> None:
    """Run over the mounted cases."""
    predict(read_score(), INPUT, OUTPUT)


def check() -> None:
    """Read the card: a build that lacks it ends here."""
    read_score()
