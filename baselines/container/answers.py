"""What a model answers: logits of one kind of task to the outputs that the contract names.

Needs the standard library alone, since every image of a baseline holds a copy.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

BINARY, MULTILABEL, MULTICLASS, ORDINAL, SCORE = (
    "binary",
    "multilabel",
    "multiclass",
    "ordinal",
    "score",
)
KINDS = (BINARY, MULTILABEL, MULTICLASS, ORDINAL, SCORE)
"""Kinds of tasks that a baseline answers."""

DECIMALS = 6
"""Digits of a prediction; the harness reads no more."""


def logistic(value: float) -> float:
    """1 / (1 + exp(-value)) without overflow."""
    return 1 / (1 + math.exp(-value)) if value >= 0 else math.exp(value) / (1 + math.exp(value))


def answer(
    kind: str,
    logits: Sequence[float],
    calibrations: Sequence[Mapping[str, Any]] = (),
    lowest: int = 0,
) -> list[float]:
    """Turn the logits of one case into its outputs.

    Binary and multilabel: one probability a logit. Multiclass: softmax. Ordinal: the expected
    grade, which is ``lowest`` and the sum of P(grade > k) over the cuts. Score: the logit itself.
    One calibration a logit, or one for all.
    """
    if kind == SCORE:
        return list(logits)
    each = list(calibrations) if len(calibrations) == len(logits) else None
    shared = calibrations[0] if calibrations else {}
    if kind == MULTICLASS:
        scaled = [float(shared.get("slope", 1.0)) * value for value in logits]
        top = max(scaled)
        powers = [math.exp(value - top) for value in scaled]
        return [power / sum(powers) for power in powers]
    values = [
        calibrated(value, each[i] if each is not None else shared) for i, value in enumerate(logits)
    ]
    return [lowest + sum(values)] if kind == ORDINAL else values


def calibrated(logit: float, calibration: Mapping[str, Any]) -> float:
    """The probability of a logit: logistic of a line, or isotonic between knots."""
    if "x" not in calibration:
        line = float(calibration.get("slope", 1.0)) * logit
        return logistic(line + float(calibration.get("intercept", 0.0)))
    x, y = calibration["x"], calibration["y"]
    if logit <= x[0]:
        return float(y[0])
    for i in range(1, len(x)):
        if logit <= x[i]:
            part = (logit - x[i - 1]) / (x[i] - x[i - 1])
            return float(y[i - 1] + part * (y[i] - y[i - 1]))
    return float(y[-1])


def read_cases(directory: Path) -> list[dict[str, str]]:
    """Read the rows of ``cases.csv``, in their order."""
    with (directory / "cases.csv").open(newline="", encoding="utf-8") as table:
        return list(csv.DictReader(table))


def write_predictions(
    output: Path, names: Sequence[str], rows: Mapping[str, Sequence[float]], kind: str = BINARY
) -> None:
    """Write one line a case and one column an output; the classes of a case sum to 1 exactly."""
    with output.open("w", newline="", encoding="utf-8") as table:
        table.write(",".join(("case_id", *names)) + "\n")
        for case_id, values in rows.items():
            texts = (
                _summing(values) if kind == MULTICLASS else [f"{v:.{DECIMALS}f}" for v in values]
            )
            table.write(",".join((case_id, *texts)) + "\n")


def _summing(values: Sequence[float]) -> list[str]:
    """Round so that the sum stays 1: what rounding leaves goes to the largest."""
    whole = 10**DECIMALS
    parts = [round(value * whole) for value in values]
    parts[parts.index(max(parts))] += whole - sum(parts)
    return [f"{part / whole:.{DECIMALS}f}" for part in parts]


def outputs_of(card: Mapping[str, Any]) -> tuple[str, list[str], list[float]]:
    """Kind, names of the outputs, and what a case without anything readable gets."""
    kind, names = str(card.get("kind", BINARY)), list(card.get("outputs") or ["probability"])
    defaults = list(card.get("defaults") or [card["prevalence"]] * len(names))
    return kind, names, [float(value) for value in defaults]


def calibrations_of(card: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Calibrations of a card; a card of a former build has one slope and intercept."""
    calibrations = list(card.get("calibrations") or ())
    return calibrations or [
        {"slope": card.get("slope", 1.0), "intercept": card.get("intercept", 0.0)}
    ]
