"""How far a calibration slope strays where nothing is wrong but the number of cases.

The log odds of simulated cases are normal with standard deviation 1.6, as those of the
demonstration's network, and right. Platt's calibration is fitted on ``n_validation`` cases, and the
slope of the calibrated probabilities is then measured on ``n_sealed`` others, and on so many that
chance plays no part. ``python -m perf.calibration_slope`` writes perf/calibration_slope.json.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from baselines.training import calibrate

RESULTS = Path(__file__).resolve().parent / "calibration_slope.json"
SPREAD, ROUNDS, MANY = 1.6, 400, 20_000


def main() -> None:
    rows = [measured(n_validation, 200) for n_validation in (89, 400, 2000)]
    RESULTS.write_text(
        json.dumps({"spread": SPREAD, "rounds": ROUNDS, "rows": rows}, indent=1) + "\n"
    )
    for row in rows:
        print(row)


def measured(n_validation: int, n_sealed: int) -> dict[str, object]:
    """Slopes over many drawings of both parts."""
    random = np.random.default_rng(17)
    sealed: list[float] = []
    whole: list[float] = []
    for _ in range(ROUNDS):
        logits, labels = _drawn(random, n_validation)
        line = calibrate.fit(logits, labels)
        for found, n_cases in ((sealed, n_sealed), (whole, MANY)):
            other, truth = _drawn(random, n_cases)
            found.append(slope(line.slope * other + line.intercept, truth))
    low, middle, high = np.percentile(sealed, (2.5, 50, 97.5))
    least, half, most = np.percentile(whole, (2.5, 50, 97.5))
    return {
        "n_validation": n_validation,
        "n_sealed": n_sealed,
        "sealed": [round(float(value), 2) for value in (low, middle, high)],
        "above_1.5": round(float(np.mean(np.array(sealed) > 1.5)), 3),
        "many": [round(float(value), 2) for value in (least, half, most)],
    }


def _drawn(
    random: np.random.Generator, n_cases: int
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    logits = random.normal(0, SPREAD, n_cases)
    return logits, random.random(n_cases) < expit(logits)


def slope(logits: NDArray[np.float64], labels: NDArray[np.bool_]) -> float:
    """Slope of a logistic regression, by Newton's steps from 0."""
    design = np.stack([logits, np.ones(len(logits))], axis=1)
    found = np.zeros(2)
    for _ in range(25):
        fitted = expit(design @ found)
        weight = (fitted * (1 - fitted))[:, np.newaxis]
        found += np.linalg.solve((design * weight).T @ design, design.T @ (labels - fitted))
    return float(found[0])


if __name__ == "__main__":
    main()
