"""Prints a reader study: its findings, a table a figure, and its assumptions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType

from evaluator.case_tables.labels import Labels
from evaluator.case_tables.scoring_input import Reading, ScoringInputError
from evaluator.glossary import figure
from evaluator.own_readers.own_study import Written, own_study
from evaluator.readers import words
from evaluator.readers.labelled import Columns
from evaluator.readers.study import Asked, FigureStudy, ReadersReport
from evaluator.screen import Sheet, console


def print_study(
    readers: Path | None,
    first: Path,
    second: Path | None,
    reading: Reading,
    asked: Asked,
    places: Written,
    unused: Mapping[str, object],
) -> None:
    """Analyse a table of ``readers``, print the study and write what was asked for.

    ``first`` is the table of labels, or with ``second`` a model's scores and ``second`` the labels.
    ``unused`` are options that a reader study does not take. Raises ScoringInputError.
    """
    if readers is None:
        raise ScoringInputError(
            f"{first.name} is the only table; give the table of labels behind it (it may be the "
            "same file), or the table of several readers with --readers"
        )
    for option, given in {**unused, "--weight-column": reading["weight_column"]}.items():
        if given:
            raise ScoringInputError(
                f"{option} is given beside --readers, and a reader study has none yet: leave one "
                "of the two out"
            )
    columns = Columns(
        labels=reading["labels"],
        case_column=reading["case_column"],
        patient_column=reading["patient_column"],
        how=reading["how"] or Labels(),
        missing=reading["missing"],
        model_column=reading["score_column"],
    )
    notes: list[str] = []
    truth, model = (first, None) if second is None else (second, first)
    found = own_study(readers, truth, model, columns, asked, places, notes.append)
    console.print(readers_summary(found, notes))


def readers_summary(report: ReadersReport, notes: Sequence[str]) -> RenderableType:
    """The study on one screen; ``notes`` say what was assumed."""
    many = len(report.modalities) > 1
    title = (
        f"{report.label}: {len(report.readers)} readers"
        f"{f', {len(report.modalities)} modalities' if many else ''}, {report.n_cases} cases, "
        f"{report.n_patients} patients, {report.n_positive} positive"
    )
    parts: list[RenderableType] = [title]
    for study in report.figures:
        if study.result is not None:
            parts.append(_table(study, report))
        parts += [f"  {sentence}" for sentence in words.findings(study, report)]
    methods = dict.fromkeys(filter(None, map(words.method, report.figures)))
    parts += [*methods, "--output JSON, --table CSV or --report HTML write all figures"]
    return Group(*parts, *(f"note: {note}" for note in notes))


def _table(study: FigureStudy, report: ReadersReport) -> Sheet:
    assert study.result is not None
    table = Sheet(box=SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    table.add_column(f"{figure(study.figure).short} of")
    for name in report.modalities:
        table.add_column(name or "value", justify="right", no_wrap=True)
    for reader, values in zip(report.readers, study.result.values.T.tolist(), strict=True):
        table.add_row(reader, *(f"{value:.3f}" for value in values))
    table.add_row("mean reader", *(words.signed(mean) for mean in study.result.finding.means))
    return table
