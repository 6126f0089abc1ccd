"""Fingerprints of an image file: the digest of its pixels, hashes of its picture."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from itertools import islice
from multiprocessing import get_context, parent_process
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cohort_selection.leakage.perceptual_hash import VIEWS, WORDS, perceptual_hashes
from cohort_selection.ordered_threads import in_order, size_of
from cohort_selection.pixels.picture import PictureError, pixel_digest, read_picture

_ALONE = 1000
"""So many files are read by threads before worker processes would have started."""
_CHUNK = 16


Found = tuple[str, bytes] | PictureError
"""Digest and hashes of a file, or why it has none."""


@dataclass(frozen=True, slots=True)
class Fingerprints:
    """Of files in their order: ``digests``, and ``hashes`` (files, views, words).

    ``hashes`` is empty where pictures were not looked at.
    """

    digests: tuple[str, ...]
    hashes: NDArray[np.uint64]


def fingerprints(
    files: Sequence[Path],
    *,
    look: bool,
    workers: int | None = None,
    progress: Callable[[int], None] | None = None,
    keep: Callable[[Sequence[Found]], None] | None = None,
) -> Fingerprints:
    """Read every file once, in as many processes as this one may use processors.

    ``look`` decodes the pictures too. ``progress`` is called with the number of files that are
    done, ``keep`` with the (digest, hashes as bytes) of the next files, or why one cannot be read,
    in order. Raises one PictureError that names every file without pixels that can be read.
    """
    digests: list[str] = []
    unreadable: dict[Path, str] = {}
    hashes: NDArray[np.uint64] = np.zeros((len(files) if look else 0, VIEWS, WORDS), np.uint64)
    for part in _read(files, look, workers or len(os.sched_getaffinity(0))):
        for found in part:
            if isinstance(found, PictureError):
                unreadable |= found.reasons
                digests.append("")
                continue
            digest, words = found
            if look:
                hashes[len(digests)] = np.frombuffer(words, np.uint64).reshape(VIEWS, WORDS)
            digests.append(digest)
        if keep is not None:
            keep(part)
        if progress is not None:
            progress(len(digests))
    if unreadable:
        raise PictureError(unreadable, len(files))
    return Fingerprints(tuple(digests), hashes)


def _read(files: Sequence[Path], look: bool, workers: int) -> Iterator[list[Found]]:
    if workers < 2 or len(files) < _ALONE:
        sized = ((path, size_of(path)) for path in files)
        with closing(in_order(partial(_of_file, look=look), sized, workers=workers)) as found:
            while part := list(islice(found, _CHUNK)):
                yield part
        return
    chunks = [files[k : k + _CHUNK] for k in range(0, len(files), _CHUNK)]
    # Forking a process that has threads of numba is not safe; spawning is.
    with ProcessPoolExecutor(
        workers, mp_context=get_context("spawn"), initializer=_end_with_parent
    ) as pool:
        yield from pool.map(_fingerprint, chunks, [look] * len(chunks))


def _end_with_parent() -> None:
    """A killed parent cannot tell its workers; they would wait for work for ever."""
    parent = parent_process()

    def watch() -> None:
        if parent is not None:
            parent.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _fingerprint(files: Sequence[Path], look: bool) -> list[Found]:
    return [_of_file(path, look=look) for path in files]


def _of_file(path: Path, *, look: bool) -> Found:
    try:
        if not look:
            return pixel_digest(path), b""
        digest, picture = read_picture(path)
        return digest, perceptual_hashes(picture).tobytes()
    except PictureError as error:
        return error
