"""score_tables(): two tables of a reader's own, scored label by label."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Unpack

import numpy as np
from numpy.typing import NDArray

from cohort_selection.clinical.vocabulary import level as level_of
from cohort_selection.tables.column_names import field_of
from evaluator.case_tables.case_table import ScoringInputError
from evaluator.case_tables.scoring_input import Reading, read_tables
from evaluator.scoring.analysis_plan import AnalysisPlan
from evaluator.scoring.results import Evaluation
from evaluator.scoring.score import score
from metrics.arrays import Floats


def score_tables(
    predictions: Path,
    truth: Path,
    plan: AnalysisPlan | None = None,
    *,
    threshold: float | None = None,
    subgroups: Sequence[str] = (),
    **reading: Unpack[Reading],
) -> dict[str, Evaluation]:
    """Score two tables label by label; further keywords are those of ``read_tables``.

    ``subgroups`` are scored beside those of the plan. Raises ScoringInputError.
    """
    plan = plan or AnalysisPlan()
    attribute_names = (*plan.subgroups, *(name for names in plan.intersections for name in names))
    inputs = read_tables(
        predictions,
        truth,
        subgroups=tuple(dict.fromkeys((*attribute_names, *subgroups))),
        **reading,
    )
    evaluations = {}
    for label, table in inputs.items():
        every = tuple(dict.fromkeys((*plan.subgroups, *subgroups)))
        known = tuple(dict.fromkeys(_banded(name, table.attributes) for name in every))
        own_plan = replace(in_bands(plan, table.attributes), subgroups=known)
        own_plan.refuse_single_levels(table.attributes)
        _refuse_off_scale(plan.threshold if threshold is None else threshold, table.scores)
        evaluations[label] = score(
            table.y,
            table.scores,
            table.patient_id,
            table.attributes,
            own_plan,
            threshold,
            weights=table.weights,
        )
    return evaluations


def _refuse_off_scale(threshold: float | None, scores: Floats) -> None:
    """A threshold that calls every case or none by mistake; 0 and 1 do so by choice."""
    low, high = float(scores.min()), float(scores.max())
    if low >= 0.0 and high <= 1.0:
        low, high = 0.0, 1.0
    if threshold is not None and not low <= threshold <= high:
        raise ScoringInputError(
            f"the threshold is {threshold:g} and the scores lie from {low:g} to {high:g}; give one "
            "on their scale"
        )


def in_bands(plan: AnalysisPlan, attributes: Mapping[str, NDArray[np.str_]]) -> AnalysisPlan:
    """The plan with the bands of age where it says age."""

    def banded(attribute: str) -> str:
        return " x ".join(_banded(part, attributes) for part in attribute.split(" x "))

    gaps_ = tuple((figure, banded(attribute)) for figure, attribute in plan.declared_gaps)
    crossed = tuple(tuple(map(banded, names_)) for names_ in plan.intersections)
    return replace(
        plan,
        subgroups=tuple(dict.fromkeys(map(banded, plan.subgroups))),
        intersections=crossed,
        primary_gap=gaps_[0] if gaps_ else None,
        gaps=gaps_[1:],
        references=tuple((banded(name), level_of(name, text)) for name, text in plan.references),
    )


def _banded(name: str, attributes: Mapping[str, NDArray[np.str_]]) -> str:
    return "age_group" if field_of(name) == "age" and name not in attributes else name
