"""The reference data sets S1 to S4 and what independent programs made of them."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class ReferenceSet:
    """One input and the figures that R and Python packages printed for it."""

    y: NDArray[np.bool_]
    scores: dict[str, NDArray[np.float64]]
    patients: NDArray[np.str_]
    attributes: dict[str, NDArray[np.str_]]
    roc: Any
    calibration: Any
    ece: Any
    fairness: Any
    folder: Path


@pytest.fixture(scope="session")
def reference_set(refvals: Path) -> Callable[[str], ReferenceSet]:
    def read(name: str) -> ReferenceSet:
        folder = refvals / name
        with (folder / "input.csv").open(newline="") as file:
            rows = list(csv.DictReader(file))

        def expected(file: str) -> Any:
            return json.loads((folder / file).read_text())

        return ReferenceSet(
            y=np.array([row["y"] == "1" for row in rows]),
            scores={p: np.array([float(row[p]) for row in rows]) for p in ("p1", "p2", "p3")},
            patients=np.array([row["patient_id"] for row in rows]),
            attributes={
                a: np.array([row[a] for row in rows]) for a in ("sex", "race", "age_group")
            },
            roc=expected("roc.json"),
            calibration=expected("calibration.json"),
            ece=expected("ece.json"),
            fairness=expected("fairness.json"),
            folder=folder,
        )

    return read
