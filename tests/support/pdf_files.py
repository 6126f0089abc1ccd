"""Reads PDF files as a screen reader would: texts by the fonts' maps, and the structure tree."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from typing import Any

import pikepdf


def text_of(pdf: bytes) -> str:
    """All text in the order of the pages, without breaks of lines; glyphs read by ToUnicode."""
    words = []
    with pikepdf.open(io.BytesIO(pdf)) as opened:
        for page in opened.pages:
            fonts = {name: _to_unicode(font) for name, font in dict(page.Resources.Font).items()}
            font: dict[int, str] = {}
            for step in pikepdf.parse_content_stream(page):
                operands = step.operands
                match str(step.operator):
                    case "Tf":
                        font = fonts[str(operands[0])]
                    case "Tj":
                        words.append(_shown([operands[0]], font))
                    case "TJ":
                        words.append(_shown(list(operands[0]), font))
                    case "ET":
                        words.append(" ")
    return re.sub(r"\s+", " ", "".join(words).replace("\N{ZERO WIDTH SPACE}", ""))


def tables_of(pdf: bytes) -> list[list[list[str]]]:
    """The kinds of cells ("TH" or "TD") of each table, row by row."""
    with pikepdf.open(io.BytesIO(pdf)) as opened:
        return [
            [
                [str(cell.S).strip("/") for cell in _elements(row) if str(cell.S) in ("/TH", "/TD")]
                for row in _below(each, "/TR")
            ]
            for each in _below(opened.Root.StructTreeRoot, "/Table")
        ]


def heading_levels(pdf: bytes) -> list[int]:
    """The levels of headings in order."""
    with pikepdf.open(io.BytesIO(pdf)) as opened:
        tree = opened.Root.StructTreeRoot
        return [
            int(str(each.S)[2:])
            for each in _descendants(tree)
            if re.fullmatch(r"/H\d", str(each.S))
        ]


def figures_without_words(pdf: bytes) -> int:
    """Figures of the structure tree that have no text alternative."""
    with pikepdf.open(io.BytesIO(pdf)) as opened:
        return sum(
            not str(each.get("/Alt", "")) for each in _below(opened.Root.StructTreeRoot, "/Figure")
        )


def _shown(parts: list[Any], font: dict[int, str]) -> str:
    found = []
    for part in parts:
        if isinstance(part, pikepdf.String):
            raw = bytes(part)
            codes = (int.from_bytes(raw[at : at + 2], "big") for at in range(0, len(raw), 2))
            found.append("".join(font.get(code, "\N{REPLACEMENT CHARACTER}") for code in codes))
    return "".join(found)


def _to_unicode(font: Any) -> dict[int, str]:
    written = font.ToUnicode.read_bytes().decode("ascii")
    found = {}
    for block in re.findall(r"beginbfchar(.*?)endbfchar", written, re.DOTALL):
        for code, target in re.findall(r"<(\w+)>\s*<(\w+)>", block):
            found[int(code, 16)] = bytes.fromhex(target).decode("utf-16-be")
    for block in re.findall(r"beginbfrange(.*?)endbfrange", written, re.DOTALL):
        for first, last, target in re.findall(r"<(\w+)>\s*<(\w+)>\s*<(\w+)>", block):
            for step in range(int(last, 16) - int(first, 16) + 1):
                found[int(first, 16) + step] = chr(int(target, 16) + step)
    return found


def _elements(parent: Any) -> Iterator[Any]:
    kids = parent.get("/K", [])
    for kid in kids if isinstance(kids, pikepdf.Array) else [kids]:
        if isinstance(kid, pikepdf.Dictionary) and "/S" in kid:
            yield kid


def _descendants(parent: Any) -> Iterator[Any]:
    for each in _elements(parent):
        yield each
        yield from _descendants(each)


def _below(parent: Any, kind: str) -> list[Any]:
    return [each for each in _descendants(parent) if str(each.S) == kind]
