"""The table of studies on disk: Parquet parts in a folder, and the list of them, written last."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from cohort_selection.study_table.schema import TEXTS, VERSION, schema

FOLDER = "studies"
LIST = "studies.json"
ROWS = 1 << 18
"""Studies of a part, at most."""

_NAME = re.compile(r"part-(\d{6,})\.parquet")
_GROUP = 1 << 16  # studies that are read at once
_MARKS = {"sequestra.version": str(VERSION), "sequestra.linked": "yes"}
_NO_CODES = frozenset(
    {"study_uid", "patient_id", "header.patient_id", "files"}
)  # each study has another
_CODES = pa.dictionary(pa.int32(), pa.string())
_MOST_WORDS = 1 << 26  # bytes of distinct texts, beyond which Parquet gives up its dictionary


class CatalogError(ValueError):
    """A folder that is not a catalog, or that would be lost by writing one."""


@dataclass(frozen=True, slots=True)
class Part:
    """One part as the list has it; ``footer`` is a digest of the file's own list of contents.

    The footer says where each page lies, how long it is and what it spans: another file of the
    same name has another one.
    """

    name: str
    studies: int
    bytes: int
    footer: str

    @property
    def number(self) -> int:
        """The number in its name; raises ValueError where that is no name of a part."""
        found = _NAME.fullmatch(self.name)
        if found is None:
            raise ValueError(f"{self.name} is no name of a part")
        return int(found[1])


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts of a catalog's table of studies, and the findings that it has."""

    folder: Path
    findings: tuple[str, ...]
    parts: tuple[Part, ...]

    @property
    def n_studies(self) -> int:
        """Number of studies."""
        return sum(part.studies for part in self.parts)

    def columns(self, names: Sequence[str]) -> pa.Table:
        """These columns of all studies, part after part; texts as codes into one dictionary."""
        empty = self._schema(names).empty_table()
        groups = [group for part in self.parts for group in self.groups(part, names)]
        return _unified(pa.concat_tables([empty, *groups]))

    def at(self, names: Sequence[str], rows: NDArray[np.integer]) -> pa.Table:
        """These columns of the studies at these places; only their row groups are read."""
        order = np.argsort(rows, kind="stable")
        wanted = rows[order]
        found, start, done = [self._schema(names).empty_table()], 0, 0
        for part in self.parts:
            end = start + part.studies
            until = int(np.searchsorted(wanted, end))
            if until > done:
                found += self._picked(part, names, wanted[done:until] - start)
            start, done = end, until
        back = np.empty_like(order)
        back[order] = np.arange(len(order))
        return _unified(pa.concat_tables(found)).take(pa.array(back))

    def groups(self, part: Part, names: Sequence[str], *, coded: bool = True) -> Iterator[pa.Table]:
        """These columns of one part, some studies at a time; texts as codes, or as they are."""
        with _named(self.folder, part), self._opened(part, names, coded=coded) as file:
            for group in range(file.num_row_groups):
                yield self._group(file, group, names, coded=coded)

    def _picked(
        self, part: Part, names: Sequence[str], rows: NDArray[np.integer]
    ) -> Iterator[pa.Table]:
        with _named(self.folder, part), self._opened(part, names) as file:
            start = done = 0
            for group in range(file.num_row_groups):
                end = start + file.metadata.row_group(group).num_rows
                until = int(np.searchsorted(rows, end))
                if until > done:
                    here = pa.array(rows[done:until] - start)
                    yield self._group(file, group, names).take(here)
                start, done = end, until

    def _opened(self, part: Part, names: Sequence[str], *, coded: bool = True) -> pq.ParquetFile:
        columns = pa.schema(map(schema(self.findings).field, names))
        return pq.ParquetFile(
            self.folder / FOLDER / part.name,
            read_dictionary=_code_paths(columns) if coded else None,
            page_checksum_verification=True,
        )

    def _group(
        self, file: pq.ParquetFile, group: int, names: Sequence[str], *, coded: bool = True
    ) -> pa.Table:
        read = file.read_row_group(group, columns=list(names))
        columns = self._schema(names, coded=coded)
        return pa.table(
            [read.column(name).cast(columns.field(name).type) for name in names], schema=columns
        )

    def _schema(self, names: Sequence[str], *, coded: bool = True) -> pa.Schema:
        """The columns as they are read."""
        whole = schema(self.findings)
        return pa.schema(
            [_as_codes(whole.field(name)) if coded else whole.field(name) for name in names]
        )


def read_parts(directory: Path) -> Parts:
    """The parts of the catalog in a folder, each held against the list of them.

    Raises CatalogError where one is lost, damaged or foreign, or of another version.
    """
    try:
        listed = json.loads((directory / LIST).read_text("utf-8"))
        found = _of_list(directory, listed) if listed["version"] == VERSION else None
    except (ValueError, KeyError, TypeError) as error:
        raise _again(directory, f"{LIST} is damaged ({type(error).__name__})") from error
    if found is None:
        raise _again(directory, "another version of Sequestra wrote this catalog")
    numbers = [part.number for part in found.parts]
    if len(set(numbers)) < len(numbers):
        raise _again(directory, f"{LIST} has a part twice")
    if numbers != sorted(numbers):
        raise _again(directory, f"{LIST} has its parts out of order")
    for part in found.parts:
        path = directory / FOLDER / part.name
        if not path.is_file():
            raise _again(directory, f"{FOLDER}/{part.name} is not there")
        if path.stat().st_size != part.bytes or _footer(path) != part.footer:
            raise _again(directory, f"{FOLDER}/{part.name} is damaged, or of another catalog")
        with _named(directory, part):
            n_rows = pq.read_metadata(path).num_rows
        if n_rows != part.studies:
            raise _again(
                directory,
                f"{FOLDER}/{part.name} has {n_rows:,} studies, {part.studies:,} in {LIST}",
            )
    return found


def _of_list(directory: Path, listed: Mapping[str, Any]) -> Parts:
    """What the list says; raises ValueError, KeyError or TypeError where that cannot be."""
    found = Parts(
        directory, tuple(listed["findings"]), tuple(Part(**each) for each in listed["parts"])
    )
    schema(found.findings)
    for part in found.parts:
        part.number  # noqa: B018 - its name is held against the pattern
        if not (isinstance(part.studies, int) and isinstance(part.bytes, int)):
            raise TypeError(f"{part.name} has numbers that are none")
    return found


def write_list(directory: Path, findings: Iterable[str], parts: Sequence[Part]) -> None:
    """Write the list of parts, by which a lost or foreign one is noticed."""
    listed = {
        "version": VERSION,
        "findings": sorted(findings),
        "parts": [asdict(part) for part in parts],
    }
    (directory / LIST).write_text(json.dumps(listed, indent=1) + "\n", "utf-8")


class PartWriter:
    """Writes tables of studies as parts of a folder, from a number on."""

    def __init__(self, directory: Path, findings: Iterable[str], first: int = 0) -> None:
        """Begin with the part ``first``."""
        self._folder = directory / FOLDER
        self._folder.mkdir(exist_ok=True)
        self._schema = schema(findings)
        self._next = first
        self._open: pq.ParquetWriter | None = None
        self._studies = 0
        self._waiting: list[pa.Table] = []
        self._n_waiting = 0
        self.parts: list[Part] = []

    def write(self, table: pa.Table) -> None:
        """Add studies; texts may be dictionaries. Columns come in any order."""
        start = 0
        while start < table.num_rows:
            piece = table.slice(start, min(_GROUP, ROWS - self._studies) - self._n_waiting)
            self._waiting.append(piece.select(self._schema.names))
            self._n_waiting += piece.num_rows
            start += piece.num_rows
            if self._n_waiting == _GROUP or self._studies + self._n_waiting == ROWS:
                self._write_group()
            if self._studies == ROWS:
                self.close()

    def _write_group(self) -> None:
        """Write the studies that wait as one row group, however they came."""
        if self._waiting:
            group = pa.concat_tables(self._waiting).unify_dictionaries()
            self._writer(group).write_table(group, row_group_size=_GROUP)
            self._studies += self._n_waiting
        self._waiting, self._n_waiting = [], 0

    def close(self) -> None:
        """End the part that is open, so that the next study begins another."""
        self._write_group()
        if self._open is None:
            return
        self._open.add_key_value_metadata(_MARKS)
        self._open.close()
        self._open = None
        self.parts.append(part_of(self._path, self._studies))
        self._studies = 0
        self._next += 1

    @property
    def _path(self) -> Path:
        return self._folder / f"part-{self._next:06d}.parquet"

    def _writer(self, table: pa.Table) -> pq.ParquetWriter:
        if self._open is None:
            self._open = pq.ParquetWriter(
                self._path,
                pa.schema([table.schema.field(name) for name in self._schema.names]),
                compression="zstd",
                use_dictionary=_code_paths(self._schema),
                dictionary_pagesize_limit=_MOST_WORDS,
                write_page_checksum=True,
                store_schema=False,  # a dictionary here is a text there
            )
        return self._open


def part_of(path: Path, studies: int) -> Part:
    """A part that was written, as the list has it."""
    return Part(path.name, studies, path.stat().st_size, _footer(path))


def _footer(path: Path) -> str:
    """The digest of the last bytes of a Parquet file, whose length stands at its end."""
    with path.open("rb") as stream:
        size = stream.seek(0, os.SEEK_END)
        stream.seek(max(size - 8, 0))
        length = int.from_bytes(stream.read(8)[:4], "little")
        stream.seek(max(size - 8 - length, 0))
        return blake2b(stream.read(), digest_size=16).hexdigest()


def _code_paths(table: pa.Schema) -> list[str]:
    """Where Parquet has the texts that are kept as codes into the distinct ones."""
    return [
        field.name if pa.types.is_string(field.type) else f"{field.name}.list.element"
        for field in table
        if _as_codes(field).type != field.type
    ]


def _as_codes(field: pa.Field) -> pa.Field:
    if field.name in _NO_CODES:
        return field
    if pa.types.is_string(field.type):
        return field.with_type(_CODES)
    return field.with_type(pa.list_(_CODES)) if field.type == TEXTS else field


def _unified(table: pa.Table) -> pa.Table:
    """All texts of a column as codes into one dictionary; Arrow does it but for lists."""
    columns = [
        _unified_lists(column) if pa.types.is_list(column.type) else column.unify_dictionaries()
        for column in table.columns
    ]
    return pa.table(columns, schema=table.schema)


def _unified_lists(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if not pa.types.is_dictionary(column.type.value_type):
        return column
    values = pa.chunked_array([chunk.values for chunk in column.chunks], column.type.value_type)
    chunks = [
        pa.ListArray.from_buffers(
            chunk.type, len(chunk), chunk.buffers()[:2], children=[items], offset=chunk.offset
        )
        for chunk, items in zip(column.chunks, values.unify_dictionaries().chunks, strict=True)
    ]
    return pa.chunked_array(chunks, column.type)


@contextmanager
def _named(directory: Path, part: Part) -> Iterator[None]:
    """Name the part that cannot be read; Arrow's errors do not."""
    try:
        yield
    except (OSError, KeyError, pa.ArrowException) as error:
        raise _again(
            directory, f"{FOLDER}/{part.name} cannot be read ({type(error).__name__})"
        ) from error


def _again(directory: Path, found: str) -> CatalogError:
    return CatalogError(f"{directory}: {found}; run sequestra index again")
