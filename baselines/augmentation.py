"""Varies position, side, contrast and noise as acquisition does, a whole batch at a time.

The work is done on the device that trains, the draws are made before: an image's draws
(``baselines.data.draws``) decide on all that happens to it, in whatever batch it stands.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

MOVED, ROTATE, SHIFT, SCALE = 0, 1, slice(2, 5), slice(5, 7)
FLIPPED, CURVED, GAMMA, NOISY, STRENGTH, STREAM = range(7, 13)
"""Which of an image's 13 numbers decides on what."""

P_MOVED, P_FLIPPED, P_CURVED, P_NOISY = 0.9, 0.5, 0.5, 0.3
MOST_ROTATED = 0.12
"""Radians, to either side; in the plane of a volume's slices."""

MOST_SHIFTED, MOST_SCALED = 0.06, 0.1
"""Shares of the side."""

GAMMA_RANGE = (0.75, 1.35)
MOST_NOISE = 0.03
"""Largest standard deviation, where 1 is the whole range of intensities."""


def augment(images: Tensor, draws: NDArray[np.float64]) -> Tensor:
    """Vary images (n, 1, *shape) in [0, 1] of 2 or 3 dimensions by ``draws`` (n, 13).

    Intensities stay near [0, 1]; what comes from outside the image is 0.
    """
    theta = torch.from_numpy(_placements(draws, images.ndim - 2)).to(images.device)
    grid = functional.affine_grid(theta, list(images.shape), align_corners=False)
    moved = functional.grid_sample(images, grid, padding_mode="zeros", align_corners=False)
    return _noisy(_curved(moved, draws), draws)


def _placements(draws: NDArray[np.float64], n_axes: int) -> NDArray[np.float32]:
    """Affine maps (n, n_axes, n_axes + 1) from where a pixel is to where it is taken from."""
    moved = draws[:, MOVED] < P_MOVED
    angle = np.where(moved, (2 * draws[:, ROTATE] - 1) * MOST_ROTATED, 0.0)
    scale = np.where(moved[:, None], 1 + (2 * draws[:, SCALE] - 1) * MOST_SCALED, 1.0)
    shift = np.where(moved[:, None], (2 * draws[:, SHIFT] - 1) * 2 * MOST_SHIFTED, 0.0)
    side = np.where(draws[:, FLIPPED] < P_FLIPPED, -1.0, 1.0)
    theta = np.zeros((len(draws), n_axes, n_axes + 1))
    theta[:, 0, 0] = side * scale[:, 0] * np.cos(angle)
    theta[:, 0, 1] = -side * scale[:, 0] * np.sin(angle)
    theta[:, 1, 0] = scale[:, 1] * np.sin(angle)
    theta[:, 1, 1] = scale[:, 1] * np.cos(angle)
    if n_axes == 3:
        theta[:, 2, 2] = 1.0
    theta[:, :, -1] = shift[:, :n_axes]
    return theta.astype(np.float32)


def _curved(images: Tensor, draws: NDArray[np.float64]) -> Tensor:
    """Raise intensities, between an image's least and greatest, to a power."""
    least, greatest = GAMMA_RANGE
    exponent = np.where(
        draws[:, CURVED] < P_CURVED, least + draws[:, GAMMA] * (greatest - least), 1.0
    )
    flat = images.flatten(1)
    low = _each(flat.amin(1), images)
    span = _each(flat.amax(1), images) - low
    power = _each(torch.from_numpy(exponent.astype(np.float32)).to(images.device), images)
    return ((images - low) / (span + 1e-7)).clamp_(0, 1).pow_(power) * span + low


def _noisy(images: Tensor, draws: NDArray[np.float64]) -> Tensor:
    """Add normal noise to some images; each has a stream of its own."""
    source = torch.Generator(images.device)
    for number in np.flatnonzero(draws[:, NOISY] < P_NOISY).tolist():
        strength = float(draws[number, STRENGTH])
        source.manual_seed(int(draws[number, STREAM] * 2**32))
        noise = torch.empty_like(images[number]).normal_(generator=source)
        images[number].add_(noise, alpha=strength * MOST_NOISE)
    return images


def _each(values: Tensor, images: Tensor) -> Tensor:
    return values.reshape(-1, *(1,) * (images.ndim - 1))
