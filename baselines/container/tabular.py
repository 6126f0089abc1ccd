"""The program of a model that reads a table: attributes of cases.csv, or fields of headers.

Needs the standard library, and pydicom where the model reads headers. A level that the training
did not see, and a value that is missing, say nothing: they leave the score where it was.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from baselines.container import answers

MODEL = Path(__file__).resolve().parents[2]
"""In the image the card and the model lie beside this package."""
INPUT, OUTPUT = Path("/input"), Path("/output/predictions.csv")
FARTHEST = 4.0
"""Standard deviations at which a number is held."""

Fields = Callable[[Mapping[str, str], Path], Mapping[str, str]]
"""The fields of a case, from its row of cases.csv and the folder of its files."""


def number(text: str) -> float | None:
    """Read a finite number; None for any other text."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def encode(fields: Sequence[Mapping[str, Any]], values: Mapping[str, str]) -> list[float]:
    """Make the features of one case, in the order of the model's ``fields``.

    A field of levels gives 1 for its own level. A field of numbers gives its distance from the
    mean in standard deviations, 1 where it is missing, and 1 for the range that it lies in.
    """
    features: list[float] = []
    for field in fields:
        text = values.get(str(field["name"]), "").strip()
        if "levels" in field:
            features += [float(text == level) for level in field["levels"]]
            continue
        value = number(text)
        cuts = field["cuts"]
        if value is None:
            features += [0.0, 1.0, *([0.0] * (len(cuts) + 1))]
            continue
        standard = (value - field["mean"]) / field["spread"]
        place = sum(value >= cut for cut in cuts)
        features += [max(-FARTHEST, min(FARTHEST, standard)), 0.0]
        features += [float(i == place) for i in range(len(cuts) + 1)]
    return features


def logits(model: Mapping[str, Any], values: Mapping[str, str]) -> list[float]:
    """The logits of one case."""
    features = encode(model["fields"], values)
    return [
        sum(weight * feature for weight, feature in zip(weights, features, strict=True)) + intercept
        for weights, intercept in zip(model["weights"], model["intercepts"], strict=True)
    ]


def predict(model: Path, directory: Path, output: Path, fields_of: Fields) -> int:
    """Score the cases of ``directory`` with the model directory ``model``; give their number."""
    card = json.loads((model / "card.json").read_text(encoding="utf-8"))
    table = json.loads((model / "model.json").read_text(encoding="utf-8"))
    kind, names, defaults = answers.outputs_of(card)
    calibrations = answers.calibrations_of(card)
    rows: dict[str, Sequence[float]] = {}
    for row in answers.read_cases(directory):
        values = fields_of(row, directory / "images" / row["case_id"])
        known = any(values.get(str(field["name"])) for field in table["fields"])
        rows[row["case_id"]] = (
            answers.answer(kind, logits(table, values), calibrations, card.get("lowest", 0))
            if known
            else defaults
        )
    answers.write_predictions(output, names, rows, kind)
    return len(rows)


def of_row(row: Mapping[str, str], _: Path) -> Mapping[str, str]:
    """The attributes of a case, and nothing of its files."""
    return row


def main() -> None:
    """Run over the mounted cases."""
    n_cases = predict(MODEL, INPUT, OUTPUT, _reader())
    sys.stderr.write(f"scored {n_cases} cases\n")


def check() -> None:
    """Load all that a run needs: a build that lacks something ends here."""
    _reader()
    json.loads((MODEL / "card.json").read_text(encoding="utf-8"))
    json.loads((MODEL / "model.json").read_text(encoding="utf-8"))


def _reader() -> Fields:
    """What reads the model's fields; only a model of headers needs pydicom."""
    card = json.loads((MODEL / "card.json").read_text(encoding="utf-8"))
    if card["baseline"] != "headers":
        return of_row
    from baselines.container.headers import of_headers

    return of_headers
