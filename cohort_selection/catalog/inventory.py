"""The inventory of a commons: kept on disk, updated by reading changed files alone."""

from __future__ import annotations

import os
from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import islice
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from cohort_selection.catalog.reader_version import reader, readers
from cohort_selection.dicom.elements import compile_walk
from cohort_selection.dicom.header import Described, describe
from cohort_selection.dicom.studies import below, count_below, entries_below

_SHARD_ROWS = 8192
_BLOCK = 512  # files that one worker gets at a time, at most
_COMPARED = 8  # blocks of files that are compared at once
_MOST_CHANGED = 1 << 18  # lines; where more changed, every study is worked out again
_WORTH_A_POOL = 2000  # files; below that, starting processes takes longer than reading
_WORTH_COMPILING = 15_000  # files that a process has read; from there compiled code pays

_STATE = [("key", pa.binary()), ("size", pa.int64()), ("modified", pa.int64())]
_STATE += [("changed", pa.int64())]
TEXTS = tuple(name for name in Described._fields if name not in {"age", "fields"})
_SAID = pa.schema(
    [
        ("reason", pa.string()),
        *((name, pa.string()) for name in TEXTS),
        ("age", pa.int16()),
        ("fields", pa.string()),  # packed: the same text for most files of a device
    ]
)
LINE = pa.schema([*_STATE, *_SAID])
"""One line of a shard; the key is the path in bytes, NUL for slash."""

_WHOSE = ["study_uid", "instance_uid"]
_Row = tuple[object, ...]


class ReaderDied(ValueError):
    """A process that reads headers ended before its time."""


@dataclass(frozen=True, slots=True)
class Brought:
    """What one update did.

    ``changed`` has study and instance UID of each image that is new, changed or gone since the last
    of the inventories that were known; None where these are too many to be held.
    """

    n_files: int
    n_read: int
    n_unchanged: int
    changed: pa.Table | None


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
    from there; the catalog's own comes last.  The order of lines is that of the paths, whatever the
    number of ``workers`` (processes; None for one a processor).  Memory does not grow with the
    number of files, only with the largest single folder.

    Raises ``ReaderDied`` where one of the processes is killed; what was read is written first.
    """
    root = root.resolve()
    total = count_below(root)
    shards.mkdir(parents=True)
    n_read = done = n_shards = n_buffered = 0
    buffered: list[pa.Table] = []
    changes = _Changes()
    try:
        for lines, read in _blocks(root, known, changes, workers or os.cpu_count() or 1):
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
    return Brought(n_files=done, n_read=n_read, n_unchanged=done - n_read, changed=changes.found())


class _Changes:
    """Whose lines changed since the catalog's inventory, as long as they are few."""

    def __init__(self) -> None:
        self._tables: list[pa.Table] = [LINE.empty_table().select(_WHOSE)]
        self._count = 0

    def add(self, lines: pa.Table) -> None:
        images = lines.select(_WHOSE).drop_null()
        self._count += images.num_rows
        if images.num_rows and self._count <= _MOST_CHANGED:
            self._tables.append(images)

    def lose_count(self) -> None:
        self._count = _MOST_CHANGED + 1

    def found(self) -> pa.Table | None:
        return pa.concat_tables(self._tables) if self._count <= _MOST_CHANGED else None


# Reading


def _blocks(
    root: Path, known: Sequence[Path], changes: _Changes, workers: int
) -> Iterator[tuple[pa.Table, int]]:
    """Lines of the inventory in order, block by block, and how many of them were read now."""
    with ExitStack() as stack:
        pool: ProcessPoolExecutor | None = None
        n_to_read = 0
        waiting: deque[tuple[_Compared, Future[pa.RecordBatch] | pa.RecordBatch]] = deque()
        for block in _compared(root, known, changes):
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
                yield _filled(*waiting.popleft(), changes)
        while waiting:
            yield _filled(*waiting.popleft(), changes)


@dataclass(frozen=True, slots=True)
class _Compared:
    """Files beside what is known of them.

    ``source`` (files,) are rows of ``known``, -1 for a file that must be read; those before
    ``n_other`` are not of the catalog's inventory. ``states`` has the columns key, size, modified,
    changed. ``unread`` are key and problem of what must be read.
    """

    states: list[pa.Array]
    known: pa.Table
    source: NDArray[np.int64]
    n_other: int
    unread: list[tuple[bytes, str | None]]


def _filled(
    block: _Compared, found: Future[pa.RecordBatch] | pa.RecordBatch, changes: _Changes
) -> tuple[pa.Table, int]:
    fresh = found.result() if isinstance(found, Future) else found
    source, n_read = block.source, len(block.unread)
    if not (n_read or block.n_other) and np.array_equal(source, np.arange(block.known.num_rows)):
        return block.known, 0
    new = np.flatnonzero(source < 0)
    not_of_catalog = source < block.n_other
    states = [column.take(pa.array(new)) for column in block.states]
    lines = pa.concat_tables(
        [block.known, pa.table([*states, *fresh.columns], schema=LINE)]
    ).combine_chunks()
    source = source.copy()
    source[new] = block.known.num_rows + np.arange(len(new))
    filled = lines.take(pa.array(source))
    if not_of_catalog.any():
        changes.add(filled.filter(pa.array(not_of_catalog)))
    return filled, n_read


def _compared(root: Path, known: Sequence[Path], changes: _Changes) -> Iterator[_Compared]:
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
        lines: list[pa.Table] = [LINE.empty_table()]
        n_other = n_known = 0
        for inventory in inventories:
            there = inventory.until(keys[-1])
            found = _same(states, there)
            source = np.where(found < 0, source, found + n_known)
            lines.append(there)
            n_other, n_known = n_known, n_known + there.num_rows
        gone = np.ones(n_known - n_other, np.bool_)
        gone[source[source >= n_other] - n_other] = False
        if gone.any():
            changes.add(lines[-1].filter(pa.array(gone)))
        together = pa.concat_tables(lines).combine_chunks()
        step = _BLOCK if np.count_nonzero(source < 0) > _BLOCK else len(block)
        for start in range(0, len(block), step):
            here = slice(start, start + step)
            new = (start + np.flatnonzero(source[here] < 0)).tolist()
            unread = [(keys[k], problems[k]) for k in new]
            yield _Compared(
                [each[here] for each in states], together, source[here], n_other, unread
            )
    for left in inventories[-1].rest() if inventories else ():
        changes.add(left)
    if inventories and inventories[-1].damaged:
        changes.lose_count()


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
    """The lines of an inventory in order, handed out up to one key after the other.

    They end before a shard that is ``damaged``.
    """

    def __init__(self, folder: Path) -> None:
        """Begin with its first line."""
        self.damaged = False
        self._shards = iter(valid_shards(folder))
        self._left = self._next()

    def _next(self) -> pa.Table | None:
        path = next(self._shards, None)
        if path is None or self.damaged:
            return None
        try:
            read = pq.read_table(path, page_checksum_verification=True)
            read = read.replace_schema_metadata(None)
            read.validate(full=True)
        except (OSError, pa.ArrowException):
            self.damaged = True
            return None
        self.damaged = read.schema != LINE
        return None if self.damaged else read

    def until(self, last: bytes) -> pa.Table:
        """The lines up to the key ``last``, among those not yet given."""
        given: list[pa.Table] = [LINE.empty_table()]
        while self._left is not None:
            keys = self._left.column("key")
            end = bisect_right(range(len(keys)), last, key=lambda k: keys[k].as_py())
            given.append(self._left.slice(0, end))
            self._left = self._left.slice(end) if end < len(keys) else self._next()
            if end < len(keys):
                break
        return pa.concat_tables(given)

    def rest(self) -> Iterator[pa.Table]:
        """The lines not yet given."""
        while self._left is not None:
            yield self._left
            self._left = self._next()


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
    marked = table.replace_schema_metadata({"reader": reader()})
    pq.write_table(marked, unfinished, write_page_checksum=True)
    descriptor = os.open(unfinished, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    unfinished.rename(path)


def valid_shards(folder: Path) -> list[Path]:
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


# No text of a header holds these two: they count as blanks, and blanks were made one.
NEXT, IS = "\x1e", "\x1f"


def _packed(fields: Mapping[str, str]) -> str:
    return NEXT.join(map(IS.join, fields.items()))
