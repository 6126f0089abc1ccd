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


def study_report(given: ReadsTable, cases: Labelled, asked: Asked) -> ReadersReport:
    """Analyse a table of reads by each figure that it has values for; raise ScoringInputError."""
    if len(given.readers) < 2:
        raise ScoringInputError(
            f"{given.file} has one reader ({given.readers[0]!r}), who shows nothing of how readers "
            "differ; give two readers or more"
        )
    by_figure = _values(given, cases, asked)
    patients = None if cases.patient_id is None else cases.patient_id
    found = []
    whole: Reads | None = None
    for name, (values, model) in by_figure.items():
        whole = reads(cases.y, values, patients)
        found.append(_one(name, whole, model, asked))
    assert whole is not None  # a table has scores or calls
    return ReadersReport(
        label=cases.label,
        modalities=given.modalities,
        readers=given.readers,
        n_cases=int(cases.y.size),
        n_patients=whole.n_patients,
        n_positive=int(cases.y.sum()),
        asked=asked,
        figures=tuple(found),
    )


_Values = tuple[NDArray[np.float64], NDArray[np.float64] | None]


def _values(given: ReadsTable, cases: Labelled, asked: Asked) -> dict[str, _Values]:
    """Figure -> the readers' values, and the model's where it has them."""
    found: dict[str, _Values] = {}
    if given.scores is not None:
        found["auroc"] = (given.scores, cases.model)
    calls = given.calls
    if calls is None and given.scores is not None and asked.threshold is not None:
        calls = called(given.scores, asked.threshold).astype(np.float64)
    if calls is not None:
        of_model = None
        if cases.model is not None and asked.model_threshold is not None:
            of_model = called(cases.model, asked.model_threshold).astype(np.float64)
        found["sensitivity"] = (calls, of_model)
        found["specificity"] = (calls, of_model)
    return found


def _one(name: str, study: Reads, model: NDArray[np.float64] | None, asked: Asked) -> FigureStudy:
    figure = _OF[name]
    covariance = asked.covariance if name == "auroc" else JACKKNIFE
    try:
        result = analyse(study, figure, covariance=covariance, confidence=asked.confidence)
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
                Reads(study.y, study.values[i : i + 1], study.patient, study.n_patients),
                model,
                figure,
                covariance=covariance,
                confidence=asked.confidence,
                margin=asked.margin,
            )
            for i in range(study.values.shape[0])
        )
    except UndefinedMetric as why:
        return FigureStudy(figure=name, result=result, pseudovalues=test, model_undefined=str(why))
    return FigureStudy(figure=name, result=result, pseudovalues=test, model=against)
