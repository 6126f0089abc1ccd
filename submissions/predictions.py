"""Reads the predictions that a container left, trusting none of them."""

from __future__ import annotations

import os
import stat
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from cohort_selection.task.declaration import PredictionForm
from submissions.contract import Contract
from submissions.prediction_rows.cells import cells_of, lines_of, number, shown
from submissions.prediction_rows.regions import Pictures, read_regions
from submissions.submission import ContractBroken, Failure


@dataclass(frozen=True, slots=True)
class Predictions:
    """Values a case, in the order of the contract's outputs; every case exactly once.

    Where a case has regions, ``regions`` are their rows (see ``prediction_rows/regions.py``), and
    its one value is the number of pixels drawn, or the highest score of its marks and 0 without.
    """

    values: Mapping[str, tuple[float, ...]]
    regions: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Close the values against later change."""
        object.__setattr__(self, "values", MappingProxyType(dict(self.values)))
        object.__setattr__(self, "regions", MappingProxyType(dict(self.regions)))

    def as_document(self) -> dict[str, list[float | str]]:
        """JSON values: a case's numbers, and its rows after them where it has regions."""
        rows = {case_id: [text] for case_id, text in self.regions.items()}
        return {name: [*values, *rows.get(name, [])] for name, values in self.values.items()}

    @classmethod
    def of_document(cls, document: Mapping[str, Sequence[float | str]]) -> Predictions:
        """Read what ``as_document`` gave."""
        return cls(
            {
                name: tuple(float(each) for each in row if not isinstance(each, str))
                for name, row in document.items()
            },
            {name: row[-1] for name, row in document.items() if isinstance(row[-1], str)},
        )


def read_predictions(
    path: Path,
    case_ids: Collection[str],
    contract: Contract,
    pictures: Mapping[str, Pictures] = MappingProxyType({}),
) -> Predictions:
    """Read what a dead container left at ``path``, trusting none of it.

    The file must be a regular one with a single link, of at most ``contract.output_bytes``; its
    text as ``parse_predictions`` says.

    Raises ContractBroken with the one failure found first; OSError where the disk fails.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise ContractBroken(Failure.NO_PREDICTIONS, "the file is gone") from None
    except OSError as error:
        raise ContractBroken(
            Failure.PREDICTIONS_MALFORMED, f"cannot be opened as a file: {error.strerror}"
        ) from error
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            kind = stat.filemode(status.st_mode)
            raise ContractBroken(Failure.PREDICTIONS_MALFORMED, f"not a regular file: {kind}")
        if status.st_nlink != 1:
            raise ContractBroken(
                Failure.PREDICTIONS_MALFORMED, f"has {status.st_nlink} links in place of 1"
            )
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            written = file.read(contract.output_bytes + 1)
    finally:
        os.close(descriptor)
    return parse_predictions(written, case_ids, contract, pictures)


def parse_predictions(
    written: bytes,
    case_ids: Collection[str],
    contract: Contract,
    pictures: Mapping[str, Pictures] = MappingProxyType({}),
) -> Predictions:
    """Parse the bytes of a predictions.csv.

    UTF-8 without BOM; the header ``case_id,<outputs>`` exactly; one row a case in any order;
    lines ended by LF or CRLF (Python's csv writes the latter); a cell may stand in double quotes
    (R writes them) but hold neither quote, comma nor line end. Values are plain decimal or
    scientific numbers, rounded to 6 decimals and then in the range of the contract's form;
    probabilities of classes sum to 1. Where the form is of regions, rows are as
    ``prediction_rows/regions.py`` says, in the ``pictures`` that each case has.

    Raises ContractBroken with the failure of the first line that is wrong.
    """
    text = _text(written, contract.output_bytes)
    if contract.form.regions:
        regions = read_regions(text, case_ids, contract, pictures)
        return Predictions(
            {case_id: (each.summary,) for case_id, each in regions.items()},
            {case_id: each.text for case_id, each in regions.items()},
        )
    rows = lines_of(text)
    header = next(rows)
    expected = ("case_id", *contract.outputs)
    if cells_of(header, 1, len(expected)) != expected:
        raise ContractBroken(
            Failure.PREDICTIONS_MALFORMED,
            f"line 1 is {shown(header)}; expected {','.join(expected)}",
        )
    known = frozenset(case_ids)
    values: dict[str, tuple[float, ...]] = {}
    for line, row in enumerate(rows, start=2):
        case_id, *cells = cells_of(row, line, len(expected))
        if case_id not in known:
            raise ContractBroken(
                Failure.PREDICTIONS_UNKNOWN_CASE, f"line {line}: no case {shown(case_id)}"
            )
        if case_id in values:
            raise ContractBroken(
                Failure.PREDICTIONS_UNKNOWN_CASE, f"line {line}: {case_id} comes a second time"
            )
        values[case_id] = _values(cells, line, contract.form)
    if len(values) < len(known):
        raise ContractBroken(Failure.PREDICTIONS_INCOMPLETE, f"{len(values)} of {len(known)} cases")
    return Predictions(values)


def _text(written: bytes, most: int) -> str:
    if not written:
        raise ContractBroken(Failure.NO_PREDICTIONS, "the file is empty")
    if len(written) > most:
        raise ContractBroken(Failure.PREDICTIONS_MALFORMED, f"over the limit of {most} bytes")
    try:
        text = written.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ContractBroken(
            Failure.PREDICTIONS_MALFORMED, f"not UTF-8 at byte {error.start}"
        ) from None
    if "\0" in text:
        raise ContractBroken(Failure.PREDICTIONS_MALFORMED, "holds a NUL byte")
    return text


SUM_TOLERANCE = 1e-3
"""How far probabilities of classes may be from a sum of 1: single precision, and six decimals."""
_MOST = 1e9
"""A score on any scale is at most this large: six decimals of it are still told apart."""


def _values(cells: Sequence[str], line: int, form: PredictionForm) -> tuple[float, ...]:
    lowest = -_MOST if form.lowest is None else form.lowest
    highest = _MOST if form.highest is None else form.highest
    values = tuple(number(cell, line, lowest, highest) for cell in cells)
    if form.of_classes and abs(sum(values) - 1.0) > SUM_TOLERANCE:
        raise ContractBroken(
            Failure.PREDICTIONS_OUT_OF_RANGE,
            f"line {line}: the probabilities of the classes sum to {sum(values):.6g}; expected 1",
        )
    return values
