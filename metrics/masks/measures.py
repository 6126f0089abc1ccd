"""What one pair of masks measures: overlap, distances between borders, shares of surface."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import ArrayLike

from metrics.arrays import Bools
from metrics.masks import distances, surfaces

_AXES = 3


class State(StrEnum):
    """Which of the two masks hold a voxel."""

    BOTH = "both"
    BOTH_EMPTY = "both_empty"
    FALSE = "false"
    """Drawn where the reference has none."""
    MISSED = "missed"
    """Not drawn where the reference has one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PairMeasures:
    """Measures of a mask against its reference; None where the definition gives no number.

    Sizes in mm3 (mm2 in the plane, mm on a line), distances in mm; ``nsd`` has one share a
    tolerance. Dice, IoU and ``nsd`` are None for two empty masks, distances for one or two.
    """

    state: State
    reference_size: float
    prediction_size: float
    dice: float | None
    iou: float | None
    nsd: tuple[float | None, ...]
    hd: float | None
    hd95: float | None
    assd: float | None
    masd: float | None


def measure_pair(
    reference: ArrayLike,
    prediction: ArrayLike,
    spacing_mm: Sequence[float],
    tolerances_mm: Sequence[float] = (),
) -> PairMeasures:
    """Measure a mask against its reference, both of one shape with one to three axes.

    ``spacing_mm`` is the distance of neighbouring voxels along each axis. Axes of length 1 are
    left out: a radiograph's mask is a plane, not a slab that is all surface. Raises ValueError
    with one sentence for shapes, values or spacings that do not fit.

    Dice 2 |A and B| / (|A| + |B|); IoU |A and B| / |A or B|. Distances run from each border voxel
    to the nearest of the other mask: HD the largest, HD95 the larger of the two directions' 95th
    percentiles (linear between ranks), ASSD the mean over the border voxels of both, MASD the mean
    of the two directions' means. NSD: share of the surface area of both within the tolerance of
    the other surface. Source: Dice 1945; Jaccard 1912; Maier-Hein, Reinke et al. 2024 (Metrics
    Reloaded); Nikolov et al. 2021 for the NSD.
    """
    a, b, spacing = _fitting(reference, prediction, spacing_mm)
    for tolerance in tolerances_mm:
        if not (np.isfinite(tolerance) and tolerance >= 0.0):
            raise ValueError(f"a tolerance must be 0 mm or more; got {tolerance}")
    n_a, n_b = int(np.count_nonzero(a)), int(np.count_nonzero(b))
    voxel = float(np.prod(spacing))
    if not (n_a and n_b):
        empty = not (n_a or n_b)
        none = None if empty else 0.0
        return PairMeasures(
            state=State.BOTH_EMPTY if empty else State.MISSED if n_a else State.FALSE,
            reference_size=n_a * voxel,
            prediction_size=n_b * voxel,
            dice=none,
            iou=none,
            nsd=tuple(none for _ in tolerances_mm),
            hd=None,
            hd95=None,
            assd=None,
            masd=None,
        )
    box = _joint_box(a | b)
    a, b = np.ascontiguousarray(a[box]), np.ascontiguousarray(b[box])
    shared = int(np.count_nonzero(a & b))
    to_b, to_a = distances.both_ways(surfaces.borders(a), surfaces.borders(b), spacing)
    return PairMeasures(
        state=State.BOTH,
        reference_size=n_a * voxel,
        prediction_size=n_b * voxel,
        dice=2.0 * shared / (n_a + n_b),
        iou=shared / (n_a + n_b - shared),
        nsd=_surface_shares(a, b, spacing, tolerances_mm),
        hd=float(max(to_b.max(), to_a.max())),
        hd95=float(max(np.percentile(to_b, 95.0), np.percentile(to_a, 95.0))),
        assd=float((to_b.sum() + to_a.sum()) / (to_b.size + to_a.size)),
        masd=float((to_b.mean() + to_a.mean()) / 2.0),
    )


def _surface_shares(
    a: Bools, b: Bools, spacing: Sequence[float], tolerances: Sequence[float]
) -> tuple[float, ...]:
    """Share of both surfaces, by area, within each tolerance of the other surface."""
    if not tolerances:
        return ()
    codes = surfaces.elements(a), surfaces.elements(b)
    on_a, on_b = (surfaces.is_surface(each, a.ndim) for each in codes)
    area = surfaces.areas(spacing)
    area_a, area_b = area[codes[0][on_a]], area[codes[1][on_b]]
    to_b, to_a = distances.both_ways(on_a, on_b, spacing, max(tolerances))
    whole = float(area_a.sum() + area_b.sum())
    shares = []
    for tolerance in tolerances:
        reach = tolerance * (1.0 + distances.ROUNDING)
        near = float(area_a[to_b <= reach].sum() + area_b[to_a <= reach].sum())
        shares.append(min(1.0, near / whole))
    return tuple(shares)


def _fitting(
    reference: ArrayLike, prediction: ArrayLike, spacing_mm: Sequence[float]
) -> tuple[Bools, Bools, list[float]]:
    a, b = _mask(reference, "reference"), _mask(prediction, "prediction")
    if a.shape != b.shape:
        raise ValueError(f"masks must have one shape; got {a.shape} and {b.shape}")
    spacing = [float(size) for size in spacing_mm]
    if len(spacing) != a.ndim:
        raise ValueError(f"a mask of {a.ndim} axes needs as many spacings; got {len(spacing)}")
    if not all(np.isfinite(size) and size > 0.0 for size in spacing):
        raise ValueError(f"spacings must be above 0 mm; got {spacing}")
    axes = [axis for axis in range(a.ndim) if a.shape[axis] != 1] or [0]
    if len(axes) > _AXES:
        raise ValueError(f"a mask has one to three axes longer than 1; got shape {a.shape}")
    shape = [a.shape[axis] for axis in axes]
    return a.reshape(shape), b.reshape(shape), [spacing[axis] for axis in axes]


def _mask(values: ArrayLike, name: str) -> Bools:
    array = np.asarray(values)
    if array.ndim == 0 or array.size == 0:
        raise ValueError(f"the {name} mask has no voxel: shape {array.shape}")
    if array.dtype == np.bool_:
        return array
    inside = np.asarray(array == 1, dtype=np.bool_)
    if int(np.count_nonzero(inside)) + int(np.count_nonzero(array == 0)) != array.size:
        raise ValueError(f"the {name} mask must hold 0 and 1 alone; another value was found")
    return inside


def _joint_box(either: Bools) -> tuple[slice, ...]:
    """The smallest box that holds every voxel of both masks."""
    box: list[slice] = []
    for axis in range(either.ndim):
        others = tuple(each for each in range(either.ndim) if each != axis)
        place = np.flatnonzero(either.any(axis=others))
        box.append(slice(int(place[0]), int(place[-1]) + 1))
    return tuple(box)
