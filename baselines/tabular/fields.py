"""How the columns of a table become features: levels, or numbers with their ranges."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from baselines.container import tabular

RARE = 5
"""A level of fewer cases is no level of its own."""
MOST_LEVELS = 50
FEWEST_NUMBERS = 8
"""Distinct numbers from which on a column counts as numbers; fewer are levels."""
RANGES = 5


def described(columns: Mapping[str, Sequence[str]]) -> list[dict[str, Any]]:
    """Describe each column that varies as a field of a model, in the order given.

    Numbers get their mean, spread and cuts of fifths; all else gets its levels by name. Columns
    with one value, and with levels that are all rare (as names are), are left out.
    """
    fields = (_field(name, [text.strip() for text in texts]) for name, texts in columns.items())
    return [field for field in fields if field is not None]


def matrix(
    fields: Sequence[Mapping[str, Any]], columns: Mapping[str, Sequence[str]], n_cases: int
) -> NDArray[np.float64]:
    """Encode all cases as the container encodes one: (n_cases, n_features)."""
    names = [str(field["name"]) for field in fields]
    rows = [
        tabular.encode(fields, {name: columns[name][case] for name in names})
        for case in range(n_cases)
    ]
    return np.array(rows, dtype=np.float64).reshape(n_cases, len(rows[0]) if rows else 0)


def _field(name: str, texts: Sequence[str]) -> dict[str, Any] | None:
    filled = [text for text in texts if text]
    numbers = [value for text in filled if (value := tabular.number(text)) is not None]
    if len(numbers) == len(filled) and len(set(numbers)) >= FEWEST_NUMBERS:
        values = np.array(numbers)
        cuts = np.quantile(values, np.arange(1, RANGES) / RANGES, method="lower")
        return {
            "name": name,
            "mean": float(values.mean()),
            "spread": float(values.std()) or 1.0,
            "cuts": sorted({float(cut) for cut in cuts}),
        }
    counts = Counter(texts)
    levels = sorted(level for level, n in counts.items() if level and n >= RARE)
    if len(counts) < 2 or not levels or len(levels) > MOST_LEVELS:
        return None
    return {"name": name, "levels": levels}
