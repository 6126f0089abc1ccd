"""The inventory of a commons: kept on disk, updated by reading changed files alone."""

from __future__ import annotations

import os
from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from heapq import merge
from itertools import groupby, islice
from multiprocessing import get_context
from operator import itemgetter
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from cohort_selection.catalog.reader_version import reader, readers
from cohort_selection.dicom.elements import compile_walk
from cohort_selection.dicom.header import Described, Header, describe
from cohort_selection.dicom.studies import (
    Quarantined,
    Study,
    below,
    count_below,
    entries_below,
    one_study,
)

_SHARD_ROWS = 8192
_BLOCK = 512  # files that one worker gets at a time, at most
_COMPARED = 8  # blocks of files that are compared at once
_RUN_ROWS = 1 << 15  # rows that are sorted in memory at once
_WORTH_A_POOL = 2000  # files; below that, starting processes takes longer than reading
_WORTH_COMPILING = 15_000  # files that a process has read; from there compiled code pays

_STATE = [("key", pa.binary()), ("size", pa.int64()), ("modified", pa.int64())]
_STATE += [("changed", pa.int64())]
_TEXTS = tuple(name for name in Described._fields if name not in {"age", "fields"})
_SAID = pa.schema(
    [
        ("reason", pa.string()),
        *((name, pa.string()) for name in _TEXTS),
        ("age", pa.int16()),
        ("fields", pa.string()),  # packed: the same text for most files of a device
    ]
)
_SCHEMA = pa.schema([*_STATE, *_SAID])

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
    total = count_below(root)
    shards.mkdir(parents=True)
    n_read = done = n_shards = n_buffered = 0
    buffered: list[pa.Table] = []
    try:
        for lines, read in _blocks(root, known, workers or os.cpu_count() or 1):
            buffered.append(lines)
            n_buffered += lines.num_rows
            n_read += read
            done += lines.num_rows
            if n_buffered >= _SHARD_ROWS:
                _write_shard(shards / f"{n_shards:06d}.parquet", buffered)
                n_shards += 1
                buffered, n_buffered = [], 0
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
    return Brought(n_files=done, n_read=n_read, n_unchanged=done - n_read)


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


def _blocks(root: Path, known: Sequence[Path], workers: int) -> Iterator[tuple[pa.Table, int]]:
    """Lines of the inventory in order, block by block, and how many of them were read now."""
    with ExitStack() as stack:
        pool: ProcessPoolExecutor | None = None
        n_to_read = 0
        waiting: deque[tuple[_Compared, Future[pa.RecordBatch] | pa.RecordBatch]] = deque()
        for block in _compared(root, known):
            if pool is None and workers > 1 and n_to_read >= _WORTH_A_POOL:
                pool = stack.enter_context(
                    ProcessPoolExecutor(workers, mp_context=get_context("spawn"))
                )
            n_to_read += len(block.unread)
            if pool is None or not block.unread:
                waiting.append((block, read_all(os.fsencode(root), block.unread)))
            else:
                waiting.append((block, pool.submit(read_all, os.fsencode(root), block.unread)))
            if pool is None or len(waiting) > 2 * workers:
                yield _filled(*waiting.popleft())
        while waiting:
            yield _filled(*waiting.popleft())


@dataclass(frozen=True, slots=True)
class _Compared:
    """Files beside what is known of them.

    ``source`` (files,) are rows of ``known``, -1 for a file that must be read. ``states`` has the
    columns key, size, modified, changed. ``unread`` are key and problem of what must be read.
    """

    states: list[pa.Array]
    known: pa.Table
    source: NDArray[np.int64]
    unread: list[tuple[bytes, str | None]]


def _filled(
    block: _Compared, found: Future[pa.RecordBatch] | pa.RecordBatch
) -> tuple[pa.Table, int]:
    fresh = found.result() if isinstance(found, Future) else found
    source, n_read = block.source, len(block.unread)
    if not n_read and np.array_equal(source, np.arange(block.known.num_rows)):
        return block.known, 0
    new = np.flatnonzero(source < 0)
    states = [column.take(pa.array(new)) for column in block.states]
    lines = pa.concat_tables(
        [block.known, pa.table([*states, *fresh.columns], schema=_SCHEMA)]
    ).combine_chunks()
    source = source.copy()
    source[new] = block.known.num_rows + np.arange(len(new))
    return lines.take(pa.array(source)), n_read


def _compared(root: Path, known: Sequence[Path]) -> Iterator[_Compared]:
    """Blocks of the files below ``root``, with the lines that are known of them."""
    inventories = [_Known(folder) for folder in known]
    entries = entries_below(root)
    while block := list(islice(entries, _BLOCK * _COMPARED)):
        keys, sizes, modified, changed, problems = zip(*block, strict=True)
        states = [
            pa.array(column, type=kind)
            for column, (_, kind) in zip((keys, sizes, modified, changed), _STATE, strict=True)
        ]
        source = np.full(len(block), -1, np.int64)
        lines: list[pa.Table] = [_SCHEMA.empty_table()]
        before = 0
        for inventory in inventories:
            there = inventory.until(keys[-1])
            found = _same(states, there)
            source = np.where(found < 0, source, found + before)
            lines.append(there)
            before += there.num_rows
        together = pa.concat_tables(lines).combine_chunks()
        step = _BLOCK if np.count_nonzero(source < 0) > _BLOCK else len(block)
        for start in range(0, len(block), step):
            here = slice(start, start + step)
            new = (start + np.flatnonzero(source[here] < 0)).tolist()
            unread = [(keys[k], problems[k]) for k in new]
            yield _Compared([each[here] for each in states], together, source[here], unread)


def _same(states: Sequence[pa.Array], known: pa.Table) -> NDArray[np.int64]:
    """Of each file the row with its key, size and times, (files,); -1 where there is none."""
    keys, *times = states
    if keys.equals(known.column("key").combine_chunks()):
        row = np.arange(len(keys))
    else:
        place = pc.index_in(keys, value_set=known.column("key"))
        row = place.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
    same = row >= 0
    for column, (name, _) in zip(times, _STATE[1:], strict=True):
        if known.num_rows:
            same &= known.column(name).to_numpy()[row] == column.to_numpy()
    return np.where(same, row, -1)


class _Known:
    """The lines of an inventory in order, handed out up to one key after the other."""

    def __init__(self, folder: Path) -> None:
        """Begin with its first line."""
        self._tables = map(pq.read_table, _valid_shards(folder))
        self._left = self._next()

    def _next(self) -> pa.Table | None:
        read = next(self._tables, None)
        return None if read is None else read.replace_schema_metadata(None)

    def until(self, last: bytes) -> pa.Table:
        """The lines up to the key ``last``, among those not yet given."""
        given: list[pa.Table] = [_SCHEMA.empty_table()]
        while self._left is not None:
            keys = self._left.column("key")
            end = bisect_right(range(len(keys)), last, key=lambda k: keys[k].as_py())
            given.append(self._left.slice(0, end))
            self._left = self._left.slice(end) if end < len(keys) else self._next()
            if end < len(keys):
                break
        return pa.concat_tables(given)


_n_read_here = 0


def read_all(root: bytes, files: Sequence[tuple[bytes, str | None]]) -> pa.RecordBatch:
    """What the headers of files say, as columns; ``files`` are keys below ``root`` and problems."""
    global _n_read_here
    if _n_read_here < _WORTH_COMPILING <= _n_read_here + len(files):
        compile_walk()
    _n_read_here += len(files)
    nothing = (None,) * (len(_SAID) - 1)
    rows: list[_Row] = []
    for key, problem in files:
        found = problem or describe(b"%b/%b" % (root.rstrip(b"/"), below(key)))
        if isinstance(found, str):
            rows.append((found, *nothing))
        else:
            *said, fields = found
            rows.append((None, *said, _packed(fields)))
    columns = dict(zip(_READ, zip(*rows, strict=True), strict=True)) if rows else {}
    return pa.record_batch(
        [pa.array(columns.get(field.name, ()), type=field.type) for field in _SAID], schema=_SAID
    )


_READ = ("reason", *Described._fields)


# Shards


def _write_shard(path: Path, lines: Sequence[pa.Table]) -> None:
    unfinished = path.with_suffix(".unfinished")
    table = pa.concat_tables(lines).combine_chunks()
    pq.write_table(table.replace_schema_metadata({"reader": reader()}), unfinished)
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
    return root / os.fsdecode(below(key))


# No text of a header holds these two: they count as blanks, and blanks were made one.
_NEXT, _IS = "\x1e", "\x1f"


def _packed(fields: Mapping[str, str]) -> str:
    return _NEXT.join(map(_IS.join, fields.items()))


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
