"""The least that a submission must do: read the cases, write one score for each."""

from __future__ import annotations

import csv
from pathlib import Path

INPUT = Path("/input")
OUTPUT = Path("/output/predictions.csv")
OUTPUTS = ("probability",)
SUM_TO_ONE = False
LOWEST, HIGHEST = 0.0, 1.0


def score(files: list[Path]) -> list[float]:
    """Put your model here: the DICOM files of one case in, a probability for each output out."""
    size = sum(file.stat().st_size for file in files)
    return [(size * place % 1000) / 1000 for place in range(1, len(OUTPUTS) + 1)]


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
    with (INPUT / "cases.csv").open(encoding="utf-8", newline="") as file:
        case_ids = [row["case_id"] for row in csv.DictReader(file)]
    with OUTPUT.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["case_id", *OUTPUTS])
        for case_id in case_ids:
            files = sorted((INPUT / "images" / case_id).glob("*.dcm"))
            rows.writerow([case_id, *(f"{value:.6f}" for value in asked(score(files)))])


if __name__ == "__main__":
    main()
