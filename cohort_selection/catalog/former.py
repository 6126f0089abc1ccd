"""Says whether what headers say of studies can be taken over from the former catalog."""

from __future__ import annotations

import os
from functools import lru_cache
from hashlib import blake2b, file_digest
from pathlib import Path

from cohort_selection.catalog.inventory import valid_shards
from cohort_selection.catalog.reader_version import reader
from cohort_selection.source_digest import source_digest
from cohort_selection.study_table.parts import FOLDER, LIST, CatalogError, Parts, read_parts

INVENTORY = "inventory"
STUDIES = "studies"
"""The folder of an inventory that says what was made of it."""
DISAGREEING = "disagreeing.parquet"
MARK = "mark"
_SOURCES = (
    "catalog/grouping.py",
    "catalog/joining.py",
    "patients/patient_doubts.py",
    "study_table/schema.py",
    "study_table/study_rows.py",
)
"""What makes rows of headers, and gives the header's values back of rows that were joined."""


def write_mark(directory: Path, root: Path) -> None:
    """Mark a catalog as made of its inventory, from the files below ``root``, by this version."""
    (directory / INVENTORY / STUDIES / MARK).write_text(_mark(directory, root))


def trusted_parts(directory: Path, root: Path) -> Parts | None:
    """The parts of a catalog that carries its mark; None where anything in it is another."""
    shards = directory / INVENTORY
    try:
        if (shards / STUDIES / MARK).read_text() != _mark(directory, root):
            return None
        if valid_shards(shards) != sorted(shards.glob("*.parquet")):
            return None
        return read_parts(directory)
    except (CatalogError, OSError, ValueError):  # none, an earlier version's, or a damaged one
        return None


def parts_of(directory: Path) -> Parts | None:
    """The parts of a catalog; None where there is none, or a damaged one."""
    try:
        found = read_parts(directory)
        for part in found.parts:
            for _ in found.groups(part, ["study_uid"]):
                pass
    except (CatalogError, OSError):
        return None
    return found


def _mark(directory: Path, root: Path) -> str:
    """A digest of all that was made, of what it was made from, and by which source."""
    shards = directory / INVENTORY
    mark = blake2b(b"\0".join([reader(), _made_by(), os.fsencode(root.resolve())]), digest_size=16)
    files = [directory / LIST, shards / STUDIES / DISAGREEING]
    for path in (
        *files,
        *sorted((directory / FOLDER).iterdir()),
        *sorted(shards.glob("*.parquet")),
    ):
        with path.open("rb") as file:
            mark.update(path.name.encode() + file_digest(file, _blake2b).digest())
    return mark.hexdigest()


def _blake2b() -> blake2b:
    return blake2b(digest_size=16)


@lru_cache(maxsize=1)
def _made_by() -> bytes:
    folder = Path(__file__).parents[1]
    return source_digest((folder / name for name in _SOURCES), folder.parent).encode()
