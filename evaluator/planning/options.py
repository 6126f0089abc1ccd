"""Assumptions that are given as options of the command."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from cohort_selection.benchmark_keys.reading import read_table
from evaluator.assumptions import Assumed
from evaluator.planning.assumptions_of import PlanningError


def assumed(options: Sequence[str]) -> Assumed:
    """What options such as "sensitivity=0.9" say, held to the bounds of the file's keys.

    Raises PlanningError.
    """
    values: dict[str, object] = {}
    for text in options:
        key, _, value = text.partition("=")
        try:
            values[key] = float(value)
        except ValueError:
            raise PlanningError(
                f"--assume is {text!r}; give a key and a number, as sensitivity=0.9"
            ) from None
    return read_table(Assumed, values, Path("--assume"), "study.assumed", PlanningError)
