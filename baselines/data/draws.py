"""Random draws that belong to (seed, epoch, image) and to nothing else.

Neither the number of processes that read, nor a training that goes on after a kill, nor the number
of processors changes what an image gets: no stream is shared, so that no order counts.
"""

from __future__ import annotations

from zlib import crc32

import numpy as np
from numpy.typing import NDArray

N_DRAWS = 13
"""Uniform numbers an image gets; ``baselines.augmentation`` says what for."""


def generator(seed: int, *key: str | int) -> np.random.Generator:
    """Give the random stream of one purpose: another purpose never shifts it."""
    parts = (part if isinstance(part, int) else crc32(part.encode()) for part in key)
    return np.random.default_rng([seed, *parts])


def drawn(seed: int, epoch: int, images: NDArray[np.int64]) -> NDArray[np.float64]:
    """Give each image its numbers in [0, 1), shape (k, 13)."""
    if not len(images):
        return np.empty((0, N_DRAWS))
    return np.stack(
        [generator(seed, "image", epoch, image).random(N_DRAWS) for image in images.tolist()]
    )


def order(
    seed: int, epoch: int, n_images: int, positive: NDArray[np.bool_] | None = None
) -> NDArray[np.int64]:
    """Shuffle the images of one epoch, shape (n_images,).

    Where ``positive`` (n_images,) is given, half of what is drawn is positive: each class is gone
    through in a shuffled order, again and again where it is the smaller one.
    """
    random = generator(seed, "order", epoch)
    if positive is None:
        return random.permutation(n_images)
    sides = []
    for members, count in (
        (np.flatnonzero(positive), n_images // 2),
        (np.flatnonzero(~positive), n_images - n_images // 2),
    ):
        rounds = -(-count // max(1, len(members)))
        shuffled = [random.permutation(members) for _ in range(rounds)]
        sides.append(np.concatenate(shuffled)[:count])
    return random.permutation(np.concatenate(sides))


def step_seed(seed: int, epoch: int, step: int, process: int) -> int:
    """Give the seed of what a network itself draws in one step (dropout)."""
    return int(generator(seed, "step", epoch, step, process).integers(2**62))
