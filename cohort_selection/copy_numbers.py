"""Numbers of a header as a copy writes them: one way to write each value, in 16 characters."""

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
    text = repr(value).removesuffix(".0")
    if len(text) > LONGEST and text.lstrip("-").startswith("0."):
        text = text.replace("0.", ".", 1)
    if "e" in text:
        mantissa, power = text.split("e")
        text = f"{mantissa.removesuffix('.0')}e{int(power)}"
    digits = LONGEST
    while len(text) > LONGEST:
        digits -= 1
        text = f"{value:.{digits}g}"
    return "0" if text == "-0" else text


def whole(text: str) -> int:
    """Read an integer string, ``7.0`` too; raises NoNumber."""
    value = decimal(text)
    if value != int(value):
        raise NoNumber(f"{text.strip()[:40]!r}, which is no whole number")
    return int(value)
