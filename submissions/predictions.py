"""Reads the predictions that a container left, trusting none of them."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from cohort_selection.task.declaration import PredictionForm
from submissions.contract import Contract
from submissions.submission import ContractBroken, Failure

DECIMALS = 6
"""Digits kept of a prediction: what lies below is neither scored nor stored."""


@dataclass(frozen=True, slots=True)
class Predictions:
    """Values a case, in the order of the contract's outputs; every case exactly once."""

    values: Mapping[str, tuple[float, ...]]

    def __post_init__(self) -> None:
        """Close the values against later change."""
        object.__setattr__(self, "values", MappingProxyType(dict(self.values)))


# A decimal or scientific number as printf and repr write it: no hex, no underscore, no Unicode
# digit, no nan, no inf. The bounded lengths keep float() cheap.
_DECIMAL = re.compile(
    r"[+-]?(?:[0-9]{1,24}(?:\.[0-9]{0,40})?|\.[0-9]{1,40})(?:[eE][+-]?[0-9]{1,4})?"
)


def read_predictions(path: Path, case_ids: Collection[str], contract: Contract) -> Predictions:
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
    return parse_predictions(written, case_ids, contract)


def parse_predictions(written: bytes, case_ids: Collection[str], contract: Contract) -> Predictions:
    """Parse the bytes of a predictions.csv.

    UTF-8 without BOM; the header ``case_id,<outputs>`` exactly; one row a case in any order;
    lines ended by LF or CRLF (Python's csv writes the latter); a cell may stand in double quotes
    (R writes them) but hold neither quote, comma nor line end. Values are plain decimal or
    scientific numbers, rounded to 6 decimals and then in the range of the contract's form;
    probabilities of classes sum to 1.

    Raises ContractBroken with the failure of the first line that is wrong.
    """
    if not written:
        raise ContractBroken(Failure.NO_PREDICTIONS, "the file is empty")
    if len(written) > contract.output_bytes:
        raise ContractBroken(
            Failure.PREDICTIONS_MALFORMED, f"over the limit of {contract.output_bytes} bytes"
        )
    try:
        text = written.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ContractBroken(
            Failure.PREDICTIONS_MALFORMED, f"not UTF-8 at byte {error.start}"
        ) from None
    if "\0" in text:
        raise ContractBroken(Failure.PREDICTIONS_MALFORMED, "holds a NUL byte")
    # More lines than cases cannot be right, and splitting stops there: a file of a million
    # empty lines costs no more than one of the right size.
    header, *rows = text.split("\n", len(case_ids) + 2)
    expected = ("case_id", *contract.outputs)
    if _cells(header, 1, len(expected)) != expected:
        raise ContractBroken(
            Failure.PREDICTIONS_MALFORMED,
            f"line 1 is {_shown(header)}; expected {','.join(expected)}",
        )
    if rows and rows[-1] == "":
        rows.pop()
    known = frozenset(case_ids)
    values: dict[str, tuple[float, ...]] = {}
    for line, row in enumerate(rows, start=2):
        case_id, *cells = _cells(row, line, len(expected))
        if case_id not in known:
            raise ContractBroken(
                Failure.PREDICTIONS_UNKNOWN_CASE, f"line {line}: no case {_shown(case_id)}"
            )
        if case_id in values:
            raise ContractBroken(
                Failure.PREDICTIONS_UNKNOWN_CASE, f"line {line}: {case_id} comes a second time"
            )
        values[case_id] = _values(cells, line, contract.form)
    if len(values) < len(known):
        raise ContractBroken(Failure.PREDICTIONS_INCOMPLETE, f"{len(values)} of {len(known)} cases")
    return Predictions(values)


def _cells(row: str, line: int, expected: int) -> tuple[str, ...]:
    cells = row.removesuffix("\r").split(",", expected)
    if len(cells) != expected:
        raise ContractBroken(
            Failure.PREDICTIONS_MALFORMED,
            f"line {line} has {'more' if len(cells) > expected else len(cells)} cells; "
            f"expected {expected}: {_shown(row)}",
        )
    unquoted = tuple(
        cell[1:-1] if len(cell) > 1 and cell[0] == cell[-1] == '"' else cell for cell in cells
    )
    if any('"' in cell or "\r" in cell for cell in unquoted):
        raise ContractBroken(
            Failure.PREDICTIONS_MALFORMED, f"line {line} has a quote or CR inside: {_shown(row)}"
        )
    return unquoted


SUM_TOLERANCE = 1e-3
"""How far probabilities of classes may be from a sum of 1: single precision, and six decimals."""
_MOST = 1e9
"""A score on any scale is at most this large: six decimals of it are still told apart."""


def _values(cells: Sequence[str], line: int, form: PredictionForm) -> tuple[float, ...]:
    lowest = -_MOST if form.lowest is None else form.lowest
    highest = _MOST if form.highest is None else form.highest
    values = tuple(_number(cell, line, lowest, highest) for cell in cells)
    if form.of_classes and abs(sum(values) - 1.0) > SUM_TOLERANCE:
        raise ContractBroken(
            Failure.PREDICTIONS_OUT_OF_RANGE,
            f"line {line}: the probabilities of the classes sum to {sum(values):.6g}; expected 1",
        )
    return values


def _number(cell: str, line: int, lowest: float, highest: float) -> float:
    if len(cell) > 80 or not _DECIMAL.fullmatch(cell):
        raise ContractBroken(
            Failure.PREDICTIONS_OUT_OF_RANGE, f"line {line}: {_shown(cell)} is not a number"
        )
    value = round(float(cell), DECIMALS) + 0.0  # + 0.0: no minus zero
    if not lowest <= value <= highest:
        raise ContractBroken(
            Failure.PREDICTIONS_OUT_OF_RANGE,
            f"line {line}: {_shown(cell)} is not in [{lowest:g}, {highest:g}]",
        )
    return value


def _shown(text: str) -> str:
    """Text of a container, made safe for a console: ASCII, escaped and short."""
    return ascii(text if len(text) <= 60 else f"{text[:57]}...")
