"""Compares modalities, and a model with the mean reader, by every figure that the reads allow."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evaluator.case_tables.case_table import ScoringInputError
from evaluator.readers.labelled import Labelled
from evaluator.readers.reads_table import ReadsTable
from metrics.edges import called
from metrics.estimate import UndefinedMetric
from metrics.readers import figures
from metrics.readers.covariances import DELONG, JACKKNIFE
from metrics.readers.figures import Jackknifed
from metrics.readers.obuchowski_rockette import StudyResult, analyse
from metrics.readers.panel import AgainstPanel, against_panel
from metrics.readers.pseudovalues import PseudovalueTest, dorfman_berbaum_metz
from metrics.readers.reads import Reads, reads

FIGURES = ("auroc", "sensitivity", "specificity")
_OF: dict[str, Callable[[Reads], Jackknifed]] = {
    "auroc": figures.auroc,
    "sensitivity": figures.sensitivity,
    "specificity": figures.specificity,
}


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked of a study.

    ``threshold`` turns scores of readers into calls where the table has none,
    ``model_threshold`` the model's scores. ``margin`` is how much worse the model may be and still
    not be inferior. ``covariance`` is "jackknife" or "DeLong", the second for the AUROC alone.
    """

    threshold: float | None = None
    model_threshold: float | None = None
    margin: float | None = None
    covariance: str = JACKKNIFE
    confidence: float = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class FigureStudy:
    """One figure of a study.

    ``result`` compares modalities, or has one modality's mean. ``pseudovalues`` is the same test by
    Dorfman, Berbaum and Metz, None with DeLong's covariances or one modality. ``model`` has the
    model against the mean reader of each modality; ``undefined`` says why there is nothing.
    """

    figure: str
    result: StudyResult | None = None
    pseudovalues: PseudovalueTest | None = None
    model: tuple[AgainstPanel, ...] = ()
    undefined: str | None = None
    model_undefined: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadersReport:
    """A reader study: who read what, and what came of it."""

    label: str
    modalities: tuple[str, ...]
    readers: tuple[str, ...]
    n_cases: int
    n_patients: int
    n_positive: int
    asked: Asked
    figures: tuple[FigureStudy, ...]


def study_report(table: ReadsTable, cases: Labelled, options: Asked) -> ReadersReport:
    """Analyse a table of reads by each figure that it has values for; raise ScoringInputError."""
    if len(table.readers) < 2:
        raise ScoringInputError(
            f"{table.file} has one reader ({table.readers[0]!r}), who shows nothing of how readers "
            "differ; give two readers or more"
        )
    by_figure = _values(table, cases, options)
    patients = None if cases.patient_id is None else cases.patient_id
    findings = []
    whole: Reads | None = None
    for name, (values, model) in by_figure.items():
        whole = reads(cases.y, values, patients)
        findings.append(_one(name, whole, model, options))
    assert whole is not None  # a table has scores or calls
    return ReadersReport(
        label=cases.label,
        modalities=table.modalities,
        readers=table.readers,
        n_cases=int(cases.y.size),
        n_patients=whole.n_patients,
        n_positive=int(cases.y.sum()),
        asked=options,
        figures=tuple(findings),
    )


_Values = tuple[NDArray[np.float64], NDArray[np.float64] | None]


def _values(table: ReadsTable, cases: Labelled, options: Asked) -> dict[str, _Values]:
    """Figure -> the readers' values, and the model's where it has them."""
    values: dict[str, _Values] = {}
    if table.scores is not None:
        values["auroc"] = (table.scores, cases.model)
    calls = table.calls
    if calls is None and table.scores is not None and options.threshold is not None:
        calls = called(table.scores, options.threshold).astype(np.float64)
    if calls is not None:
        of_model = None
        if cases.model is not None and options.model_threshold is not None:
            of_model = called(cases.model, options.model_threshold).astype(np.float64)
        values["sensitivity"] = (calls, of_model)
        values["specificity"] = (calls, of_model)
    return values


def _one(name: str, study: Reads, model: NDArray[np.float64] | None, options: Asked) -> FigureStudy:
    figure = _OF[name]
    covariance = options.covariance if name == "auroc" else JACKKNIFE
    try:
        result = analyse(study, figure, covariance=covariance, confidence=options.confidence)
    except UndefinedMetric as why:
        return FigureStudy(figure=name, undefined=str(why))
    test = None
    if result.finding.p is not None and covariance != DELONG:
        test = dorfman_berbaum_metz(figure(study))
    if model is None:
        return FigureStudy(figure=name, result=result, pseudovalues=test)
    try:
        against = tuple(
            against_panel(
                Reads(
                    y=study.y,
                    values=study.values[i : i + 1],
                    patient=study.patient,
                    n_patients=study.n_patients,
                ),
                model,
                figure,
                covariance=covariance,
                confidence=options.confidence,
                margin=options.margin,
            )
            for i in range(study.values.shape[0])
        )
    except UndefinedMetric as why:
        return FigureStudy(figure=name, result=result, pseudovalues=test, model_undefined=str(why))
    return FigureStudy(figure=name, result=result, pseudovalues=test, model=against)
