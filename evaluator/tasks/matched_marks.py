"""Matches the marks of a case to its lesions, by the rule that the benchmark's file declares.

Places are in pixels from the corner of the first one, and in mm where distances decide.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from cohort_selection.cases import Region
from cohort_selection.regions.stacks import Stack
from cohort_selection.task.declaration import INSIDE, NEAR, Task
from evaluator.tasks.regions import Mark, Mask, marks_of, reference_mask
from metrics.arrays import Floats
from metrics.marks import nearness
from metrics.marks.matching import MatchedCase, matched

_ELSEWHERE = -1_000_000
"""The slice of a mark outside of the stack: far from every lesion."""


def matched_case(regions: Sequence[Region], text: str, stack: Stack, task: Task) -> MatchedCase:
    """The marks of a case matched to its lesions by the rule of the task.

    A mark in a picture outside of the stack, as in a localiser, is on no lesion.
    """
    lesions: dict[int, list[Region]] = defaultdict(list)
    for region in regions:
        lesions[region.lesion].append(region)
    marks = marks_of(text)
    rows = [_near(lesions[number], marks, stack, task) for number in sorted(lesions)]
    near = np.concatenate(rows) if rows else np.empty((0, len(marks)))
    return matched(near, [mark.score for mark in marks])


def _near(lesion: Sequence[Region], marks: Sequence[Mark], stack: Stack, task: Task) -> Floats:
    """How near each mark is to one lesion (1, marks); NaN where it is not on it."""
    boxed = [region for region in lesion if region.box is not None]
    drawn = [region for region in lesion if region.box is None]
    first, mask = _own_slices(drawn, stack)
    if task.hit == INSIDE and not boxed:
        at = _points(marks, stack) - np.array([first + 0.5, 0.5, 0.5])  # middles of pixels
        return nearness.inside_masks(mask, 1, at)
    inside = np.argwhere(mask) + np.array([first, 0, 0])
    box = _box(boxed, inside, stack)
    if task.hit == INSIDE:
        return nearness.inside_boxes(box, _points(marks, stack))
    mm = np.array([*([1.0] if len(stack.shape) == 2 else []), *stack.spacing_mm])
    if task.hit == NEAR:
        centre = box.mean(axis=1) if boxed else (inside.mean(axis=0) + 0.5)[None, :]
        return nearness.near_centres(centre * mm, _points(marks, stack) * mm, task.within_mm)
    return nearness.overlapping_boxes(box * mm, _boxes(marks, stack) * mm, task.least_iou)


def _own_slices(drawn: Sequence[Region], stack: Stack) -> tuple[int, Mask]:
    """The mask of a lesion in its own slices (slices, rows, columns), and the first of them.

    A volume has many, a lesion few.
    """
    places = [stack.places[region.source, region.frame] for region in drawn] or [0]
    first, n_slices = min(places), max(places) - min(places) + 1
    own = {key: place - first for key, place in stack.places.items()}
    kept = {key: place for key, place in own.items() if 0 <= place < n_slices}
    return first, reference_mask(drawn, replace(stack, places=kept))


def _box(boxed: Sequence[Region], inside: NDArray[np.int64], stack: Stack) -> Floats:
    """The box (1, 2, 3) around a lesion: slice, row and column of its lower and upper corner."""
    corners = []
    for region in boxed:
        assert region.box is not None
        x, y, width, height = region.box
        place = stack.places[region.source, region.frame]
        corners += [(place, y, x), (place + 1.0, y + height, x + width)]
    if len(inside):
        corners += [tuple(inside.min(axis=0)), tuple(inside.max(axis=0) + 1.0)]
    every = np.array(corners, dtype=np.float64)
    return np.stack([every.min(axis=0), every.max(axis=0)])[None, :, :]


def _points(marks: Sequence[Mark], stack: Stack) -> Floats:
    """Places (marks, 3) of the middles of marks: slice, row and column, from the corner."""
    boxes = _boxes(marks, stack)
    return np.asarray(boxes.mean(axis=1)) if len(marks) else np.empty((0, 3))


def _boxes(marks: Sequence[Mark], stack: Stack) -> Floats:
    """Boxes (marks, 2, 3) of marks: slice, row and column of the lower and the upper corner."""
    found = np.empty((len(marks), 2, 3))
    for i, mark in enumerate(marks):
        place = stack.places.get((mark.source, mark.frame), _ELSEWHERE)
        (x, y), (width, height) = mark.corner, mark.size
        found[i] = (place, y, x), (place + 1.0, y + height, x + width)
    return found
