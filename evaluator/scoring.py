"""score(): every figure of the plan, for every group, from arrays alone."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from evaluator.analysis_plan import AnalysisPlan, PlanError, read_plan
from evaluator.results import OVERALL, Curve, CurvePoint, Evaluation, Result
from evaluator.scoring_input import ScoringInput, ScoringInputError, read_tables
from metrics import arrays, calibration, discrimination, intervals, operating_point, recalibration
from metrics.delong import auroc_estimate
from metrics.estimate import Estimate, UndefinedMetric

__all__ = [
    "AnalysisPlan",
    "PlanError",
    "ScoringInput",
    "ScoringInputError",
    "read_plan",
    "read_tables",
    "score",
    "score_tables",
]

ROC_GRID = np.linspace(0.0, 1.0, 41)
"""False positive rates at which ROC curves are given; never one step a case."""

RELIABILITY_BINS = 10


@dataclass(frozen=True, slots=True)
class _Group:
    attribute: str
    level: str
    y: NDArray[np.bool_]
    s: NDArray[np.float64]
    patient: NDArray[np.int64]
    counts: tuple[int, int, int]


def _group(
    attribute: str,
    level: str,
    y: NDArray[np.bool_],
    s: NDArray[np.float64],
    patient: NDArray[np.int64],
) -> _Group:
    _, number = np.unique(patient, return_inverse=True)
    counts = int(y.size), int(number.max(initial=-1)) + 1, int(y.sum())
    return _Group(attribute, level, y, s, number.astype(np.int64), counts)


def score(
    y: ArrayLike,
    scores: ArrayLike,
    patients: ArrayLike | None = None,
    attributes: Mapping[str, NDArray[np.str_]] | None = None,
    plan: AnalysisPlan | None = None,
    threshold: float | None = None,
) -> Evaluation:
    """Compute the whole report of one submission.

    ``y`` (cases,) labels 0/1; ``scores`` (cases,) probabilities, positive where >= threshold;
    ``patients`` (cases,) ids, None where every case is a patient; ``attributes`` maps a name to
    (cases,) levels. ``threshold`` is the submission's, else the plan's; without one there are no
    figures at an operating point. Raises ScoringInputError for arrays that cannot be scored.
    """
    plan = plan or AnalysisPlan()
    threshold = plan.threshold if threshold is None else threshold
    try:
        y_ = arrays.labels(y)
        s_ = arrays.scores(scores, y_.size)
        patient, n_patients = arrays.clusters(patients, y_.size)
    except UndefinedMetric as problem:
        raise ScoringInputError(f"cannot be scored: {problem}") from None
    if not y_.size:
        raise ScoringInputError("there is no case to score")
    results: list[Result] = []
    curves: list[Curve] = []
    for group in _groups(y_, s_, patient, attributes or {}, plan):
        lacking = _lacking(group, plan)
        for metric, estimate in _figures(group, plan, threshold, lacking):
            results.append(Result(metric, group.attribute, group.level, estimate))
        if lacking is None:
            curves.extend(_curves(group, plan))
    return Evaluation(
        plan_digest=plan.digest,
        code_version=_code_version(),
        n_cases=int(y_.size),
        n_patients=n_patients,
        n_positive=int(y_.sum()),
        results=tuple(results),
        curves=tuple(curves),
    )


def score_tables(
    predictions: Path,
    truth: Path,
    plan: AnalysisPlan | None = None,
    *,
    threshold: float | None = None,
    case_column: str | None = None,
    patient_column: str | None = None,
    labels: Sequence[str] = (),
    score_column: str | None = None,
    subgroups: Sequence[str] = (),
    age_bands: Sequence[int] = (0, 40, 60, 80),
    missing: str = "refuse",
) -> dict[str, Evaluation]:
    """Score two CSV files label by label; the keywords are those of ``read_tables``.

    ``subgroups`` are scored beside those of the plan. Raises ScoringInputError.
    """
    plan = plan or AnalysisPlan()
    wanted = (*plan.subgroups, *(name for names in plan.intersections for name in names))
    inputs = read_tables(
        predictions,
        truth,
        case_column=case_column,
        patient_column=patient_column,
        labels=labels,
        score_column=score_column,
        subgroups=tuple(dict.fromkeys((*wanted, *subgroups))),
        age_bands=age_bands,
        missing=missing,
    )
    found = {}
    for label, given in inputs.items():
        every = tuple(dict.fromkeys((*plan.subgroups, *subgroups)))
        known = tuple(dict.fromkeys(_banded(name, given.attributes) for name in every))
        here = replace(plan, subgroups=known)
        found[label] = score(
            given.y, given.scores, given.patient_id, given.attributes, here, threshold
        )
    return found


def _banded(name: str, attributes: Mapping[str, NDArray[np.str_]]) -> str:
    return "age_group" if name == "age" and name not in attributes else name


def _groups(
    y: NDArray[np.bool_],
    s: NDArray[np.float64],
    patient: NDArray[np.int64],
    attributes: Mapping[str, NDArray[np.str_]],
    plan: AnalysisPlan,
) -> Iterator[_Group]:
    yield _group(*OVERALL, y, s, patient)
    for names in (*((name,) for name in plan.subgroups), *plan.intersections):
        columns = [_attribute(name, attributes, y.size) for name in names]
        level = columns[0]
        for column in columns[1:]:
            level = np.char.add(np.char.add(level, " x "), column)
        for value in np.unique(level):
            member = level == value
            yield _group(" x ".join(names), str(value), y[member], s[member], patient[member])


def _attribute(name: str, attributes: Mapping[str, NDArray[np.str_]], n: int) -> NDArray[np.str_]:
    if name not in attributes:
        raise ScoringInputError(
            f"the plan asks for subgroups by {name!r}; the cases have "
            f"{', '.join(sorted(attributes)) or 'no attributes'}"
        )
    column = np.asarray(attributes[name], dtype=np.str_)
    if column.shape != (n,):
        raise ScoringInputError(f"attribute {name!r} has shape {column.shape} for {n} cases")
    return column


def _lacking(group: _Group, plan: AnalysisPlan) -> str | None:
    """Why the group is too small for any figure, or None; patients are the units."""
    n_cases, n_patients, n_positive = group.counts
    positive = np.unique(group.patient[group.y]).size
    negative = np.unique(group.patient[~group.y]).size
    if n_patients >= plan.minimum_cases and min(positive, negative) >= plan.minimum_per_class:
        return None
    return (
        f"insufficient data: {n_cases} cases of {n_patients} patients, {n_positive} positive, "
        f"{n_cases - n_positive} negative; at least {plan.minimum_cases} patients and "
        f"{plan.minimum_per_class} of each class are needed"
    )


def _figures(
    group: _Group, plan: AnalysisPlan, threshold: float | None, lacking: str | None
) -> Iterator[tuple[str, Estimate]]:
    """Every figure of one group, in the order they are shown."""
    makers: dict[str, Callable[[], Estimate]] = {
        "auroc": lambda: auroc_estimate(
            group.y,
            group.s,
            group.patient,
            confidence=plan.confidence,
            interval=plan.interval,
        )
    }
    for name, function in _POINT.items():
        makers[name] = lambda f=function: _plain(group, f(group, plan))  # type: ignore[misc]
    makers["brier"] = lambda: _brier(group, plan)
    for name in _RECALIBRATED:
        makers[name] = lambda n=name: _recalibrated(group, plan, n)  # type: ignore[misc]
    if threshold is not None:
        for name, (rate, hits) in _PROPORTIONS.items():
            makers[name] = lambda r=rate, h=hits: _proportion(  # type: ignore[misc]
                group, plan, threshold, r, h
            )
        for name, figure in _AT_THRESHOLD.items():
            makers[name] = lambda f=figure: _plain(  # type: ignore[misc]
                group, f(operating_point.confusion(group.y, group.s, threshold))
            )
    for name, make in makers.items():
        if lacking is not None:
            yield name, _undefined(group, lacking)
            continue
        try:
            yield name, make()
        except UndefinedMetric as reason:
            yield name, _undefined(group, str(reason))


_POINT: dict[str, Callable[[_Group, AnalysisPlan], float]] = {
    "average_precision": lambda g, _: discrimination.average_precision(g.y, g.s),
    "brier": lambda g, _: calibration.brier(g.y, g.s),
    "scaled_brier": lambda g, _: calibration.scaled_brier(g.y, g.s),
    "log_loss": lambda g, _: calibration.log_loss(g.y, g.s),
    "ece": lambda g, plan: calibration.ece(g.y, g.s, plan.ece_bins),
    "observed_expected_ratio": lambda g, _: calibration.observed_expected_ratio(g.y, g.s),
    "observed_minus_expected": lambda g, _: calibration.observed_minus_expected(g.y, g.s),
}

_RECALIBRATED = ("calibration_slope", "calibration_intercept", "calibration_in_the_large")

_Hits = Callable[
    [NDArray[np.bool_], NDArray[np.bool_]], tuple[NDArray[np.bool_], NDArray[np.bool_]]
]

_PROPORTIONS: dict[str, tuple[Callable[[operating_point.Confusion], float], _Hits]] = {
    "sensitivity": (operating_point.sensitivity, lambda y, c: (y, c)),
    "specificity": (operating_point.specificity, lambda y, c: (~y, ~c)),
    "ppv": (operating_point.ppv, lambda y, c: (c, y)),
    "npv": (operating_point.npv, lambda y, c: (~c, ~y)),
    "accuracy": (operating_point.accuracy, lambda y, c: (y | ~y, y == c)),
    "selection_rate": (operating_point.selection_rate, lambda y, c: (y | ~y, c)),
    "false_positive_rate": (operating_point.false_positive_rate, lambda y, c: (~y, c)),
    "false_negative_rate": (operating_point.false_negative_rate, lambda y, c: (y, ~c)),
}
"""Figure -> its formula, and from (labels, calls) the cases it is over and which of them count."""

_AT_THRESHOLD: dict[str, Callable[[operating_point.Confusion], float]] = {
    "f1": operating_point.f1,
    "balanced_accuracy": operating_point.balanced_accuracy,
    "mcc": operating_point.mcc,
    "youden_j": operating_point.youden_j,
    "lr_positive": operating_point.lr_positive,
    "lr_negative": operating_point.lr_negative,
}


def _estimate(
    group: _Group, value: float, bounds: tuple[float | None, float | None], method: str
) -> Estimate:
    return Estimate(value, *bounds, *group.counts, method)


def _undefined(group: _Group, reason: str) -> Estimate:
    return Estimate(None, None, None, *group.counts, "none", reason)


def _plain(group: _Group, value: float) -> Estimate:
    return _estimate(group, value, (None, None), "no interval")


def _proportion(
    group: _Group,
    plan: AnalysisPlan,
    threshold: float,
    rate: Callable[[operating_point.Confusion], float],
    hits: _Hits,
) -> Estimate:
    value = rate(operating_point.confusion(group.y, group.s, threshold))
    over, counted = hits(group.y, group.s >= threshold)
    patient = group.patient[over]
    low, high = intervals.clustered_wilson(counted[over], patient, plan.confidence)
    repeat = np.unique(patient).size < patient.size
    method = "Wilson, effective number of cases (patient-clustered)" if repeat else "Wilson"
    return _estimate(group, value, (low, high), method)


def _brier(group: _Group, plan: AnalysisPlan) -> Estimate:
    value = calibration.brier(group.y, group.s)
    loss = (group.s - group.y) ** 2 - value
    _, member = np.unique(group.patient, return_inverse=True)
    part = np.bincount(member, loss)
    k = part.size
    error = float(np.sqrt(k / (k - 1) * (part @ part))) / loss.size
    bounds = intervals.symmetric(value, error, plan.confidence, (0.0, 1.0))
    return _estimate(group, value, bounds, "normal, standard error over patients")


def _recalibrated(group: _Group, plan: AnalysisPlan, name: str) -> Estimate:
    if name == "calibration_in_the_large":
        value, error = recalibration.offset_intercept(group.y, group.s, group.patient)
    else:
        fit = recalibration.recalibration(group.y, group.s, group.patient)
        value, error = (
            (fit.slope, fit.se_slope)
            if name == "calibration_slope"
            else (fit.intercept, fit.se_intercept)
        )
    n_cases, n_patients, _ = group.counts
    method = "Wald, sandwich over patients" if n_patients < n_cases else "Wald"
    return _estimate(group, value, intervals.symmetric(value, error, plan.confidence), method)


def _curves(group: _Group, plan: AnalysisPlan) -> Iterator[Curve]:
    heights = discrimination.roc_sensitivities(group.y, group.s, ROC_GRID)
    yield Curve(
        "roc",
        group.attribute,
        group.level,
        tuple(
            CurvePoint(float(x), float(height), None, None, group.y.size)
            for x, height in zip(ROC_GRID, heights, strict=True)
        ),
    )
    if group.s.min() < 0.0 or group.s.max() > 1.0:
        return
    n_bins = max(2, min(RELIABILITY_BINS, group.y.size // plan.minimum_cases))
    member = calibration.mass_bin_of(group.s, np.ones(group.s.size), n_bins)
    points = []
    for number in np.unique(member):
        inside = member == number
        low, high = intervals.clustered_wilson(
            group.y[inside], group.patient[inside], plan.confidence
        )
        points.append(
            CurvePoint(
                float(group.s[inside].mean()),
                float(group.y[inside].mean()),
                low,
                high,
                int(inside.sum()),
            )
        )
    yield Curve("reliability", group.attribute, group.level, tuple(points))


def _code_version() -> str:
    try:
        return importlib.metadata.version("sequestra")
    except importlib.metadata.PackageNotFoundError:
        return "not installed"
