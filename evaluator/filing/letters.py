"""Writes any text with the letters that the typesetter's own fonts have.

The fonts that come with typst have no Chinese, Japanese, Korean, Thai or emoji. A filed report may
not depend on the fonts of a machine, so such characters are written as code points; the attached
release has the text itself.
"""

from __future__ import annotations

import re
import unicodedata

# Tried character by character under typst 0.15 (a test does it again): every assigned character of
# these ranges has a glyph in a font that comes with it.
_RANGES = (
    (0x20, 0x7E),
    (0xA0, 0xAC),
    (0xAE, 0x17F),
    (0x386, 0x386),
    (0x388, 0x38A),
    (0x38C, 0x38C),
    (0x38E, 0x3A1),
    (0x3A3, 0x3CE),
    (0x400, 0x45F),
    (0x490, 0x491),
    (0x5D0, 0x5EA),
    (0x621, 0x63A),
    (0x641, 0x64A),
    (0x1E80, 0x1E85),
    (0x1EA0, 0x1EF9),
    (0x2010, 0x2015),
    (0x2018, 0x201E),
    (0x2020, 0x2022),
    (0x2026, 0x2026),
    (0x2030, 0x2030),
    (0x2039, 0x203A),
    (0x20AC, 0x20AC),
    (0x2122, 0x2122),
    (0x2190, 0x2193),
    (0x2212, 0x2212),
    (0x2248, 0x2248),
    (0x2260, 0x2260),
    (0x2264, 0x2265),
)

LONGEST_WORD = 40
"""Characters of a word after which a line may break inside it."""

BREAK = "\N{ZERO WIDTH SPACE}"


def has_glyph(character: str) -> bool:
    """Whether the typesetter's fonts are known to have a character."""
    code = ord(character)
    return any(first <= code <= last for first, last in _RANGES)


def printable(text: str, *, whole_words: bool = False) -> str:
    """A text as it is printed: other characters as "[U+65E5 U+672C]", long words with breaks.

    ``whole_words`` leaves digests and signatures as they are to be copied.
    """
    written = []
    for known, characters in _runs(unicodedata.normalize("NFC", text)):
        if known and whole_words:
            written.append(characters)
        elif known:
            written.append(re.sub(rf"(\S{{{LONGEST_WORD}}})(?=\S)", rf"\1{BREAK}", characters))
        else:
            written.append("[" + " ".join(f"U+{ord(each):04X}" for each in characters) + "]")
    return "".join(written)


def _runs(text: str) -> list[tuple[bool, str]]:
    """The text in stretches of characters that have a glyph, or have none."""
    runs: list[tuple[bool, str]] = []
    for character in re.sub(r"[\t\r\n]+", " ", text):
        known = has_glyph(character)
        if runs and runs[-1][0] == known:
            runs[-1] = (known, runs[-1][1] + character)
        else:
            runs.append((known, character))
    return runs
