"""The reads of a benchmark's panels, as they are sealed beside the labels and read back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cohort_selection.case_table import CaseTable
from cohort_selection.cases import Case
from evaluator.case_tables.case_table import ScoringInputError
from evaluator.readers.declaration import BETWEEN, FEWEST_READERS, Panel, PanelError
from evaluator.readers.reads_table import ReadsColumns, ReadsTable, check_reads, read_reads
from metrics.edges import called

SCORES, CALLS = "scores", "calls"


@dataclass(frozen=True, slots=True)
class PanelReads:
    """What a panel said of the cases: (readers, cases); None where it has no such reads."""

    scores: NDArray[np.float64] | None
    calls: NDArray[np.float64] | None


def check_panels(panels: Mapping[str, Panel], folder: Path) -> None:
    """Read the columns and cells of every panel's table in ``folder``; raise PanelError."""
    for name, declared in panels.items():
        try:
            check_reads(folder / declared.file, _columns(declared))
        except ScoringInputError as problem:
            raise PanelError(f"[panels.{name}]: {problem}") from None


def said_by_panels(
    panels: Mapping[str, Panel], folder: Path, cases: Sequence[Case]
) -> dict[str, dict[str, float]]:
    """Name of each read -> case id -> its value, as :func:`panel_reads` reads them.

    Readers are numbered, their names stay outside. Raises PanelError where a read is missing.
    """
    answers: dict[str, dict[str, float]] = {}
    ids = CaseTable.of(cases).case_id.to_pylist() if panels else []
    for name, declared in panels.items():
        for kind, values in _of_kinds(_read(name, declared, folder, ids), declared):
            for number, row in enumerate(values.tolist(), start=1):
                key = BETWEEN.join((name, kind, str(number)))
                answers[key] = dict(zip(ids, row, strict=True))
    return answers


def panel_reads(name: str, answers: Mapping[str, NDArray[np.float64]]) -> PanelReads:
    """The sealed reads of the panel ``name``; ``said`` has what was sealed, (cases,) each."""

    def of(kind: str) -> NDArray[np.float64] | None:
        start = f"{name}{BETWEEN}{kind}{BETWEEN}"
        rows = {
            int(key.removeprefix(start)): answers[key] for key in answers if key.startswith(start)
        }
        return np.stack([rows[number] for number in sorted(rows)]) if rows else None

    return PanelReads(of(SCORES), of(CALLS))


def _read(name: str, declared: Panel, folder: Path, ids: list[str]) -> ReadsTable:
    try:
        table = read_reads(folder / declared.file, ids, _columns(declared), others=True)
    except ScoringInputError as problem:
        raise PanelError(f"[panels.{name}]: {problem}") from None
    if len(table.modalities) > 1:
        raise PanelError(
            f"[panels.{name}]: {declared.file} has {len(table.modalities)} modalities "
            f"({', '.join(table.modalities[:4])}); give a panel one modality, in a table of its own"
        )
    if len(table.readers) < FEWEST_READERS:
        raise PanelError(
            f"[panels.{name}]: {declared.file} has {len(table.readers)} readers; a panel has "
            f"{FEWEST_READERS} or more, so that no reader is told apart"
        )
    return table


def _of_kinds(table: ReadsTable, declared: Panel) -> list[tuple[str, NDArray[np.float64]]]:
    kinds = []
    if table.scores is not None:
        kinds.append((SCORES, table.scores[0]))
    calls = table.calls
    if calls is None and table.scores is not None and declared.call_at is not None:
        calls = called(table.scores, declared.call_at).astype(np.float64)
    if calls is not None:
        kinds.append((CALLS, calls[0]))
    return kinds


def _columns(declared: Panel) -> ReadsColumns:
    return ReadsColumns(
        reader=declared.readers, case=declared.cases, score=declared.scores, call=declared.calls
    )
