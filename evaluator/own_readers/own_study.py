"""Analyses a table of readers beside a table of labels, and writes what was asked for."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cohort_selection.atomic_files import write_bytes
from cohort_selection.benchmark_keys.meant import did_you_mean
from evaluator.case_tables.case_table import CaseTable, ScoringInputError
from evaluator.own_readers.page import render_page
from evaluator.readers.document import as_csv, as_document
from evaluator.readers.labelled import Columns, read_labelled
from evaluator.readers.reads_table import ReadsColumns, read_reads
from evaluator.readers.study import Asked, ReadersReport, study_report
from evaluator.readers.words import ONE_MODALITY
from metrics.readers.covariances import COVARIANCES


@dataclass(frozen=True, slots=True)
class Written:
    """Where the study is written; None for nowhere."""

    output: Path | None = None
    table: Path | None = None
    report: Path | None = None


def own_study(
    reads: Path,
    truth: Path,
    model: Path | None,
    columns: Columns,
    options: Asked,
    written: Written,
    tell: Callable[[str], None],
) -> ReadersReport:
    """Read, analyse and write a reader study; raise ScoringInputError before anything is written.

    ``truth`` has the labels, ``model`` the scores of a model that is compared with the readers.
    ``columns.model_column`` names the column of scores in both tables.
    """
    _refuse_odd(options, model)
    cases = read_labelled(truth, columns, tell, model)
    chosen = columns.model_column or ""
    own = ReadsColumns(case=_if_there(reads, columns.case_column), score=_if_there(reads, chosen))
    excludes = "exclude" in (columns.how.blank, columns.how.uncertain)
    table = read_reads(reads, cases.case_id.tolist(), own, tell, others=excludes)
    if table.scores is None and options.covariance != "jackknife":
        raise ScoringInputError(
            f"{table.file} has calls alone and --covariances is {options.covariance}; DeLong's are "
            "of the AUROC: leave the option out"
        )
    report = study_report(table, cases, options)
    if len(table.modalities) == 1 and model is None:
        tell(ONE_MODALITY)
    if table.calls is None and options.threshold is None:
        tell(
            f"{table.file} has scores and no calls: sensitivity and specificity are left out; "
            "--threshold turns scores into calls"
        )
    if written.output is not None:
        document = json.dumps({report.label: as_document(report)}, indent=1, allow_nan=False)
        write_bytes(written.output, document.encode())
    if written.table is not None:
        write_bytes(written.table, as_csv(report).encode())
    if written.report is not None:
        write_bytes(written.report, render_page(report).encode())
    return report


def _refuse_odd(options: Asked, model: Path | None) -> None:
    if options.covariance not in COVARIANCES:
        raise ScoringInputError(
            f"--covariances is {options.covariance!r}"
            f"{did_you_mean(options.covariance, COVARIANCES)}; give {' or '.join(COVARIANCES)}"
        )
    if options.margin is not None and model is None:
        raise ScoringInputError(
            "--margin is given and no model; it says how much worse a model may be than the mean "
            "reader: give a table of the model's scores before the labels, or leave it out"
        )
    if options.margin is not None and not 0.0 < options.margin < 1.0:
        raise ScoringInputError(
            f"--margin is {options.margin:g}; give a number above 0 and below 1, as 0.05"
        )


def _if_there(path: Path, name: str | None) -> str:
    """A named column where the table of reads has it too; the tables may differ in their names."""
    if not name:
        return ""
    return name if CaseTable(path).find(name) is not None else ""
