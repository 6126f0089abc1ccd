"""The cases of a cohort beside what was predicted of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from cohort_selection.cases import Case
from cohort_selection.sealing.cohort import Cohort
from submissions.predictions import Predictions

_NONE: NDArray[np.float64] = np.zeros((0, 0))


@dataclass(frozen=True, slots=True)
class ScoredCases:
    """The cases of a cohort beside what was predicted of them, in the order of the cohort.

    ``labels`` (n,) bool, ``scores`` (n,) the first output, ``patients`` (n,) ids, ``attributes``
    and what sealed ``comparators`` said, each (n,). A task with targets has ``outputs`` and
    ``targets``, (n, outputs) each; a target that is not known is NaN. A task of regions has
    ``marked``, the rows of each case (``submissions/prediction_rows/regions.py``).
    """

    cases: tuple[Case, ...]
    labels: NDArray[np.bool_]
    scores: NDArray[np.float64]
    patients: NDArray[np.str_]
    attributes: Mapping[str, NDArray[np.str_]]
    comparators: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    outputs: NDArray[np.float64] = field(default_factory=lambda: _NONE)
    targets: NDArray[np.float64] = field(default_factory=lambda: _NONE)
    marked: tuple[str, ...] = ()

    def of_part(
        self, member: NDArray[np.bool_], labels: NDArray[np.bool_], scores: NDArray[np.float64]
    ) -> ScoredCases:
        """The ``member`` (n,) cases under another label and score, (n,) each."""
        return replace(
            self,
            cases=tuple(
                replace(case, label=int(label))
                for case, label, kept in zip(self.cases, labels, member, strict=True)
                if kept
            ),
            labels=labels[member],
            scores=scores[member],
            patients=self.patients[member],
            attributes={name: column[member] for name, column in self.attributes.items()},
            comparators={name: column[member] for name, column in self.comparators.items()},
            outputs=_NONE,
            targets=_NONE,
            marked=(),
        )

    def answered(self, predictions: Predictions) -> ScoredCases:
        """The same cases beside other predictions."""
        values = [predictions.values[case.case_id] for case in self.cases]
        return replace(
            self,
            scores=_first(self.cases, predictions),
            outputs=np.array(values, dtype=np.float64) if self.targets.size else self.outputs,
            marked=_regions(self.cases, predictions),
        )


def _first(cases: Sequence[Case], predictions: Predictions) -> NDArray[np.float64]:
    return np.array([predictions.values[c.case_id][0] for c in cases], dtype=np.float64)


def _regions(cases: Sequence[Case], predictions: Predictions) -> tuple[str, ...]:
    return tuple(predictions.regions[c.case_id] for c in cases if predictions.regions)


def read_cases(
    cohort: Cohort, predictions: Predictions, outputs: Sequence[str] = ()
) -> ScoredCases:
    """Open the labels of a cohort, and put the predictions beside them.

    ``outputs`` names the outputs of a task with targets, in the order of the contract.
    """
    cases = cohort.cases()
    given = ScoredCases(
        cases=cases,
        labels=np.array([case.label == 1 for case in cases], dtype=np.bool_),
        scores=_first(cases, predictions),
        patients=np.array([case.patient_id for case in cases]),
        attributes={
            name: np.array([case.attributes[name] for case in cases])
            for name in cases[0].attributes
        },
        comparators={
            name: np.array([said[case.case_id] for case in cases], dtype=np.float64)
            for name, said in cohort.comparators().items()
        },
        marked=_regions(cases, predictions),
    )
    if not outputs:
        return given
    targets = [[case.targets.get(name) for name in outputs] for case in cases]
    of_targets = replace(given, targets=np.array(targets, dtype=np.float64))  # None becomes NaN
    return of_targets.answered(predictions)
