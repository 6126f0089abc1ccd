"""Keeps fingerprints on disk by path, and makes them again only for changed files."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from functools import lru_cache
from hashlib import blake2b
from io import BytesIO
from pathlib import Path
from typing import cast

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from cohort_selection.atomic_files import sweep, write_bytes
from cohort_selection.catalog.reader_version import reader_mark
from cohort_selection.dicom import pixel_description
from cohort_selection.dicom.pixel_description import decodable_syntaxes
from cohort_selection.leakage import perceptual_hash, volume_look
from cohort_selection.leakage.fingerprints import Fingerprints, Found, fingerprints
from cohort_selection.leakage.perceptual_hash import VIEWS, WORDS
from cohort_selection.leakage.volume_look import Stack, look_at
from cohort_selection.ordered_threads import in_order, size_of
from cohort_selection.pixels import decoders, intensities, picture, series, stored, whole_file
from cohort_selection.pixels.picture import PictureError

_AT_ONCE = 4096
"""Fingerprints are written after this number of files; a kill loses no more."""

_State = tuple[int, int, int]  # size, times of modification and of change in ns


@lru_cache(maxsize=1)
def _mark() -> bytes:
    """Names what a fingerprint depends on besides the file; once for all checks of a seal."""
    modules = (
        *(perceptual_hash, volume_look, picture, series, intensities),
        *(stored, whole_file, decoders, pixel_description),
    )
    sources = [Path(str(module.__file__)) for module in modules]
    return reader_mark(sources, Path(__file__).parents[2], decodable_syntaxes())


class _Shards:
    """Writes fingerprints as they are made, many at a time; ``names`` are of all to be made."""

    def __init__(
        self, folder: Path, mark: bytes, names: Sequence[tuple[bytes, _State]], look: bool
    ) -> None:
        self._folder, self._mark, self._names, self._look = folder, mark, names, look
        self._made: list[Found] = []
        self._n_kept = 0

    def keep(self, part: Sequence[Found]) -> None:
        """Take what was made, in the order of the names."""
        self._made.extend(part)
        if len(self._made) >= _AT_ONCE:
            self.write()

    def write(self) -> None:
        """Write what has not been written yet; a picture that cannot be read is left out."""
        some = self._names[self._n_kept : self._n_kept + len(self._made)]
        readable = [
            (name, each)
            for name, each in zip(some, self._made, strict=True)
            if not isinstance(each, PictureError)
        ]
        if readable:
            _write(self._folder, self._mark, readable, look=self._look)
        self._n_kept += len(self._made)
        self._made.clear()


@contextmanager
def _kept_at_the_end(shards: _Shards) -> Iterator[_Shards]:
    try:
        yield shards
    finally:
        shards.write()


def kept_fingerprints(
    files: Sequence[Path],
    folder: Path,
    *,
    look: bool,
    workers: int | None = None,
    progress: Callable[[int], None] | None = None,
) -> Fingerprints:
    """As ``fingerprints``, of each file only once: ``folder`` keeps what was made.

    A file is fingerprinted again if its size or one of its times changed, if another version made
    its fingerprint, or if pictures are now compared and were not before.
    Shards are written whole or not at all and never changed, so two may be written at a time. About
    600 bytes a file; a shard that cannot be read counts as none.
    """
    mark = _mark()
    states = [_state(file) for file in files]
    digests: list[str | None] = [None] * len(files)
    hashes: NDArray[np.uint64] = np.zeros((len(files) if look else 0, VIEWS, WORDS), np.uint64)
    places: dict[tuple[bytes, _State], list[int]] = {}
    for i, (file, state) in enumerate(zip(files, states, strict=True)):
        places.setdefault((os.fsencode(file), state), []).append(i)

    for path, state, digest, words in _rows(folder, mark):
        if look and words is None:
            continue
        for i in places.get((path, state), ()):
            digests[i] = digest
            if words is not None and look:
                hashes[i] = np.frombuffer(words, np.uint64).reshape(VIEWS, WORDS)
    missing = [i for i, digest in enumerate(digests) if digest is None]
    done = len(files) - len(missing)
    if progress is not None and done:
        progress(done)
    names = [(os.fsencode(files[i]), states[i]) for i in missing]
    with _kept_at_the_end(_Shards(folder, mark, names, look)) as shards:
        fresh = fingerprints(
            [files[i] for i in missing],
            look=look,
            workers=workers,
            progress=None if progress is None else lambda n: progress(done + n),
            keep=shards.keep,
        )
    for k, i in enumerate(missing):
        digests[i] = fresh.digests[k]
        if look:
            hashes[i] = fresh.hashes[k]
    return Fingerprints(tuple(str(digest) for digest in digests), hashes)


def kept_volumes(
    stacks: Sequence[Stack],
    folder: Path | None,
    *,
    progress: Callable[[int], None] | None = None,
) -> list[tuple[tuple[str, ...], bytes]]:
    """What ``look_at`` says of each volume, in order, those that ``folder`` knows without reading.

    ``progress`` is called with the number of slices that are done. Raises one PictureError that
    names every slice whose pixels cannot be decoded.
    """
    mark = _mark()
    names = [_name(stack) for stack in stacks]
    known = (
        {} if folder is None else {(path, state): row for path, state, *row in _rows(folder, mark)}
    )
    found: list[Sequence[str | bytes | None] | None] = [known.get(name) for name in names]
    missing = [i for i, row in enumerate(found) if row is None]
    made: list[tuple[bytes, _State]] = [names[i] for i in missing]
    unreadable: dict[Path, str] = {}
    done = sum(len(stacks[i].files) for i, row in enumerate(found) if row is not None)
    sized = ((stacks[i], sum(map(size_of, stacks[i].files))) for i in missing)
    shards = _Shards(folder, mark, made, True) if folder is not None else None
    with closing(in_order(_of_volume, sized)) as results:
        try:
            for i, result in zip(missing, results, strict=True):
                if isinstance(result, PictureError):
                    unreadable |= result.reasons
                else:
                    found[i] = result
                if shards is not None:
                    shards.keep([result])
                done += len(stacks[i].files)
                if progress is not None:
                    progress(done)
        finally:
            if shards is not None:
                shards.write()
    if unreadable:
        raise PictureError(unreadable, sum(len(stack.files) for stack in stacks))
    rows = cast("list[tuple[str, bytes]]", found)
    return [(tuple(digests.split()), bits) for digests, bits in rows]


def _of_volume(stack: Stack) -> Found:
    try:
        digests, bits = look_at(stack)
    except PictureError as error:
        return error
    return " ".join(digests), bits


def _name(stack: Stack) -> tuple[bytes, _State]:
    """Names a volume by its files as they are now; they are far more than a path may hold."""
    said = repr([(os.fsencode(file), _state(file)) for file in stack.files])
    return b"volume\0" + blake2b(said.encode()).digest(), (len(stack.files), 0, 0)


def _state(file: Path) -> _State:
    found = file.stat()
    return found.st_size, found.st_mtime_ns, found.st_ctime_ns


_SCHEMA = pa.schema(
    [
        ("path", pa.binary()),
        ("size", pa.int64()),
        ("modified", pa.int64()),
        ("changed", pa.int64()),
        ("digest", pa.string()),
        ("hashes", pa.binary()),  # null where pictures were not looked at
    ]
)


def _rows(folder: Path, mark: bytes) -> Iterator[tuple[bytes, _State, str, bytes | None]]:
    for path in sorted(folder.glob("*.parquet")):
        try:
            if (pq.read_schema(path).metadata or {}).get(b"made by") != mark:
                continue
            table = pq.read_table(path, schema=_SCHEMA)
        except (OSError, pa.ArrowException):
            continue
        for name, *state, digest, words in zip(
            *(column.to_pylist() for column in table.columns), strict=True
        ):
            yield name, (state[0], state[1], state[2]), digest, words


def _write(
    folder: Path,
    mark: bytes,
    found: Sequence[tuple[tuple[bytes, _State], tuple[str, bytes]]],
    *,
    look: bool,
) -> None:
    columns = [
        [path for (path, _), _ in found],
        *([state[k] for (_, state), _ in found] for k in range(3)),
        [digest for _, (digest, _) in found],
        [words if look else None for _, (_, words) in found],
    ]
    arrays = [
        pa.array(column, type=field.type) for column, field in zip(columns, _SCHEMA, strict=True)
    ]
    content = BytesIO()
    pq.write_table(pa.table(arrays, schema=_SCHEMA.with_metadata({"made by": mark})), content)
    folder.mkdir(parents=True, exist_ok=True)
    sweep(folder)
    name = blake2b(content.getbuffer(), digest_size=16).hexdigest()
    write_bytes(folder / f"{name}.parquet", content.getvalue())
