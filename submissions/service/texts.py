"""Texts that people give of themselves: lines without hidden characters, e-mail addresses."""

from __future__ import annotations

import re
import unicodedata

LONGEST_LINE, LONGEST_PARAGRAPH = 200, 3000
"""Characters that a line and a text of several lines may have."""

_PART = r"[^\s@<>\"',;:\\()\[\].]+"
_MAIL = re.compile(rf"[^\s@<>\"',;:\\()\[\]]{{1,64}}@{_PART}(\.{_PART})+")
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def line(text: str) -> str:
    """One line, normalised (NFKC, single spaces); raise ValueError for one that hides something."""
    shown = " ".join(unicodedata.normalize("NFKC", text).split())
    if not shown:
        raise ValueError("is empty; give at least one letter")
    if len(shown) > LONGEST_LINE:
        raise ValueError(f"... has {len(shown)} characters; give at most {LONGEST_LINE}")
    _refuse_hidden(shown)
    return shown


def paragraph(text: str) -> str:
    """A text of several lines; raise ValueError for one that hides something."""
    shown = unicodedata.normalize("NFC", re.sub(r"\r\n?", "\n", text)).strip()
    if not shown:
        raise ValueError("is empty; give at least one sentence")
    if len(shown) > LONGEST_PARAGRAPH:
        raise ValueError(f"... has {len(shown):,} characters; give at most {LONGEST_PARAGRAPH:,}")
    _refuse_hidden(shown.replace("\n", " ").replace("\t", " "))
    return shown


def email(text: str) -> str:
    """An e-mail address in lower case; raise ValueError."""
    address = text.strip().lower()
    if len(address) > 254 or not _MAIL.fullmatch(address):
        raise ValueError("is not an e-mail address; give one such as name@hospital.org")
    _refuse_hidden(address)
    return address


def _refuse_hidden(text: str) -> None:
    for character in text:
        if unicodedata.category(character) in _HIDDEN:
            raise ValueError(f"has the hidden character U+{ord(character):04X}; leave it out")
