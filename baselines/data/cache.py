"""Keeps decoded, resized pixels on disk, under what made them; a second training reads them.

Memory does not grow with the pixels: shards are written as files are decoded, and a training keeps
8 bytes an example, where its row stands.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import blake2b
from itertools import islice
from multiprocessing import get_context, parent_process
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
from numpy.typing import NDArray

from baselines.data import shards
from baselines.data.readers import Files, Reader, version_of
from baselines.data.shards import UNREADABLE, Index, read_index
from cohort_selection.atomic_files import locked
from cohort_selection.pixels.intensities import UnreadableImage

_LOG = logging.getLogger(__name__)

SHARD_BYTES, SHARD_ROWS = 32 << 20, 1024
_LOOKED_UP = 4096
_ALONE = 64
"""Fewer examples than this are decoded here: to start a process costs more."""

LOWEST = -32768
"""The stored value of intensity 0: 16 bits are kept signed, which every device can read."""

Progress = Callable[[str, int, int], None]


class CacheError(OSError):
    """The pixel cache cannot be used; the message says why."""


@dataclass(frozen=True, slots=True)
class Stored:
    """Where the pixels of examples stand.

    ``shards`` are the files, ``shard`` and ``row`` (n,) int32 say where each example is;
    ``row`` is -1 where it could not be read. ``shape`` of one example, ``bits`` a pixel, and
    ``digest``, which changes with any pixel.
    """

    shards: tuple[Path, ...]
    shard: NDArray[np.int32]
    row: NDArray[np.int32]
    shape: tuple[int, ...]
    bits: int
    digest: str


@dataclass(frozen=True, slots=True)
class PixelCache:
    """Pixels that one reader made at one size, in a folder that several trainings may share."""

    folder: Path
    reader: Reader
    size: int
    bits: int = 16

    @property
    def place(self) -> Path:
        """Folder of the shards, named by all that decides on the pixels."""
        version = version_of(self.reader)
        return self.folder / f"{self.reader.name}-{self.size}px-{self.bits}bit-{version}"

    @property
    def row_bytes(self) -> int:
        """Bytes of one example."""
        return int(np.prod(self.reader.shape(self.size))) * self.bits // 8

    def store(
        self, groups: Iterable[Files], total: int, progress: Progress | None, workers: int = 0
    ) -> Stored:
        """Find or make the pixels of each group of files, in their order; ``total`` is for show.

        Groups that are new, and such as have changed, are decoded by ``workers`` processes.
        Raises CacheError where the folder cannot be written.
        """
        try:
            self.place.mkdir(parents=True, exist_ok=True)
            with _alone(self.place):
                shards.sweep(self.place)
                identities = self._fill(groups, total, progress, workers)
            index = read_index(self.place, self.row_bytes)
        except OSError as error:
            if isinstance(error, CacheError):
                raise
            raise CacheError(
                f"the pixel cache {self.folder} cannot be filled ({error}); make room, or name "
                "another folder with --cache"
            ) from error
        return self._where(index, identities)

    def _where(self, index: Index, identities: NDArray[np.uint64]) -> Stored:
        stored = index.find(identities)
        entries = np.zeros(len(stored), shards.ENTRY)
        entries["row"] = UNREADABLE
        owners = np.zeros(len(stored), np.int32)
        known = stored >= 0
        entries[known] = index.entries[stored[known]]
        owners[known] = index.shard[stored[known]]
        return Stored(
            shards=index.shards,
            shard=owners,
            row=entries["row"].copy(),
            shape=self.reader.shape(self.size),
            bits=self.bits,
            digest=blake2b(entries["content"].tobytes(), digest_size=16).hexdigest(),
        )

    def _fill(
        self, groups: Iterable[Files], total: int, progress: Progress | None, workers: int
    ) -> NDArray[np.uint64]:
        """Write shards of all groups that the index lacks; give every group's identity (n, 2)."""
        index = read_index(self.place, self.row_bytes)
        seen = bytearray()
        done = 0

        def lacking() -> Iterator[tuple[Files, bytes]]:
            nonlocal done
            source = iter(groups)
            while block := list(islice(source, _LOOKED_UP)):
                named = [shards.identity(files) or bytes(16) for files in block]
                seen.extend(b"".join(named))
                table = np.frombuffer(b"".join(named), "<u8").reshape(-1, 2)
                places = index.find(table)
                done += int((places >= 0).sum())
                for files, name, place in zip(block, named, places, strict=True):
                    if place < 0 and any(name):
                        yield files, name
                    elif place < 0:
                        done += 1

        jobs = _in_chunks(lacking(), max(1, min(SHARD_ROWS, SHARD_BYTES // self.row_bytes)))
        for rows_written in self._made(jobs, index, workers):
            done += rows_written
            if progress is not None:
                progress("reading images", done, max(total, done))
        if progress is not None:
            progress("reading images", done, max(total, done))
        return np.frombuffer(bytes(seen), "<u8").reshape(-1, 2)

    def _made(
        self, jobs: Iterator[list[tuple[Files, bytes]]], index: Index, workers: int
    ) -> Iterator[int]:
        """Do the jobs here or in processes; give the number of examples of each that is done."""
        first = next(jobs, None)
        if first is None:
            return
        if workers < 2 or len(first) < _ALONE:
            yield self._make(first, index)
            for job in jobs:
                yield self._make(job, index)
            return
        # Forking a process that has threads of torch is not safe; spawning is.
        with ProcessPoolExecutor(
            workers,
            mp_context=get_context("spawn"),
            initializer=_begin,
            initargs=(self.place, self.row_bytes),
        ) as pool:
            pending: set[Future[int]] = {pool.submit(_work, self, first)}
            for job in jobs:
                if len(pending) > 2 * workers:
                    ended, pending = wait(pending, return_when=FIRST_COMPLETED)
                    yield sum(future.result() for future in ended)
                pending.add(pool.submit(_work, self, job))
            while pending:
                ended, pending = wait(pending, return_when=FIRST_COMPLETED)
                yield sum(future.result() for future in ended)

    def _make(self, job: list[tuple[Files, bytes]], index: Index) -> int:
        """Decode one shard, or copy rows that the same bytes have already given; write it."""
        contents, rows = [], []
        for files, _ in job:
            try:
                digest = shards.content(files)
            except OSError:
                digest = bytes(16)
            contents.append(digest)
            rows.append(self._row(files, digest, index))
        shards.write_shard(self.place, (name for _, name in job), contents, rows)
        return len(job)

    def _row(self, files: Files, digest: bytes, index: Index) -> bytes:
        if known := index.find_content(digest):
            pixels, row = known
            if row == UNREADABLE:
                return b""
            with pixels.open("rb") as stream:
                stream.seek(row * self.row_bytes)
                return stream.read(self.row_bytes)
        try:
            return stored_form(self.reader.read(files, self.size), self.bits).tobytes()
        except UnreadableImage as error:
            _LOG.debug("left out: %s", error)
            return b""


def stored_form(image: NDArray[np.float32], bits: int) -> NDArray[Any]:
    """Round intensities in [0, 1] to the steps that are kept: 65,536 or 256."""
    if bits == 8:
        return np.rint(image * np.float32(255)).astype(np.uint8)
    return (np.rint(image.astype(np.float64) * 65535) + LOWEST).astype(np.int16)


def intensities(stored: NDArray[Any]) -> NDArray[np.float32]:
    """Give back the intensities in [0, 1] of ``stored_form``."""
    if stored.dtype == np.uint8:
        return stored.astype(np.float32) * np.float32(1 / 255)
    return (stored.astype(np.float32) - np.float32(LOWEST)) * np.float32(1 / 65535)


def _in_chunks(
    rows_to_read: Iterator[tuple[Files, bytes]], rows: int
) -> Iterator[list[tuple[Files, bytes]]]:
    while chunk := list(islice(rows_to_read, rows)):
        yield chunk


@contextmanager
def _alone(place: Path) -> Iterator[None]:
    """Fill a cache one after the other: the second training then finds what the first has made."""
    with (place / "filling.lock").open("ab") as lock:
        try:
            if not locked(lock, wait=False):
                _LOG.warning("waiting: another training is filling the pixel cache %s", place)
                locked(lock)
        except OSError:
            pass  # a file system without locks: both fill it, and both are right
        yield


_known: list[Index] = []
"""In a process that decodes: the index as it stood when the process began."""


def _begin(place: Path, row_bytes: int) -> None:
    _known.append(read_index(place, row_bytes))
    parent = parent_process()

    def watch() -> None:
        """End with a killed parent, which cannot tell its workers."""
        if parent is not None:
            parent.join()
        os._exit(1)

    Thread(target=watch, daemon=True).start()


def _work(cache: PixelCache, job: list[tuple[Files, bytes]]) -> int:
    return cache._make(job, _known[0])
