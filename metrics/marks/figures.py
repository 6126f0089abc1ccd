"""Figures of marks over the cases of a group, each with its interval over patients."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from metrics.arrays import Bools, Floats, Ints
from metrics.discrimination.delong import auroc_estimate, placements
from metrics.estimate import Estimate, Interval, UndefinedMetric
from metrics.figure_name import AT_FALSE_MARKS
from metrics.group import Group
from metrics.marks import areas, intervals
from metrics.marks.areas import Area
from metrics.marks.matching import MatchedCase
from metrics.marks.study import Froc, Study, froc

FROC_SCORE = "froc_score"
CASE_AUROC = "case_auroc"
LESION_SENSITIVITY = "lesion_sensitivity"
FALSE_MARKS = "false_marks_per_image"


@dataclass(frozen=True, slots=True)
class MarkMeasures:
    """Matched marks of the cases of a group, in its order; declared rates of false marks."""

    cases: tuple[MatchedCase, ...]
    rates: tuple[float, ...]

    @classmethod
    def of(cls, cases: Sequence[MatchedCase], rates: Sequence[float]) -> MarkMeasures:
        """Put cases together; raises ValueError for rates that are not above 0."""
        if not all(math.isfinite(rate) and rate > 0.0 for rate in rates):
            raise ValueError(f"rates of false marks must be above 0; got {list(rates)}")
        return cls(tuple(cases), tuple(sorted(set(rates))))

    def part(self, member: Bools | Ints) -> MarkMeasures:
        """The cases that are a ``member`` (cases,), or those at some places (kept cases,)."""
        members = tuple(self.cases[place] for place in np.arange(len(self.cases))[member].tolist())
        return MarkMeasures(members, self.rates)


def mark_figures(per_case: MarkMeasures, group: Group, confidence: float) -> dict[str, Estimate]:
    """Every figure of marks by name; undefined ones say why.

    ``wafroc`` and ``afroc``; ``wafroc1`` and ``afroc1`` where no case is normal;
    ``sensitivity_at_false_marks_<rate>`` an image, by steps of the FROC curve; ``froc_score``, the
    mean of these; ``lesion_sensitivity``, the share of lesions that any mark is on;
    ``false_marks_per_image``; ``case_auroc``, the AUROC of the highest mark of a case. Source:
    Chakraborty 2017.
    """
    study = _study(per_case, group)
    makers: dict[str, Callable[[], Estimate]] = {}
    for name, area in _AREAS.items():
        makers[name] = partial(_area, group, study, area, confidence)
    for rate in per_case.rates:
        makers[f"{AT_FALSE_MARKS}_{rate:g}"] = partial(_at_rate, group, study, rate, confidence)
    if per_case.rates:
        makers[FROC_SCORE] = partial(_froc_score, group, study, per_case.rates, confidence)
    makers[LESION_SENSITIVITY] = partial(_lesions, group, study, confidence)
    makers[FALSE_MARKS] = partial(_false_marks, group, study, confidence)
    makers[CASE_AUROC] = partial(_case_auroc, group, study, confidence)
    figures = {}
    for name, make in makers.items():
        try:
            figures[name] = make()
        except UndefinedMetric as reason:
            figures[name] = group.undefined(f"{name} {reason}")
    return figures


def mark_influences(per_case: MarkMeasures, group: Group) -> dict[str, Floats]:
    """How far each case (cases,) moves the figures that are smooth in the cases' weights."""
    study = _study(per_case, group)
    influences: dict[str, Floats] = {}
    for name, area in _AREAS.items():
        try:
            influences[name] = area(study).influence
        except UndefinedMetric:
            continue
    lesions = study.lesions_of_case
    if lesions.any():
        hit = study.hits(-np.inf)
        influences[LESION_SENSITIVITY] = (hit - lesions * hit.sum() / lesions.sum()) / lesions.sum()
    count = study.false_marks()
    influences[FALSE_MARKS] = (count - count.mean()) / study.n_cases
    normal = study.normal
    if 0 < np.count_nonzero(normal) < normal.size:
        places = placements(~normal, study.highest_mark)
        moved = np.empty(normal.size)
        moved[~normal] = (places.positive - places.auroc) / places.positive.size
        moved[normal] = (places.negative - places.auroc) / places.negative.size
        influences[CASE_AUROC] = moved
    return influences


def _study(per_case: MarkMeasures, group: Group) -> Study:
    if len(per_case.cases) != group.y.size:
        raise ValueError(f"{len(per_case.cases)} cases with marks for a group of {group.y.size}")
    return Study.of(per_case.cases)


def _only_without_normal(area: Callable[[Study], Area]) -> Callable[[Study], Area]:
    def checked(study: Study) -> Area:
        if study.normal.any():
            raise UndefinedMetric("is for studies without normal cases; read it without the 1")
        return area(study)

    return checked


_AREAS: dict[str, Callable[[Study], Area]] = {
    "wafroc": areas.wafroc,
    "afroc": areas.afroc,
    "wafroc1": _only_without_normal(areas.wafroc1),
    "afroc1": _only_without_normal(areas.afroc1),
}


def _area(group: Group, study: Study, area: Callable[[Study], Area], confidence: float) -> Estimate:
    value = area(study)
    return _with_interval(
        group, value.value, lambda: intervals.area_interval(group, study, value, confidence)
    )


def _at_rate(group: Group, study: Study, rate: float, confidence: float) -> Estimate:
    curve = froc(study)
    return _with_interval(
        group,
        curve.sensitivity_at(rate),
        lambda: intervals.sensitivity_interval(group, study, curve, rate, confidence),
    )


def _froc_score(group: Group, study: Study, rates: Sequence[float], confidence: float) -> Estimate:
    curve: Froc = froc(study)

    def interval() -> Interval:
        each = [
            intervals.sensitivity_interval(group, study, curve, rate, confidence) for rate in rates
        ]
        low, high = (float(np.mean(ends)) for ends in zip(*(one[:2] for one in each), strict=True))
        return Interval(low, high, "mean of the ends of each sensitivity's interval")

    return _with_interval(
        group, float(np.mean([curve.sensitivity_at(rate) for rate in rates])), interval
    )


def _lesions(group: Group, study: Study, confidence: float) -> Estimate:
    if not study.lesions.size:
        raise UndefinedMetric("needs a lesion; the cases have none")
    hit = study.hits(-np.inf)
    return _with_interval(
        group,
        float(hit.sum() / study.lesions.size),
        lambda: intervals.lesion_share_interval(group, study, hit, confidence),
    )


def _false_marks(group: Group, study: Study, confidence: float) -> Estimate:
    if not study.n_cases:
        raise UndefinedMetric("needs a case; got none")
    return _with_interval(
        group,
        study.false.size / study.n_cases,
        lambda: intervals.rate_interval(group, study, confidence),
    )


def _case_auroc(group: Group, study: Study, confidence: float) -> Estimate:
    patient = group.patient if group.clustered else None
    return auroc_estimate(~study.normal, study.highest_mark, patient, confidence=confidence)


def _with_interval(group: Group, value: float, interval: Callable[[], Interval]) -> Estimate:
    try:
        low, high, method = interval()
    except UndefinedMetric as reason:
        return group.estimate(value, (None, None), f"no interval: {reason}")
    return group.estimate(value, (low, high), method)
