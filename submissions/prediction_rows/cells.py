"""Reads one line and one cell of what a container wrote."""

from __future__ import annotations

import re
from collections.abc import Iterator

from submissions.submission import ContractBroken, Failure

DECIMALS = 6
"""Digits kept of a prediction: what lies below is neither scored nor stored."""

# A decimal or scientific number as printf and repr write it: no hex, no underscore, no Unicode
# digit, no nan, no inf. The bounded lengths keep float() cheap.
_DECIMAL = re.compile(
    r"[+-]?(?:[0-9]{1,24}(?:\.[0-9]{0,40})?|\.[0-9]{1,40})(?:[eE][+-]?[0-9]{1,4})?"
)


def lines_of(text: str) -> Iterator[str]:
    """The lines of a text without their ends, one at a time.

    A file of a million short lines costs no more memory than its text.
    """
    start = 0
    while start < len(text):
        end = text.find("\n", start)
        end = len(text) if end < 0 else end
        yield text[start:end]
        start = end + 1


def cells_of(row: str, line: int, expected: int) -> tuple[str, ...]:
    """The cells of a row, without quotes; raise ContractBroken where their number is another."""
    cells = row.removesuffix("\r").split(",", expected)
    if len(cells) != expected:
        raise ContractBroken(
            Failure.PREDICTIONS_MALFORMED,
            f"line {line} has {'more' if len(cells) > expected else len(cells)} cells; "
            f"expected {expected}: {shown(row)}",
        )
    unquoted = tuple(
        cell[1:-1] if len(cell) > 1 and cell[0] == cell[-1] == '"' else cell for cell in cells
    )
    if any('"' in cell or "\r" in cell for cell in unquoted):
        raise ContractBroken(
            Failure.PREDICTIONS_MALFORMED, f"line {line} has a quote or CR inside: {shown(row)}"
        )
    return unquoted


def number(cell: str, line: int, lowest: float, highest: float) -> float:
    """A decimal number from ``lowest`` to ``highest``; raise ContractBroken for any other cell."""
    if len(cell) > 80 or not _DECIMAL.fullmatch(cell):
        raise ContractBroken(
            Failure.PREDICTIONS_OUT_OF_RANGE, f"line {line}: {shown(cell)} is not a number"
        )
    value = round(float(cell), DECIMALS) + 0.0  # + 0.0: no minus zero
    if not lowest <= value <= highest:
        raise ContractBroken(
            Failure.PREDICTIONS_OUT_OF_RANGE,
            f"line {line}: {shown(cell)} is not in [{lowest:g}, {highest:g}]",
        )
    return value


def shown(text: str) -> str:
    """Text of a container, made safe for a console: ASCII, escaped and short."""
    return ascii(text if len(text) <= 60 else f"{text[:57]}...")
