"""The inventory of a commons: kept on disk, updated by reading changed files alone."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack
from dataclasses import dataclass, fields
from functools import lru_cache
from hashlib import blake2b
from heapq import merge
from itertools import groupby
from multiprocessing import get_context
from operator import itemgetter
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from cohort_selection.catalog.reader_version import reader, readers
from cohort_selection.dicom.header import Header
from cohort_selection.dicom.studies import (
    File,
    Quarantined,
    Study,
    files_below,
    one_study,
    read_file,
)

_SHARD_ROWS = 8192
_BLOCK = 256  # files that one worker gets at a time
_RUN_ROWS = 1 << 15  # rows that are sorted in memory at once
_WORTH_A_POOL = 2000  # files; below that, starting processes takes longer than reading

_TEXTS = tuple(
    field.name for field in fields(Header) if field.name not in {"path", "age", "fields"}
)  # study_uid, patient_id ...
_SCHEMA = pa.schema(
    [
        ("key", pa.binary()),
        ("size", pa.int64()),
        ("modified", pa.int64()),
        ("changed", pa.int64()),
        ("reason", pa.string()),
        *((name, pa.string()) for name in _TEXTS),
        ("age", pa.int16()),
        ("fields", pa.string()),  # packed: the same text for most files of a device
    ]
)

_Row = tuple[object, ...]
"""One line of a shard, in the order of the schema; the key is the path in bytes, NUL for slash."""


class ReaderDied(ValueError):
    """A process that reads headers ended before its time."""


@dataclass(frozen=True, slots=True)
class Brought:
    """What one update did."""

    n_files: int
    n_read: int
    n_unchanged: int


def bring_up_to_date(
    root: Path,
    shards: Path,
    known: Sequence[Path],
    *,
    workers: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Brought:
    """Write the inventory of ``root`` as Parquet shards into the new folder ``shards``.

    A file with the size and the times that it has in one of the inventories ``known`` is not read
    again.  Finished shards survive a kill: name their folder in ``known`` and the next run goes on
    from there.  The order of lines is that of the paths, whatever the number of ``workers``
    (processes; None for one a processor).  Memory does not grow with the number of files, only
    with the largest single folder.

    Raises ``ReaderDied`` where one of the processes is killed; what was read is written first.
    """
    root = root.resolve()
    total = sum(1 for _ in files_below(root))
    shards.mkdir(parents=True)
    n_read = n_unchanged = done = 0
    buffered: list[_Row] = []
    n_shards = 0
    count = workers or os.cpu_count() or 1
    try:
        for rows, read in _blocks(root, known, count if total >= _WORTH_A_POOL else 1):
            buffered += rows
            n_read += read
            n_unchanged += len(rows) - read
            done += len(rows)
            if len(buffered) >= _SHARD_ROWS:
                _write_shard(shards / f"{n_shards:06d}.parquet", buffered)
                n_shards += 1
                buffered = []
            if progress is not None:
                progress(min(done, total), total)
    except BrokenProcessPool as error:
        raise ReaderDied(
            f"a process that reads headers ended before its time, with {done:,} of {total:,} files "
            "read (out of memory, or killed); what was read is kept: run the same command again"
        ) from error
    finally:
        if buffered:
            _write_shard(shards / f"{n_shards:06d}.parquet", buffered)
    return Brought(n_files=done, n_read=n_read, n_unchanged=n_unchanged)


def studies_and_quarantine(
    root: Path, shards: Path
) -> tuple[Iterator[Study], Callable[[], Iterator[Quarantined]]]:
    """The inventory's studies, by study UID, and, once these are consumed, its quarantine by path.

    Equal to ``dicom.index`` of the same folder, but sorted on disk: memory holds a fixed number of
    lines, 24 bytes a file for the search for repeated images, and what disagrees.
    """
    root = root.resolve()
    disagreeing: list[tuple[bytes, Quarantined]] = []

    def studies() -> Iterator[Study]:
        shared = _instances_in_two_studies(shards)
        with TemporaryDirectory(prefix="sequestra-sort-") as folder:
            by_study = groupby(_sorted_images(shards, Path(folder)), key=itemgetter(_STUDY))
            for _, rows in by_study:
                members = [_header(root, row) for row in rows]
                study, out = one_study(members, shared)
                disagreeing.extend((os.fsencode(item.path), item) for item in out)
                if study is not None:
                    yield study

    def quarantine() -> Iterator[Quarantined]:
        own = (
            (os.fsencode(path), Quarantined(path, str(row[_REASON])))
            for row in _rows(sorted(shards.glob("*.parquet")))
            if row[_REASON] is not None
            for path in (_path(root, row),)
        )
        # Slash as NUL: the order of the shards, which is that of the paths' parts.
        for _, item in merge(
            own,
            sorted(disagreeing, key=lambda pair: pair[0].replace(b"/", b"\0")),
            key=lambda pair: pair[0].replace(b"/", b"\0"),
        ):
            yield item

    return studies(), quarantine


_KEY, _SIZE, _MODIFIED, _CHANGED, _REASON = range(5)
_STUDY = _SCHEMA.get_field_index("study_uid")
_FIRST_TEXT = 5


# Reading


def _blocks(root: Path, known: Sequence[Path], workers: int) -> Iterator[tuple[list[_Row], int]]:
    """Lines of the inventory in order, block by block, and how many of them were read now."""
    with ExitStack() as stack:
        pool = None
        if workers > 1:
            pool = stack.enter_context(
                ProcessPoolExecutor(workers, mp_context=get_context("spawn"))
            )
        waiting: deque[tuple[list[_Row | None], Future[list[_Row]] | list[_Row]]] = deque()
        for files, lines in _compared(root, known):
            found = _read_all(files) if pool is None else pool.submit(_read_all, files)
            waiting.append((lines, found))
            if len(waiting) > 2 * workers:
                yield _filled(*waiting.popleft())
        while waiting:
            yield _filled(*waiting.popleft())


def _filled(
    lines: list[_Row | None], found: Future[list[_Row]] | list[_Row]
) -> tuple[list[_Row], int]:
    fresh = found if isinstance(found, list) else found.result()
    new = iter(fresh)
    return [next(new) if line is None else line for line in lines], len(fresh)


def _compared(root: Path, known: Sequence[Path]) -> Iterator[tuple[list[File], list[_Row | None]]]:
    """Blocks of the files to read, and the lines as far as they are known; None where not."""
    streams = [_rows(_valid_shards(folder)) for folder in known]
    remembered = merge(*streams, key=itemgetter(_KEY))
    line = next(remembered, None)
    files: list[File] = []
    lines: list[_Row | None] = []
    for file in files_below(root):
        match: _Row | None = None
        while line is not None and line[_KEY] <= file.key:  # type: ignore[operator]
            if line[_KEY] == file.key and line[_SIZE : _CHANGED + 1] == file.state:
                match = line
            line = next(remembered, None)
        if match is None:
            files.append(file)
        lines.append(match)
        if len(lines) >= _BLOCK:
            yield files, lines
            files, lines = [], []
    if lines:
        yield files, lines


def _read_all(files: Iterable[File]) -> list[_Row]:
    rows: list[_Row] = []
    for file in files:
        found = read_file(file)
        if isinstance(found, Quarantined):
            described: tuple[object, ...] = (found.reason, *(None for _ in _TEXTS), None, None)
        else:
            texts = (getattr(found, name) for name in _TEXTS)
            described = (None, *texts, found.age, _packed(found.fields))
        rows.append((file.key, *file.state, *described))
    return rows


# Shards


def _write_shard(path: Path, rows: Sequence[_Row]) -> None:
    columns = [
        pa.array(column, type=field.type)
        for column, field in zip(zip(*rows, strict=True), _SCHEMA, strict=True)
    ]
    unfinished = path.with_suffix(".unfinished")
    pq.write_table(
        pa.table(columns, schema=_SCHEMA.with_metadata({"reader": reader()})), unfinished
    )
    descriptor = os.open(unfinished, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    unfinished.rename(path)


def _valid_shards(folder: Path) -> list[Path]:
    """Shards of ``folder`` that this reader wrote, up to the first that cannot be read."""
    valid: list[Path] = []
    for path in sorted(folder.glob("*.parquet")):
        try:
            written = pq.read_schema(path)
        except (OSError, pa.ArrowException):
            break
        if written.metadata is None or written.metadata.get(b"reader") not in readers():
            break
        valid.append(path)
    return valid


def _rows(shards: Iterable[Path]) -> Iterator[_Row]:
    for path in shards:
        yield from _lines(pq.ParquetFile(path))


def _lines(file: pq.ParquetFile) -> Iterator[_Row]:
    with file:
        for batch in file.iter_batches(batch_size=2048):
            yield from zip(*(column.to_pylist() for column in batch.columns), strict=True)


def _path(root: Path, row: _Row) -> Path:
    key = row[_KEY]
    assert isinstance(key, bytes)
    return root / os.fsdecode(key.replace(b"\0", b"/"))


# No text of a header holds these two: they count as blanks, and blanks were made one.
_NEXT, _IS = "\x1e", "\x1f"


def _packed(fields: Mapping[str, str]) -> str:
    return _NEXT.join(f"{name}{_IS}{text}" for name, text in fields.items())


@lru_cache(maxsize=4096)
def _unpacked(text: str) -> Mapping[str, str]:
    pairs = (part.partition(_IS) for part in text.split(_NEXT) if part)
    return {name: value for name, _, value in pairs}


def _header(root: Path, row: _Row) -> Header:
    *texts, age, fields = row[_FIRST_TEXT:]
    described = dict(zip(_TEXTS, map(str, texts), strict=True))
    return Header(
        path=_path(root, row),
        age=age if isinstance(age, int) else None,
        fields=_unpacked(str(fields)),
        **described,
    )


# Sorting on disk


def _instances_in_two_studies(shards: Path) -> frozenset[str]:
    """Instance UIDs that stand under more than one study."""
    hashes: list[np.ndarray[tuple[int], np.dtype[np.uint64]]] = []
    for path in sorted(shards.glob("*.parquet")):
        column = pq.read_table(path, columns=["instance_uid"]).column(0).to_pylist()
        hashes.append(np.array([_hash(text) for text in column if text is not None], np.uint64))
    if not hashes:
        return frozenset()
    values, counts = np.unique(np.concatenate(hashes), return_counts=True)
    repeated = set(values[counts > 1].tolist())
    if not repeated:
        return frozenset()
    studies: dict[str, set[str]] = {}
    for path in sorted(shards.glob("*.parquet")):
        table = pq.read_table(path, columns=["instance_uid", "study_uid"])
        for instance, study in zip(*(column.to_pylist() for column in table.columns), strict=True):
            if instance is not None and _hash(instance) in repeated:
                studies.setdefault(instance, set()).add(study)
    return frozenset(instance for instance, found in studies.items() if len(found) > 1)


def _hash(text: str) -> int:
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "little")


def _sorted_images(shards: Path, folder: Path) -> Iterator[_Row]:
    """Lines of the images, by study UID and path; sorted in runs that are merged from disk."""
    runs: list[Path] = []
    gathered: list[pa.Table] = []

    def sort_run() -> None:
        table = pa.concat_tables(gathered).sort_by(
            [("study_uid", "ascending"), ("key", "ascending")]
        )
        runs.append(folder / f"{len(runs)}.parquet")
        pq.write_table(table, runs[-1], row_group_size=4096)
        gathered.clear()

    for path in sorted(shards.glob("*.parquet")):
        table = pq.read_table(path)
        gathered.append(table.filter(table.column("reason").is_null()))
        if sum(part.num_rows for part in gathered) >= _RUN_ROWS:
            sort_run()
    if gathered:
        sort_run()
    streams = [_lines(pq.ParquetFile(path)) for path in runs]
    return merge(*streams, key=itemgetter(_STUDY, _KEY))
