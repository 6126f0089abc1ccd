"""Writes a reader study as JSON values and as rows of a CSV."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator

from evaluator.readers.study import FigureStudy, ReadersReport
from metrics.readers.each_reader import OwnDifference
from metrics.readers.obuchowski_rockette import BOTH_RANDOM, FIXED_READERS, Finding, Spread
from metrics.readers.panel import AgainstPanel

METHOD = "Obuchowski-Rockette, Hillis' degrees of freedom"
COLUMNS = (
    *("label", "figure", "row", "modality", "less", "reader", "holds_for"),
    *("estimate", "standard_error", "degrees_of_freedom", "low", "high"),
    *("statistic", "df1", "df2", "p", "covariances"),
    *("margin", "p_noninferior", "undefined"),
)


def as_document(report: ReadersReport) -> dict[str, object]:
    """The study as JSON values; endless degrees of freedom are null."""
    return {
        "study": "readers",
        "label": report.label,
        "modalities": list(report.modalities),
        "readers": list(report.readers),
        "n_cases": report.n_cases,
        "n_patients": report.n_patients,
        "n_positive": report.n_positive,
        "confidence": report.asked.confidence,
        "threshold": report.asked.threshold,
        "model_threshold": report.asked.model_threshold,
        "margin": report.asked.margin,
        "method": METHOD,
        "figures": {each.figure: _figure(each, report) for each in report.figures},
    }


def _figure(study: FigureStudy, report: ReadersReport) -> dict[str, object]:
    result = study.result
    if result is None:
        return {"undefined": study.undefined}
    mean, squares = result.components, result.squares
    fields: dict[str, object] = {
        "covariances": result.covariances,
        "values": {
            name: dict(zip(report.readers, row, strict=True))
            for name, row in zip(report.modalities, result.values.tolist(), strict=True)
        },
        "mean_squares": {
            "modality": squares.modality,
            "reader": squares.reader,
            "modality_reader": squares.both,
        },
        "components": {
            "variance": mean.variance,
            "cov1": mean.cov1,
            "cov2": mean.cov2,
            "cov3": mean.cov3,
            "var_reader": result.var_reader,
            "var_modality_reader": result.var_both,
        },
        "finding": _finding(result.finding, report),
        "secondary": [
            _finding(result.fixed_readers, report),
            _finding(result.fixed_cases, report),
        ],
        "each_reader": [_own(each, report) for each in result.each_reader],
    }
    if (test := study.pseudovalues) is not None:
        fields["dorfman_berbaum_metz"] = {
            "statistic": test.statistic,
            "df1": test.df1,
            "df2": _finite(test.df2),
            "p": test.p,
        }
    if study.model:
        fields["model_less_mean_reader"] = {
            name: _against(each) for name, each in zip(report.modalities, study.model, strict=True)
        }
    if study.model_undefined:
        fields["model_undefined"] = study.model_undefined
    return fields


def _finding(finding: Finding, report: ReadersReport) -> dict[str, object]:
    return {
        "holds_for": finding.generalises_to,
        "statistic": finding.statistic,
        "df1": finding.df1,
        "df2": _finite(finding.df2),
        "p": finding.p,
        "undefined": finding.why,
        "means": dict(zip(report.modalities, map(_spread, finding.means), strict=True)),
        "differences": [
            {
                "modality": report.modalities[each.one],
                "less": report.modalities[each.other],
                **_spread(each.spread),
                "p": each.p,
            }
            for each in finding.differences
        ],
    }


def _own(difference: OwnDifference, report: ReadersReport) -> dict[str, object]:
    return {
        "reader": report.readers[difference.reader],
        "modality": report.modalities[difference.one],
        "less": report.modalities[difference.other],
        "estimate": difference.estimate,
        "standard_error": difference.standard_error,
        "low": difference.low,
        "high": difference.high,
        "p": difference.p,
    }


def _against(against: AgainstPanel) -> dict[str, object]:
    return {
        "model": against.model,
        "mean_reader": _spread(against.panel),
        "difference": {"holds_for": BOTH_RANDOM, **_spread(against.difference), "p": against.p},
        "symmetric": {"holds_for": BOTH_RANDOM, **_spread(against.published)},
        "secondary": {"holds_for": FIXED_READERS, **_spread(against.fixed_readers)},
        "superior": against.superior,
        "margin": against.margin,
        "noninferior": against.noninferior,
        "p_noninferior": against.p_noninferior,
    }


def _spread(spread: Spread) -> dict[str, object]:
    return {
        "estimate": spread.estimate,
        "standard_error": spread.standard_error,
        "degrees_of_freedom": _finite(spread.freedom),
        "low": spread.low,
        "high": spread.high,
    }


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def as_csv(report: ReadersReport) -> str:
    """One row a figure: each reader, means, differences, tests, and the model where one is given.

    Cells without a value are empty.
    """
    text = io.StringIO()
    rows = csv.DictWriter(text, COLUMNS, restval="", lineterminator="\n")
    rows.writeheader()
    for study in report.figures:
        for row in _rows(study, report):
            values = {name: value for name, value in row.items() if value is not None}
            rows.writerow({"label": report.label, "figure": study.figure, **values})
    return text.getvalue()


def _rows(study: FigureStudy, report: ReadersReport) -> Iterator[dict[str, object]]:
    result = study.result
    if result is None:
        yield {"row": "undefined", "undefined": study.undefined}
        return
    for modality, values in zip(report.modalities, result.values.tolist(), strict=True):
        for reader, value in zip(report.readers, values, strict=True):
            yield {"row": "reader", "modality": modality, "reader": reader, "estimate": value}
    for finding in (result.finding, result.fixed_readers, result.fixed_cases):
        named = {"holds_for": finding.generalises_to, "covariances": result.covariances}
        for modality, mean in zip(report.modalities, finding.means, strict=True):
            yield {"row": "mean reader", "modality": modality, **named, **_spread(mean)}
        for each in finding.differences:
            pair = {
                "modality": report.modalities[each.one],
                "less": report.modalities[each.other],
            }
            yield {"row": "difference", **pair, **named, **_spread(each.spread), "p": each.p}
        if len(report.modalities) > 1:
            test = {"statistic": finding.statistic, "df1": finding.df1, "p": finding.p}
            df2 = _finite(finding.df2)
            yield {"row": "test", **named, **test, "df2": df2, "undefined": finding.why}
    for own in result.each_reader:
        named = {"holds_for": "this reader alone", "covariances": result.covariances}
        yield {"row": "difference", **named, **_own(own, report)}
    yield from _model_rows(study, report)


def _model_rows(study: FigureStudy, report: ReadersReport) -> Iterator[dict[str, object]]:
    if study.model_undefined:
        yield {"row": "model less mean reader", "undefined": study.model_undefined}
    for modality, against in zip(report.modalities, study.model, strict=False):
        named = {"modality": modality, "covariances": against.covariances}
        yield {"row": "model", "estimate": against.model}
        for holds_for, spread, p in (
            (BOTH_RANDOM, against.difference, against.p),
            (FIXED_READERS, against.fixed_readers, None),
        ):
            yield {
                "row": "model less mean reader",
                **named,
                "holds_for": holds_for,
                **_spread(spread),
                "p": p,
                "margin": against.margin if spread is against.difference else None,
                "p_noninferior": against.p_noninferior if spread is against.difference else None,
            }
