"""A small made reader study: five readers, two modalities, 24 positive of 60 cases, 40 patients."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np

CASES, POSITIVE, READERS = 60, 24, 5


@dataclass(frozen=True, slots=True)
class MadeReads:
    """Tables in a folder, and the same as arrays; ``ratings`` (modalities, readers, cases)."""

    labels: Path
    reads: Path
    model: Path
    y: np.ndarray
    patients: np.ndarray
    ratings: np.ndarray
    model_scores: np.ndarray

    @property
    def calls(self) -> np.ndarray:
        """Ratings from 4 on are calls."""
        return (self.ratings >= 4).astype(float)


MODALITIES = ("aided", "unaided")


def make(folder: Path, seed: int = 3) -> MadeReads:
    """Write the tables; readers rate 1 to 5, and the second modality is the easier one."""
    rng = np.random.default_rng(seed)
    y = np.arange(CASES) < POSITIVE
    patients = np.array([f"p{i // 2 if i < 40 else i:03d}" for i in range(CASES)])
    case = y * 1.3 + 0.8 * rng.normal(size=CASES)
    shift = np.array([1.3, 1.0])[:, None, None]
    noise = 0.8 * rng.normal(size=(2, READERS, CASES)) + 0.2 * rng.normal(size=(1, READERS, 1))
    ratings = np.digitize(case * shift + noise, [-0.5, 0.2, 0.9, 1.6]) + 1
    model = np.round(1 / (1 + np.exp(1.4 - 2 * case - 0.7 * rng.normal(size=CASES))), 4)
    names = [f"c{i:03d}" for i in range(CASES)]
    labels = folder / "labels.csv"
    _write(
        labels, ["case_id", "patient_id", "label"], zip(names, patients, y.astype(int), strict=True)
    )
    scores = folder / "model.csv"
    _write(scores, ["case_id", "probability"], zip(names, model, strict=True))
    reads = folder / "reads.csv"
    _write(
        reads,
        ["reader", "modality", "case_id", "rating", "recall"],
        (
            (f"R{r + 1}", name, names[i], ratings[t, r, i], "yes" if ratings[t, r, i] > 3 else "no")
            for t, name in enumerate(MODALITIES)
            for r in range(READERS)
            for i in range(CASES)
        ),
    )
    return MadeReads(labels, reads, scores, y, patients, ratings.astype(float), model)


def _write(path: Path, header: list[str], rows: object) -> None:
    with path.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(header)
        table.writerows(rows)  # type: ignore[arg-type]
