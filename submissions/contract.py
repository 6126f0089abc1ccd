"""The contract between a submitted container and the harness, version 1."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from types import MappingProxyType
from typing import Any

from submissions.submission import ContractBroken, Failure

CONTRACT_VERSION = 1

DECIMALS = 6
"""Digits kept of a prediction: what lies below is neither scored nor stored."""


class ContractError(ValueError):
    """The [contract] table of a benchmark file is not one that the harness can keep."""


@dataclass(frozen=True, slots=True)
class Contract:
    """Limits and outputs of one benchmark; read from the [contract] table of its file."""

    outputs: tuple[str, ...] = ("probability",)
    visible: tuple[str, ...] = ()
    start_seconds: float = 60.0
    case_seconds: float = 2.0
    memory_mb: int = 2048
    cpus: float = 1.0
    pids: int = 128
    tmp_mb: int = 256
    shm_mb: int = 64
    output_bytes: int = 4_000_000
    image_mb: int = 4096
    log_kb: int = 256
    gpus: int = 0
    repeat_share: float = 0.0
    repeat_tolerance: float = 1e-4

    def seconds(self, n_cases: int) -> float:
        """Wall-clock limit in seconds for a run over ``n_cases`` cases."""
        return self.start_seconds + self.case_seconds * n_cases


@dataclass(frozen=True, slots=True)
class Predictions:
    """Values a case, in the order of the contract's outputs; every case exactly once."""

    values: Mapping[str, tuple[float, ...]]

    def __post_init__(self) -> None:
        """Close the values against later change."""
        object.__setattr__(self, "values", MappingProxyType(dict(self.values)))


_BOUNDS = {
    "start_seconds": (1, 86_400),
    "case_seconds": (0, 86_400),
    "memory_mb": (16, 4_194_304),
    "cpus": (0.1, 1024),
    "pids": (1, 65_536),
    "tmp_mb": (1, 1_048_576),
    "shm_mb": (1, 1_048_576),
    "output_bytes": (1024, 1_073_741_824),
    "image_mb": (1, 1_048_576),
    "log_kb": (1, 1_048_576),
    "gpus": (0, 64),
    "repeat_share": (0, 1),
    "repeat_tolerance": (0, 0.1),
}
"""Smallest and largest value of each limit that makes sense to an engine."""

_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}", re.ASCII)


def read_contract(table: Mapping[str, object], path: Path) -> Contract:
    """Read the [contract] table of the benchmark file ``path``; what it leaves out is default.

    Raises ContractError for an unknown key, a wrong type or a value out of bounds.
    """
    defaults = Contract()
    unknown = sorted(set(table) - {field.name for field in fields(Contract)})
    if unknown:
        known = ", ".join(field.name for field in fields(Contract))
        raise ContractError(f"{path}: [contract] has no key {unknown[0]!r}; known keys: {known}")
    given: dict[str, Any] = {}
    for key, value in table.items():
        where = f"{path}: [contract] {key}"
        if key in ("outputs", "visible"):
            given[key] = _names(value, where, at_least=1 if key == "outputs" else 0)
        else:
            whole = isinstance(getattr(defaults, key), int)
            given[key] = _number(value, where, *_BOUNDS[key], whole=whole)
    return Contract(**given)


def _names(value: object, where: str, at_least: int) -> tuple[str, ...]:
    names = tuple(value) if isinstance(value, list) else None
    if (
        names is None
        or len(names) < at_least
        or len(set(names)) < len(names)
        or not all(isinstance(name, str) and _NAME.fullmatch(name) for name in names)
        or {"case_id", "n_files"} & set(names)
    ):
        raise ContractError(
            f"{where} is {value!r}; give a list of different names of small letters, digits and _"
            f"{' (at least one)' if at_least else ''}, without case_id and n_files"
        )
    return names


def _number(value: object, where: str, low: float, high: float, *, whole: bool) -> float | int:
    if isinstance(value, bool) or not isinstance(value, int if whole else (int, float)):
        raise ContractError(f"{where} is {value!r}; give a {'whole ' if whole else ''}number")
    if not low <= value <= high:
        raise ContractError(f"{where} is {value!r}; give a number from {low:g} to {high:g}")
    return value if whole else float(value)


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
    scientific numbers, rounded to 6 decimals and then in [0, 1].

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
        values[case_id] = tuple(_probability(cell, line) for cell in cells)
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


def _probability(cell: str, line: int) -> float:
    if len(cell) > 80 or not _DECIMAL.fullmatch(cell):
        raise ContractBroken(
            Failure.PREDICTIONS_OUT_OF_RANGE, f"line {line}: {_shown(cell)} is not a number"
        )
    value = round(float(cell), DECIMALS) + 0.0  # + 0.0: no minus zero
    if not 0.0 <= value <= 1.0:
        raise ContractBroken(
            Failure.PREDICTIONS_OUT_OF_RANGE, f"line {line}: {_shown(cell)} is not in [0, 1]"
        )
    return value


def _shown(text: str) -> str:
    """Text of a container, made safe for a console: ASCII, escaped and short."""
    return ascii(text if len(text) <= 60 else f"{text[:57]}...")
