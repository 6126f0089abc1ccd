"""Names the reader of headers by what its code does, so that a changed reader reads again."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path

from cohort_selection.dicom.pixel_description import decodable_syntaxes
from cohort_selection.source_digest import source_digest

_SOURCES = (
    "ages.py",
    "tables/cell_words.py",
    "tables/column_names.py",
    "clinical/vocabulary.py",
    "dicom/doubts.py",
    "dicom/keywords.py",
    "dicom/element_walk.py",
    "dicom/compiled_walk.py",
    "dicom/elements.py",
    "dicom/header.py",
    "pixels/decoders.py",
    "pixels/scratch.py",
    "pixels/stored.py",
    "pixels/intensities.py",
    "dicom/pixel_description.py",
    "dicom/studies.py",
    "catalog/inventory.py",
)
_FORMERLY: dict[str, str] = {}
"""Digest of the present sources, and that of former sources that read the same."""


def reader_mark(sources: Iterable[Path], root: Path, decodable: Iterable[str]) -> bytes:
    """Name a reader by what its source does and by the images it can decode.

    A line of the inventory depends on nothing else. ``root`` is the folder of the packages.
    """
    return _mark(source_digest(sources, root), decodable)


@lru_cache(maxsize=1)
def reader() -> bytes:
    """The mark that every shard carries; a shard with another mark is read again.

    Only what reads or writes shards pays for it: it takes a third of a second.
    """
    return _mark(_digest(), decodable_syntaxes())


@lru_cache(maxsize=1)
def readers() -> frozenset[bytes]:
    """Marks of the present reader, and of the former one that reads the same."""
    former = _FORMERLY.get(_digest())
    marks = [] if former is None else [_mark(former, decodable_syntaxes())]
    return frozenset([reader(), *marks])


@lru_cache(maxsize=1)
def _digest() -> str:
    folder = Path(__file__).parents[1]
    return source_digest((folder / name for name in _SOURCES), folder.parent)


def _mark(digest: str, decodable: Iterable[str]) -> bytes:
    mark = blake2b(digest.encode(), digest_size=16)
    mark.update(" ".join(sorted(decodable)).encode())
    return mark.hexdigest().encode()
