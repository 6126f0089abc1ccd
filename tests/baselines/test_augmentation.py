"""Whole batches varied at once; what an image gets follows from its own draws."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy import ndimage

from baselines.augmentation import (
    CURVED,
    FLIPPED,
    GAMMA,
    GAMMA_RANGE,
    MOST_NOISE,
    MOVED,
    NOISY,
    SHIFT,
    STREAM,
    STRENGTH,
    augment,
)
from baselines.data.draws import N_DRAWS, drawn

STILL = 0.95  # above every probability: nothing happens


def _draws(n: int = 1, **given: float) -> NDArray[np.float64]:
    draws = np.full((n, N_DRAWS), STILL)
    for name, value in given.items():
        draws[:, {"flipped": FLIPPED, "curved": CURVED, "gamma": GAMMA}[name]] = value
    return draws


def _images(n: int = 1, *shape: int) -> torch.Tensor:
    return torch.rand((n, 1, *shape), generator=torch.Generator().manual_seed(4))


@pytest.mark.parametrize("shape", [(24, 32), (5, 24, 32)])
def test_without_a_draw_nothing_changes(shape: tuple[int, ...]) -> None:
    images = _images(2, *shape)
    torch.testing.assert_close(augment(images.clone(), _draws(2)), images, atol=1e-5, rtol=0)


@pytest.mark.parametrize("shape", [(24, 32), (5, 24, 32)])
def test_a_flip_changes_left_and_right_alone(shape: tuple[int, ...]) -> None:
    images = _images(1, *shape)
    torch.testing.assert_close(
        augment(images.clone(), _draws(flipped=0.0)), images.flip(-1), atol=1e-5, rtol=0
    )


def test_the_power_is_taken_between_an_images_own_limits() -> None:
    images = 0.2 + 0.5 * _images(1, 16, 16)
    low, high = float(images.min()), float(images.max())
    exponent = GAMMA_RANGE[0] + 0.25 * (GAMMA_RANGE[1] - GAMMA_RANGE[0])
    expected = ((images - low) / (high - low)) ** exponent * (high - low) + low
    found = augment(images.clone(), _draws(curved=0.0, gamma=0.25))
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=0)


def test_a_shift_is_scipys() -> None:
    image = _images(1, 50, 50)
    draws = _draws()
    draws[:, MOVED] = 0.0
    draws[:, 1] = draws[:, 5] = draws[:, 6] = 0.5  # neither turned nor scaled
    draws[:, SHIFT] = [[5 / 6, 0.5, 0.5]]  # two thirds of the largest shift, 2 of 50 pixels
    expected = ndimage.shift(image[0, 0].numpy(), (0, -2), order=1)
    np.testing.assert_allclose(augment(image.clone(), draws)[0, 0], expected, atol=1e-4)


def test_noise_has_the_drawn_strength_and_a_stream_an_image() -> None:
    draws = _draws(2)
    draws[:, NOISY] = 0.0
    draws[:, STRENGTH] = [0.5, 0.25]
    draws[:, STREAM] = [0.1, 0.2]
    found = augment(torch.full((2, 1, 200, 200), 0.5), draws)
    for image, share in zip(found, (0.5, 0.25), strict=True):
        assert float(image.std()) == pytest.approx(share * MOST_NOISE, rel=0.05)
    assert abs(float(np.corrcoef(found[0].flatten(), found[1].flatten())[0, 1])) < 0.02


def test_an_image_gets_the_same_in_every_batch() -> None:
    images = _images(6, 32, 32)
    numbers = np.arange(6)
    whole = augment(images.clone(), drawn(3, 2, numbers))
    for part in (numbers[::2], numbers[1::2][::-1]):
        found = augment(images[part.copy()].clone(), drawn(3, 2, part))
        assert torch.equal(found, whole[part.copy()])
    other = augment(images.clone(), drawn(3, 3, numbers))
    assert not torch.equal(other, whole)
