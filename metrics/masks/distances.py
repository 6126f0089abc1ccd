"""Distances between two sets of grid points, from each point to the nearest of the other set."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from metrics.arrays import Bools, Floats

ROUNDING = 1e-9
"""Share of a tolerance by which a distance may be above it: 3 steps of 0.7 mm are 2.1 mm."""
_SHORT = 1 << 15


def both_ways(
    a: Bools, b: Bools, spacing: Sequence[float], within: float = np.inf
) -> tuple[Floats, Floats]:
    """Distance in mm from each point of ``a`` to the nearest of ``b``, and back.

    ``a`` and ``b`` are points on one grid of one to three axes, neither of them empty. Distances
    follow the order of ``np.nonzero``. Those above ``within`` may be given as infinite. Takes four
    bytes a place of the grid beside the points. Source: Felzenszwalb & Huttenlocher 2012.
    """
    missing = (1,) * (3 - a.ndim)
    size = np.array((*(1.0 for _ in missing), *spacing))
    first, second = (np.ascontiguousarray(points.reshape(missing + a.shape)) for points in (a, b))
    reach = within * (1.0 + 2.0 * ROUNDING)
    return _to(first, second, size, reach), _to(second, first, size, reach)


def _to(mask: Bools, other: Bools, size: Floats, within: float) -> Floats:
    from metrics.masks import kernels  # numba is costly to import

    whole = np.int16 if max(mask.shape) < _SHORT else np.int32
    row, column = np.empty(mask.shape, dtype=whole), np.empty(mask.shape, dtype=whole)
    some = np.zeros(mask.shape[0], dtype=np.bool_)
    kernels.nearest_in_slices(other, size[1], size[2], row, column, some)
    lengths = np.empty(int(np.count_nonzero(mask)))
    kernels.distances(mask, size, within, row, column, some, lengths)
    return lengths
