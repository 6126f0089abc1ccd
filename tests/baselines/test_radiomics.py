from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import ndimage

from baselines.networks import radiomics

SEED = 11


def _measure(image: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> list[float]:
    found: list[float] = radiomics.features(torch.from_numpy(image[np.newaxis, np.newaxis]))[
        0
    ].tolist()
    return found


def test_means_and_spreads_are_numpys() -> None:
    image = np.random.default_rng(SEED).random((64, 64))
    found = _measure(image)
    assert len(found) == radiomics.N_FEATURES
    assert found[0] == pytest.approx(image.mean())
    assert found[1] == pytest.approx(image.std(), abs=1e-5)
    labels = np.arange(64)[:, np.newaxis] // 16 * 4 + np.arange(64) // 16
    cells = np.arange(16)
    np.testing.assert_allclose(found[2:18], ndimage.mean(image, labels, cells))
    np.testing.assert_allclose(
        found[18:34], ndimage.standard_deviation(image, labels, cells), atol=1e-5
    )


def test_a_ramp_has_one_gradient_that_doubles_with_the_scale() -> None:
    # 0.01 a pixel to the right: at each halving of the image the step doubles.
    image = np.tile(np.arange(64) * 0.01, (64, 1))
    gradients = np.array(_measure(image)[34:50]).reshape(4, 4)
    np.testing.assert_allclose(gradients[:, 2], [0.01, 0.02, 0.04, 0.08])
    np.testing.assert_allclose(gradients[:, 3], 0.0, atol=1e-12)
    np.testing.assert_allclose(gradients[:, 0], gradients[:, 2], rtol=0.01)


def test_a_symmetric_image_has_no_asymmetry_and_a_mirror_swaps_the_sides() -> None:
    image = np.random.default_rng(SEED).random((48, 48))
    symmetric = _measure((image + image[:, ::-1]) / 2)
    np.testing.assert_allclose(symmetric[-2:], 0.0, atol=1e-12)
    plain, mirrored = _measure(image), _measure(image[:, ::-1].copy())
    assert plain[-2] == pytest.approx(mirrored[-2])
    assert plain[-1] == pytest.approx(-mirrored[-1])
    assert plain[-1] == pytest.approx(image[:, :24].mean() - image[:, 24:].mean())


def test_odd_sizes_and_flat_images_are_measured() -> None:
    assert all(np.isfinite(_measure(np.zeros((33, 33)))))
    assert all(np.isfinite(_measure(np.random.default_rng(SEED).random((97, 97)))))
