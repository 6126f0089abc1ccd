"""Scores each case: read the list of cases, ask the model, write one row for each."""

from __future__ import annotations

import csv
from pathlib import Path

from model import Model

INPUT = Path("/input")
OUTPUT = Path("/output/predictions.csv")
OUTPUTS = ("probability",)
SUM_TO_ONE = False
LOWEST, HIGHEST = 0.0, 1.0


def asked(values: list[float]) -> list[float]:
    """Give values from 0 to 1 as the benchmark asks for them.

    Probabilities of classes sum to 1. Grades go over the whole scale: a model that gives grades
    needs no stretching.
    """
    total = sum(values)
    if not SUM_TO_ONE:
        return [LOWEST + (HIGHEST - LOWEST) * value for value in values]
    return [value / total if total else 1 / len(values) for value in values]


def main() -> None:
    """Score every case, and write the one file that the container may write."""
    model = Model(len(OUTPUTS))
    with (INPUT / "cases.csv").open(encoding="utf-8", newline="") as file:
        case_ids = [row["case_id"] for row in csv.DictReader(file)]
    with OUTPUT.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["case_id", *OUTPUTS])
        for case_id in case_ids:
            files = sorted((INPUT / "images" / case_id).glob("*.dcm"))
            values = asked(model.score(files))
            rows.writerow([case_id, *(f"{value:.6f}" for value in values)])


if __name__ == "__main__":
    main()
