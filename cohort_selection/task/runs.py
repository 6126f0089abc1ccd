"""Masks as runs: text of pairs ``start length`` from the first pixel, row by row, counted from 1.

``5 3 21 2`` marks the pixels 5, 6, 7, 21 and 22 of a picture. Runs rise, and one ends before the
next begins. An empty text is an empty mask.
"""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

MOST_RUNS = 1 << 20
"""Runs of one picture: more than any outline has, and few enough to read in no time."""

_NUMBERS = re.compile(r"[0-9]{1,10}+(?: [0-9]{1,10}+)*+")  # possessive: nothing is tried again


class RunsError(ValueError):
    """A text is no mask of runs; the message says why, and shows nothing of it."""


def read_runs(text: str, pixels: int) -> NDArray[np.int64]:
    """Starts, from 0, and lengths of the runs (runs, 2) in a picture of so many ``pixels``.

    Time and memory grow with the text alone. Raises RunsError where a run is empty, is not after
    the last one, or leaves the picture.
    """
    if not text:
        return np.empty((0, 2), dtype=np.int64)
    if text.count(" ") >= 2 * MOST_RUNS or not _NUMBERS.fullmatch(text):
        raise RunsError(
            f"runs are no pairs of whole numbers with one blank between them, {MOST_RUNS:,} pairs "
            "at most"
        )
    numbers = np.fromstring(text, dtype=np.int64, sep=" ")
    if numbers.size % 2:
        raise RunsError("runs have a start without a length")
    runs = numbers.reshape(-1, 2)
    starts, ends = runs[:, 0] - 1, runs[:, 0] - 1 + runs[:, 1]
    if (runs < 1).any():
        raise RunsError("a run has a start or a length of 0; both count from 1")
    if (starts[1:] < ends[:-1]).any():
        raise RunsError("a run begins before the one before it ends")
    if ends[-1] > pixels:
        raise RunsError(f"a run ends at pixel {ends[-1]} and the picture has {pixels}")
    return np.stack([starts, runs[:, 1]], axis=1)


def painted(runs: NDArray[np.int64], shape: tuple[int, int]) -> NDArray[np.bool_]:
    """The mask (rows, columns) of runs that ``read_runs`` gave for a picture of this shape."""
    steps = np.zeros(shape[0] * shape[1] + 1, dtype=np.int8)
    np.add.at(steps, runs[:, 0], 1)
    np.add.at(steps, runs.sum(axis=1), -1)
    return np.asarray(np.cumsum(steps[:-1], dtype=np.int8).reshape(shape) > 0)


def runs_of(mask: NDArray[np.bool_]) -> str:
    """The runs of a mask (rows, columns) as text."""
    flat = np.concatenate([[0], mask.ravel().astype(np.int8), [0]])
    starts, ends = (np.flatnonzero(np.diff(flat) == step) for step in (1, -1))
    pairs = np.stack([starts + 1, ends - starts], axis=1).ravel()
    return " ".join(map(str, pairs.tolist()))
