"""Finds pictures with a line that looks like burned-in text, by a rule of edges; reads no text."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import (
    find_objects,
    gaussian_filter,
    label,
    maximum_filter,
    mean,
    minimum_filter,
    sum_labels,
)
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from cohort_selection.pixels.picture import PictureError, read_picture

LEAST = 5
"""So many letters in a line make a picture a suspect: markers of a side or of AP have fewer.

Of 100 radiographs of Cohen's collection in which another program (RapidOCR 1.4.4) read five letters
or more in 40 and fewer than three in 60, the rule finds 28 of the 40 and none of the 60. It was set
by these. What it finds is mostly a word such as PORTABLE, for nothing here reads it.
"""
_LARGEST = 1536  # pixels of a side that are looked at; larger pictures are averaged down
_AROUND = 8.0  # pixels: the width of the surroundings that a letter stands out of
_STANDS_OUT = 0.16  # of the picture's range of greys
_SHARP = 0.12  # of that range from one pixel to the next, on the mean over a letter
_HEIGHTS = (5, 64)  # pixels of a letter
_EIGHT = np.ones((3, 3), dtype=np.int8)


def letters_in_a_line(picture: NDArray[np.generic]) -> int:
    """The most marks in one line that look like letters, in a grey picture (rows, columns).

    A letter is a small mark, lighter or darker than its surroundings, with edges from one pixel to
    the next; a line has letters of one height, on one level, side by side. Upright text alone is
    found, of letters 5 to 64 pixels high, and that only where letters do not touch.
    """
    grey = _grey(picture)
    if grey is None:
        return 0
    around = gaussian_filter(grey, _AROUND, truncate=2.0)
    steps = maximum_filter(grey, 3) - minimum_filter(grey, 3)
    return max(_longest(grey - around, steps), _longest(around - grey, steps))


def suspects(
    files: Sequence[Path], *, progress: Callable[[int, int], None] | None = None
) -> tuple[tuple[Path, ...], int]:
    """The images in whose middle frame a line looks like text, and how many were looked at.

    An image whose pixels cannot be decoded is not looked at. ``progress`` is called with the files
    that are done and all files.
    """
    found = []
    looked = 0
    for done, file in enumerate(files, start=1):
        try:
            picture = read_picture(file)[1]
        except PictureError:
            pass  # the seal names it
        else:
            looked += 1
            if letters_in_a_line(picture) >= LEAST:
                found.append(file)
        if progress is not None:
            progress(done, len(files))
    return tuple(found), looked


def _grey(picture: NDArray[np.generic]) -> NDArray[np.float32] | None:
    """The picture from 0 to 1, at most _LARGEST a side; None where it is blank or too small."""
    shrink = -(-max(picture.shape) // _LARGEST)
    grey = np.asarray(picture, dtype=np.float32)
    if shrink > 1:
        rows, columns = (side - side % shrink for side in grey.shape)
        cut = grey[:rows, :columns].reshape(rows // shrink, shrink, columns // shrink, shrink)
        grey = cut.mean(axis=(1, 3))
    if min(grey.shape, default=0) < 2 * _HEIGHTS[0]:
        return None
    low, high = np.percentile(grey, (0.5, 99.5))
    if high <= low:
        low, high = grey.min(), grey.max()
    return None if high <= low else np.clip((grey - low) / (high - low), 0.0, 1.0)


def _longest(out: NDArray[np.float32], steps: NDArray[np.float32]) -> int:
    """Letters in the longest line of marks that stand ``out`` of their surroundings."""
    marks, n = label(out > _STANDS_OUT, _EIGHT)
    if n < LEAST:
        return 0
    places = find_objects(marks)
    boxes = np.array([(b[0].start, b[0].stop, b[1].start, b[1].stop) for b in places], float)
    height, width = boxes[:, 1] - boxes[:, 0], boxes[:, 3] - boxes[:, 2]
    numbers = np.arange(1, n + 1)
    filled = sum_labels(np.ones_like(out), marks, numbers) / (height * width)
    sharp = mean(steps, marks, numbers)
    letters = (
        (height >= _HEIGHTS[0])
        & (height <= _HEIGHTS[1])
        & (width <= 2.5 * height)
        & (filled > 0.15)
        & (sharp > _SHARP)
    )
    return _longest_line(boxes[letters])


def _longest_line(boxes: NDArray[np.float64]) -> int:
    """The most boxes (top, bottom, left, right) in a line, each near the next and of its height."""
    if len(boxes) < LEAST:
        return 0
    boxes = boxes[np.argsort(boxes[:, 2])]
    top, bottom, left, right = boxes.T
    height = bottom - top
    pairs: list[tuple[int, int]] = []
    for i in range(len(boxes)):
        until = int(np.searchsorted(left, right[i] + 1.0 * height[i]))
        j = np.arange(i + 1, until)
        taller = np.maximum(height[i], height[j])
        near = (
            (left[j] - right[i] < 0.8 * taller)
            & (left[j] - right[i] > -0.2 * taller)
            & (np.minimum(height[i], height[j]) > 0.5 * taller)
            & (np.minimum(abs(bottom[i] - bottom[j]), abs(top[i] - top[j])) < 0.2 * taller + 1.5)
        )
        pairs += [(i, int(k)) for k in j[near]]
    if not pairs:
        return 1
    one, other = np.array(pairs).T
    graph = coo_array((np.ones(len(one)), (one, other)), shape=(len(boxes), len(boxes)))
    _, line_of = connected_components(graph, directed=False)
    return max(_level(boxes[line_of == k]) for k in np.flatnonzero(np.bincount(line_of) >= 2))


def _level(line: NDArray[np.float64]) -> int:
    """Boxes of a line that stand on its level, top or bottom."""
    height = float(np.median(line[:, 1] - line[:, 0]))
    on = [np.abs(line[:, k] - np.median(line[:, k])) < 0.25 * height + 1 for k in (0, 1)]
    return int(np.sum(on[0] | on[1]))
