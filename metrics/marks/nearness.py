"""Which marks may hit which lesions, by the rule that a benchmark declares, and how near they are.

Each rule gives an array (lesions, marks): NaN where the mark may not hit the lesion, else a number
from 0 to 1 that is greater the nearer they are. It decides nothing but which of two lesions gets a
mark that may hit both. Coordinates of one axis are in one unit; distances in mm.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from metrics.arrays import Floats, Ints

ROUNDING = 1e-9
"""Share of a declared distance or overlap by which rounding may miss it."""


def near_centres(lesions: ArrayLike, marks: ArrayLike, within_mm: float) -> Floats:
    """Marks at most ``within_mm`` from a lesion's centre; points (lesions, axes), (marks, axes).

    Raises ValueError for points of unlike axes or a distance that is not above 0. Source: Setio et
    al. 2017 (LUNA16), for the use.
    """
    a, b = _points(lesions, "lesions"), _points(marks, "marks")
    if not (np.isfinite(within_mm) and within_mm > 0.0):
        raise ValueError(f"the greatest distance must be above 0 mm; got {within_mm}")
    if not (a.shape[0] and b.shape[0]):
        return np.full((a.shape[0], b.shape[0]), np.nan)
    _refuse_unlike_axes(a.shape[1], b.shape[1])
    distance = np.sqrt(((a[:, None, :] - b[None, :, :]) ** 2).sum(axis=2))
    near = distance <= within_mm * (1.0 + ROUNDING)
    return np.where(near, np.maximum(0.0, 1.0 - distance / within_mm), np.nan)


def inside_boxes(lesions: ArrayLike, marks: ArrayLike) -> Floats:
    """Marks inside a lesion's box or on its edge; boxes (lesions, 2, axes), points (marks, axes).

    The first row of a box holds its lower corner, the second its upper. Raises ValueError for
    boxes that are turned over or points of unlike axes.
    """
    boxes, points = _boxes(lesions, "lesions"), _points(marks, "marks")
    if not (boxes.shape[0] and points.shape[0]):
        return np.full((boxes.shape[0], points.shape[0]), np.nan)
    _refuse_unlike_axes(boxes.shape[2], points.shape[1])
    low, high = boxes[:, None, 0, :], boxes[:, None, 1, :]
    inside = ((points >= low) & (points <= high)).all(axis=2)
    off = points - (low + high) / 2.0
    far = np.sqrt((off**2).sum(axis=2)) / np.maximum(
        np.sqrt(((high - low) ** 2).sum(axis=2)) / 2.0, 1e-300
    )
    return np.where(inside, np.clip(1.0 - far, 0.0, 1.0), np.nan)


def inside_masks(lesion_numbers: ArrayLike, n_lesions: int, marks: ArrayLike) -> Floats:
    """Marks in a voxel of a lesion; ``lesion_numbers`` holds 1 to n in lesions, 0 outside.

    ``marks`` (marks, axes) are places in voxels, whole numbers at the voxels' centres; those
    outside of the grid hit nothing. Raises ValueError for points of unlike axes. Source: Ehteshami
    Bejnordi et al. 2017 (CAMELYON16), for the use.
    """
    grid = np.asarray(lesion_numbers)
    points = _points(marks, "marks")
    nearness = np.full((n_lesions, points.shape[0]), np.nan)
    if not points.shape[0]:
        return nearness
    _refuse_unlike_axes(grid.ndim, points.shape[1])
    last = np.array(grid.shape, dtype=np.float64) - 0.5
    inside = np.flatnonzero(((points >= -0.5) & (points < last)).all(axis=1))
    voxel: Ints = np.floor(points[inside] + 0.5).astype(np.int64)
    number: Ints = grid[tuple(voxel.T)].astype(np.int64)
    on = (number >= 1) & (number <= n_lesions)
    nearness[number[on] - 1, inside[on]] = 1.0
    return nearness


def overlapping_boxes(lesions: ArrayLike, marks: ArrayLike, least_iou: float) -> Floats:
    """Marked boxes whose IoU with a lesion's box is ``least_iou`` or more; boxes (n, 2, axes).

    Raises ValueError for boxes that are turned over or of unlike axes, or an IoU not in (0, 1].
    Source: Everingham et al. 2010 (PASCAL VOC), for the use.
    """
    a, b = _boxes(lesions, "lesions"), _boxes(marks, "marks")
    if not 0.0 < least_iou <= 1.0:
        raise ValueError(f"the least IoU must lie above 0 and at most at 1; got {least_iou}")
    if not (a.shape[0] and b.shape[0]):
        return np.full((a.shape[0], b.shape[0]), np.nan)
    _refuse_unlike_axes(a.shape[2], b.shape[2])
    low = np.maximum(a[:, None, 0], b[None, :, 0])
    high = np.minimum(a[:, None, 1], b[None, :, 1])
    shared = np.prod(np.maximum(high - low, 0.0), axis=2)
    of_a, of_b = (np.prod(box[:, 1] - box[:, 0], axis=1) for box in (a, b))
    union = of_a[:, None] + of_b[None, :] - shared
    iou = np.divide(shared, union, out=np.zeros_like(shared), where=union > 0.0)
    return np.where(iou >= least_iou * (1.0 - ROUNDING), iou, np.nan)


def _points(values: ArrayLike, name: str) -> Floats:
    points = np.asarray(values, dtype=np.float64)
    if points.size == 0:
        return np.empty((0, points.shape[1] if points.ndim == 2 else 0))
    if points.ndim != 2 or not np.isfinite(points).all():
        raise ValueError(f"{name} must be points (number, axes) of finite numbers")
    return points


def _boxes(values: ArrayLike, name: str) -> Floats:
    boxes = np.asarray(values, dtype=np.float64)
    if boxes.size == 0:
        return np.empty((0, 2, boxes.shape[2] if boxes.ndim == 3 else 0))
    if boxes.ndim != 3 or boxes.shape[1] != 2 or not np.isfinite(boxes).all():
        raise ValueError(f"{name} must be boxes (number, 2, axes) of finite numbers")
    if not (boxes[:, 1] >= boxes[:, 0]).all():
        raise ValueError(f"a box of {name} has its upper corner below its lower one")
    return boxes


def _refuse_unlike_axes(a: int, b: int) -> None:
    if a != b:
        raise ValueError(f"lesions have {a} axes and marks {b}; they must have as many")
