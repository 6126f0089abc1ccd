"""Makes of a case's CT files the float32 volume that 3D networks see.

The container image holds a copy of this file, beside the modules of ``cohort_selection.pixels``,
which choose the series and read it: one grid in mm for every scanner, so that no distance of slices
and no size of pixels reaches the network.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cohort_selection.pixels.series import choose_series
from cohort_selection.pixels.volume import Grid, read_on_grid

PREPROCESSING = 1
"""Raised whenever ``model_volume`` may give other values for a series. Caches and cards name it."""

DEPTH = 32
"""Slices of the volume, from foot to head."""

FIELD_MM = (320.0, 384.0, 384.0)
"""What the volume spans about the series' middle: head, back, left."""

DARKEST, BRIGHTEST = -1000.0, 400.0
"""Hounsfield units that become 0 and 1: from air to soft tissue with contrast."""


def grid_of(size: int) -> Grid:
    """The grid of volumes of ``size`` rows and columns."""
    shape = (DEPTH, size, size)
    high, deep, wide = (field / count for field, count in zip(FIELD_MM, shape, strict=True))
    return Grid(shape, (high, deep, wide))


def model_volume(files: Sequence[Path], size: int) -> NDArray[np.float32]:
    """Read a case's CT files as a volume (DEPTH, size, size) in [0, 1].

    One series is chosen by the rule of ``choose_series``; what lies outside it is 0. Raises
    UnreadableImage where no series makes a volume, or the one that was chosen has gaps.
    """
    values = read_on_grid(choose_series(files), grid_of(size)).values
    return np.clip((values - DARKEST) / (BRIGHTEST - DARKEST), 0, 1, dtype=np.float32)
