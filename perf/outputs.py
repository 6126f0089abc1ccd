"""Coverage of the intervals of figures over several findings and classes, by simulation.

`python -m perf.outputs` writes perf/outputs.json: the share of intervals that hold the true figure,
of newly drawn cases each time, at a confidence of 0.95. The true figure is that of 300,000 cases.
It takes about three minutes of one processor.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from metrics.arrays import Floats, Ints
from metrics.estimate import Estimate
from metrics.group import everyone
from metrics.outputs.classes import TOP_LABEL, Classified, class_figures
from metrics.outputs.findings import WITH_DATA, finding_figures

REPEATS = 1_000
OUTPUTS = 3
LARGE = 300_000
CONFIDENCE = 0.95
CELLS = [(60, 1), (60, 2), (200, 1), (200, 2), (800, 1)]
"""Patients, and cases of each."""


def findings(n: int, each: int, rng: np.random.Generator) -> tuple[Floats, Floats, Ints]:
    """Findings of shares 0.4, 0.3 and 0.15, one in ten unknown; scores share a third of noise."""
    patient = np.repeat(np.arange(n), each)
    size = patient.size
    targets = (rng.random((size, OUTPUTS)) < (0.4, 0.3, 0.15)).astype(np.float64)
    of_patient = rng.normal(size=(n, 1))[patient]
    noise = np.sqrt(1 / 3) * of_patient + np.sqrt(2 / 3) * rng.normal(size=(size, OUTPUTS))
    scores = 1.0 / (1.0 + np.exp(-(1.5 * targets - 0.75 + noise)))
    targets[rng.random((size, OUTPUTS)) < 0.1] = np.nan
    return targets, scores, patient


def classes(n: int, each: int, rng: np.random.Generator) -> tuple[Ints, Floats, Ints]:
    """Classes of shares 0.5, 0.3 and 0.2; a patient's images share a third of their noise."""
    patient = np.repeat(np.arange(n), each)
    of_class = rng.choice(OUTPUTS, patient.size, p=(0.5, 0.3, 0.2)).astype(np.int64)
    of_patient = rng.normal(size=(n, OUTPUTS))[patient]
    noise = np.sqrt(1 / 3) * of_patient + np.sqrt(2 / 3) * rng.normal(size=of_patient.shape)
    odds = np.exp(1.5 * np.eye(OUTPUTS)[of_class] + noise)
    return of_class, odds / odds.sum(axis=1, keepdims=True), patient


def estimates(kind: str, n: int, each: int, rng: np.random.Generator) -> dict[str, Estimate]:
    """Every figure of one drawn cohort."""
    names = tuple("abc")
    if kind == "findings":
        targets, scores, patient = findings(n, each, rng)
        y = (np.nan_to_num(targets) == 1.0).any(axis=1)
        group = everyone(y, scores[:, 0], patient, n)
        return finding_figures(targets, scores, group, CONFIDENCE, names, 2)
    of_class, p, patient = classes(n, each, rng)
    group = everyone(of_class > 0, p[:, 0], patient, n)
    return class_figures(Classified.of(of_class, p, names), group, CONFIDENCE, 2)


def coverage() -> dict[str, dict[str, dict[str, float]]]:
    """Kind, then patients x cases, then figure: the share of intervals that hold the truth."""
    found: dict[str, dict[str, dict[str, float]]] = {}
    for kind in ("findings", "classes"):
        truth = estimates(kind, LARGE, 1, np.random.default_rng(1))
        names = [name for name in truth if name not in (WITH_DATA, TOP_LABEL)]
        for n, each in CELLS:
            rng = np.random.default_rng([n, each])
            held = dict.fromkeys(names, 0)
            made = dict.fromkeys(names, 0)
            for _ in range(REPEATS):
                drawn = estimates(kind, n, each, rng)
                for name in names:
                    estimate, true = drawn[name], truth[name].value
                    if estimate.low is None or estimate.high is None or true is None:
                        continue
                    made[name] += 1
                    held[name] += estimate.low <= true <= estimate.high
            shares = {name: round(held[name] / max(1, made[name]), 3) for name in names}
            found.setdefault(kind, {})[f"{n} x {each}"] = shares
    return found


if __name__ == "__main__":
    text = json.dumps(coverage(), indent=1, sort_keys=True)
    Path(__file__).with_suffix(".json").write_text(text + "\n", encoding="utf-8")
