"""Writes the numbers of a copy's header: one form for each value, in 16 characters."""

from __future__ import annotations

import math
import re

LONGEST = 16
"""Characters that DICOM allows a decimal string (PS3.5 table 6.2-1)."""

_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d{1,3})?")
_COMMA = re.compile(r"([-+]?)(\d*),(\d+)((?:[eE][-+]?\d{1,3})?)")


class NoNumber(ValueError):
    """A text that says no number, or that may say two; the message says which, without advice."""


def decimal(text: str) -> float:
    """Read a decimal string; a comma is its decimal mark. Raises NoNumber.

    ``1,024`` is refused: it may be 1.024 and 1024.
    """
    bare = text.strip()
    commaed = _COMMA.fullmatch(bare)
    if commaed is not None:
        sign, whole, rest, power = commaed.groups()
        if len(rest) == 3 and 1 <= len(whole) <= 3 and not whole.startswith("0") and not power:
            raise NoNumber(f"{bare!r}, which may be {sign}{whole}.{rest} and {sign}{whole}{rest}")
        bare = f"{sign}{whole or '0'}.{rest}{power}"
    if _NUMBER.fullmatch(bare) is None:
        raise NoNumber(f"{bare[:40]!r}, which is no number")
    value = float(bare)
    if not math.isfinite(value):
        raise NoNumber(f"{bare[:40]!r}, which is beyond all numbers")
    return value


def decimal_text(value: float) -> str:
    """Write a finite number in at most 16 characters, as near to it as they allow."""
    text = _bare(repr(value + 0.0))
    digits = 17  # as many as tell every number from its neighbours
    while len(text) > LONGEST:
        digits -= 1
        text = _bare(f"{value:.{digits}g}")
    return text


def _bare(text: str) -> str:
    """Without what a number can be read without; the zero before a point where room is short."""
    mantissa, e, power = text.partition("e")
    mantissa = mantissa.removesuffix(".0")
    if e:
        return f"{mantissa}e{int(power)}"
    if len(mantissa) > LONGEST and mantissa.lstrip("-").startswith("0."):
        return mantissa.replace("0.", ".", 1)
    return mantissa


def whole(text: str) -> int:
    """Read an integer string, ``7.0`` too; raises NoNumber."""
    value = decimal(text)
    if value != int(value):
        raise NoNumber(f"{text.strip()[:40]!r}, which is no whole number")
    return int(value)
