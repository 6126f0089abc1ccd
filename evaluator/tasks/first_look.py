"""How predictions on open cases look: range, AUROC, whether they are inverted or constant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cohort_selection.cases import Case
from submissions.predictions import Predictions

_CHANCE = 0.05  # how seldom chance may turn scores round that are called inverted


@dataclass(frozen=True, slots=True)
class Scores:
    """What the scores of a check look like; on open data the researcher may see everything.

    ``auroc`` is None where all cases have one label. ``inverted``: positive cases score lower than
    negative ones, more than chance would have it. ``of_outputs`` has each of several outputs, on
    the cases in which its finding or class is known; the range is then that of all.
    ``prediction_probability`` is that of grades, None where nothing else is predicted. Of masks and
    marks ``drawn`` has the positive and the negative cases in which something is.
    """

    n_positive: int
    n_negative: int
    lowest: float
    highest: float
    auroc: float | None
    inverted: bool
    of_outputs: Mapping[str, Scores] = field(default_factory=dict)
    prediction_probability: float | None = None
    drawn: Sequence[int] = ()

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> Scores:
        """Read what ``Practised.to_json`` wrote of them."""
        known = {name: each for name, each in document.items() if name in cls.__dataclass_fields__}
        outputs = known.pop("of_outputs", {})
        return cls(**known, of_outputs={name: cls.read(each) for name, each in outputs.items()})

    def as_document(self) -> dict[str, object]:
        """The figures of a document; those of outputs where there are several."""
        fields = {**asdict(self), "constant": self.constant}
        del fields["of_outputs"], fields["drawn"]
        fields |= {"drawn": list(self.drawn)} if self.drawn else {}
        if self.prediction_probability is None:
            del fields["prediction_probability"]
        if self.of_outputs:
            outputs = {name: each.as_document() for name, each in self.of_outputs.items()}
            fields["of_outputs"] = outputs
        return fields

    @property
    def constant(self) -> bool:
        """Whether every one of several cases has the same score."""
        return self.lowest == self.highest and self.n_positive + self.n_negative > 1


def look_of(
    blinded: Mapping[str, Case], predictions: Predictions, outputs: Sequence[str] = ()
) -> Scores:
    """How predictions look, case by case, beside the labels.

    ``outputs`` are those of the contract. Where cases have targets for several of them each is
    looked at by itself, and no figure is of all; else the first is looked at.
    """
    label = np.array([float(case.label) for case in blinded.values()])
    score = np.array([predictions.values[case_id] for case_id in blinded], dtype=np.float64)
    if predictions.regions:
        drawn = [int((score[label == each, 0] > 0).sum()) for each in (1, 0)]
        return replace(_look_of_one(label, score[:, 0]), auroc=None, inverted=False, drawn=drawn)
    known = {name for case in blinded.values() for name in case.targets}
    if tuple(outputs) == ("grade",) and known == {"grade"}:
        reference = [case.targets["grade"] for case in blinded.values()]
        scores = _look_of_one(label, score[:, 0])
        return replace(scores, prediction_probability=_of_grades(reference, score[:, 0]))
    if len(outputs) < 2 or known.isdisjoint(outputs):
        return _look_of_one(label, score[:, 0])
    targets = [[case.targets.get(name) for name in outputs] for case in blinded.values()]
    target = np.array(targets, dtype=np.float64)  # None becomes NaN
    each_output = {
        name: _look_of_one(target[has_target, place], score[has_target, place])
        for place, name in enumerate(outputs)
        for has_target in [~np.isnan(target[:, place])]
        if has_target.any()
    }
    return Scores(
        n_positive=int(label.sum()),
        n_negative=int((1.0 - label).sum()),
        lowest=float(score.min()),
        highest=float(score.max()),
        auroc=None,
        inverted=False,
        of_outputs=each_output,
    )


def _of_grades(reference: Sequence[float | None], grade: NDArray[np.float64]) -> float | None:
    """Their prediction probability; None where all cases have one reference grade."""
    from metrics.estimate import UndefinedMetric
    from metrics.grades.intervals import prediction_probability

    known = np.array(reference, dtype=np.float64)  # None becomes NaN
    has_grade = ~np.isnan(known)
    try:
        return prediction_probability(known[has_grade], grade[has_grade])
    except UndefinedMetric:
        return None


def _look_of_one(label: NDArray[np.float64], score: NDArray[np.float64]) -> Scores:
    """One output beside its labels, 0 or 1."""
    from scipy.stats import mannwhitneyu  # slow, and a queue without dry runs needs none of it

    from metrics.discrimination.curves import auroc

    positive, negative = score[label == 1], score[label == 0]
    reached, inverted = None, False
    if len(positive) and len(negative):
        reached = auroc(label, score)
        inverted = bool(
            reached < 0.5 and mannwhitneyu(positive, negative, alternative="less").pvalue < _CHANCE
        )
    return Scores(
        len(positive), len(negative), float(score.min()), float(score.max()), reached, inverted
    )
