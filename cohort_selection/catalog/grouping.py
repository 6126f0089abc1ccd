"""Groups the lines of an inventory into studies: all of them, or those of changed files alone."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from functools import lru_cache
from heapq import merge
from itertools import groupby
from operator import itemgetter
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from cohort_selection.catalog.inventory import IS, LINE, NEXT, TEXTS
from cohort_selection.coded import hashes
from cohort_selection.dicom.header import Header
from cohort_selection.dicom.studies import Quarantined, Study, below, one_study
from cohort_selection.study_table.schema import of_headers
from cohort_selection.study_table.study_rows import header_tables

_RUN_ROWS = 1 << 15  # lines that are sorted in memory at once, and held while runs are merged
_MOST_RUNS = 256  # files that are merged at once; from there runs grow
_BATCH_ROWS = 2048  # lines of a run that are held while it is merged, at most
_PACKED = pa.ipc.IpcWriteOptions(compression="lz4")
_AT_ONCE = 16  # shards whose UIDs are looked up at once
_GROUP = 1 << 15  # studies of a row group

DISAGREEING = pa.schema([("study_uid", pa.string()), ("key", pa.binary()), ("reason", pa.string())])
"""Images that contradict others: the study, the file's key, and why it is out."""

_Row = tuple[object, ...]
"""One line of a shard, in the order of its columns."""
_KEY, _REASON = LINE.get_field_index("key"), LINE.get_field_index("reason")
_STUDY = LINE.get_field_index("study_uid")


def touched(shards: Path, changed: pa.Table) -> pa.StringArray:
    """The studies to be worked out again where the images ``changed`` are new, changed or gone.

    They are the studies of these images, and others that hold one of the same instance UID.
    """
    instances, studies = changed.column("instance_uid"), [changed.column("study_uid")]
    for lines in _whose(shards) if len(instances) else ():
        same = pc.is_in(lines.column("instance_uid"), value_set=instances.unique())
        studies.append(lines.column("study_uid").filter(same))
    return pa.chunked_array(
        [chunk for column in studies for chunk in column.chunks], pa.string()
    ).unique()


def write_studies(root: Path, shards: Path, studies: pa.StringArray | None, path: Path) -> pa.Table:
    """Write what headers say of ``studies`` (None: of all) as Parquet at ``path``, by study UID.

    Gives the images that contradict others, see ``DISAGREEING``. Equal to ``dicom.index`` of the
    same folder, but sorted on disk: memory holds 32,768 lines while they are sorted (a 256th of
    all where these are more than eight million) and as many while runs are merged, 24 bytes a file
    for the search for repeated images, and what disagrees.
    """
    root = root.resolve()
    disagreeing: list[tuple[str, bytes, str]] = []
    runs = path.with_name(f"{path.name}.runs")
    runs.mkdir()

    def found() -> Iterator[Study]:
        if studies is not None and not len(studies):
            return  # no file changed: the inventory need not be read
        shared = _instances_in_two_studies(shards, studies)
        lines = _sorted_images(shards, studies, runs)
        for study_uid, rows in groupby(lines, key=itemgetter(_STUDY)):
            members = {_path(root, row): row for row in rows}
            headers = [_header(where, row) for where, row in members.items()]
            study, out = one_study(headers, shared)
            disagreeing.extend(
                (str(study_uid), _key(members[item.path]), item.reason) for item in out
            )
            if study is not None:
                yield study

    with pq.ParquetWriter(path, of_headers()) as writer:
        waiting: list[pa.Table] = []
        for table in header_tables(found()):
            waiting.append(table)
            if sum(each.num_rows for each in waiting) >= _GROUP:
                writer.write_table(pa.concat_tables(waiting), _GROUP)
                waiting.clear()
        if waiting:
            writer.write_table(pa.concat_tables(waiting), _GROUP)
    columns = zip(*disagreeing, strict=True) if disagreeing else ((), (), ())
    return pa.table(
        [pa.array(c, f.type) for c, f in zip(columns, DISAGREEING, strict=True)], schema=DISAGREEING
    )


def quarantine(root: Path, shards: Path, disagreeing: pa.Table) -> Iterator[Quarantined]:
    """Every file that is kept out, by path: refused ones of the inventory, and these others."""
    root = root.resolve()

    def refused() -> Iterator[tuple[bytes, str]]:
        for path in sorted(shards.glob("*.parquet")):
            lines = pq.read_table(path, columns=["key", "reason"])
            yield from _pairs(lines.filter(lines.column("reason").is_valid()))

    for key, reason in merge(refused(), _pairs(disagreeing.sort_by("key")), key=itemgetter(0)):
        yield Quarantined(root / os.fsdecode(below(key)), reason)


def _pairs(lines: pa.Table) -> Iterator[tuple[bytes, str]]:
    return zip(lines.column("key").to_pylist(), lines.column("reason").to_pylist(), strict=True)


# Lines as headers


def _key(row: _Row) -> bytes:
    key = row[_KEY]
    assert isinstance(key, bytes)
    return key


def _path(root: Path, row: _Row) -> Path:
    return root / os.fsdecode(below(_key(row)))


@lru_cache(maxsize=4096)
def _unpacked(text: str) -> Mapping[str, str]:
    pairs = (part.partition(IS) for part in text.split(NEXT) if part)
    return {name: value for name, _, value in pairs}


def _header(path: Path, row: _Row) -> Header:
    *texts, age, fields = row[_REASON + 1 :]
    return Header(
        path=path,
        age=age if isinstance(age, int) else None,
        fields=_unpacked(str(fields)),
        **dict(zip(TEXTS, map(str, texts), strict=True)),
    )


# Lines of images, by study


def _whose(shards: Path) -> Iterator[pa.Table]:
    """Study and instance UID of every image, some shards at a time."""
    paths = sorted(shards.glob("*.parquet"))
    for start in range(0, len(paths), _AT_ONCE):
        some = [
            pq.read_table(path, columns=["study_uid", "instance_uid"])
            for path in paths[start : start + _AT_ONCE]
        ]
        yield pa.concat_tables(some).drop_null()


def _instances_in_two_studies(shards: Path, studies: pa.StringArray | None) -> frozenset[str]:
    """Instance UIDs, among those of ``studies``, that stand under more than one study."""
    found: list[pa.Array] = []
    for lines in _whose(shards):
        instances = lines.column("instance_uid")
        if studies is None:
            found.append(pa.array(hashes(instances)))
        else:
            found += instances.filter(pc.is_in(lines.column("study_uid"), studies)).chunks
    if not found:
        return frozenset()
    wanted = pa.chunked_array(found)
    if studies is None:
        wanted = _repeated(wanted.to_numpy())
    pairs = []
    for lines in _whose(shards) if len(wanted) else ():
        instances = lines.column("instance_uid")
        keys = pa.array(hashes(instances)) if studies is None else instances
        some = lines.filter(pc.is_in(keys, value_set=wanted))
        pairs.append(some.group_by(["instance_uid", "study_uid"]).aggregate([]))
    if not pairs:
        return frozenset()
    distinct = pa.concat_tables(pairs).group_by(["instance_uid", "study_uid"]).aggregate([])
    counts = distinct.column("instance_uid").value_counts()
    several = pc.greater(counts.field("counts"), 1)
    return frozenset(counts.field("values").filter(several).to_pylist())


def _repeated(keys: NDArray[np.uint64]) -> pa.Array:
    values, counts = np.unique(keys, return_counts=True)
    return pa.array(values[counts > 1])


def _sorted_images(shards: Path, studies: pa.StringArray | None, folder: Path) -> Iterator[_Row]:
    """Lines of the images, by study UID and path; sorted in runs that are merged from disk."""
    paths = sorted(shards.glob("*.parquet"))
    n_lines = sum(pq.read_metadata(path).num_rows for path in paths)
    run_rows = max(_RUN_ROWS, n_lines // _MOST_RUNS)
    batch_rows = max(1, min(_BATCH_ROWS, _RUN_ROWS * run_rows // max(n_lines, 1)))
    runs: list[Path] = []
    gathered: list[pa.Table] = []

    def sort_run() -> None:
        table = pa.concat_tables(gathered).sort_by(
            [("study_uid", "ascending"), ("key", "ascending")]
        )
        gathered.clear()
        runs.append(folder / str(len(runs)))
        with pa.ipc.new_stream(runs[-1], table.schema, options=_PACKED) as run:
            run.write_table(table, batch_rows)

    for path in paths:
        table = pq.read_table(path)
        wanted = (
            table.column("reason").is_null()
            if studies is None
            else pc.is_in(table.column("study_uid"), value_set=studies)
        )
        gathered.append(table.filter(wanted))
        if sum(part.num_rows for part in gathered) >= run_rows:
            sort_run()
    if gathered:
        sort_run()
    return merge(*map(_lines, runs), key=itemgetter(_STUDY, _KEY))


def _lines(run: Path) -> Iterator[_Row]:
    with pa.OSFile(str(run)) as file, pa.ipc.open_stream(file) as batches:
        for batch in batches:
            yield from zip(*(column.to_pylist() for column in batch.columns), strict=True)
