"""The mean over an area: by hand, by laws of means, and as a running sum gives it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from cohort_selection.pixels.area import area_mean


def test_area_average_by_hand() -> None:
    # Three pixels to two: each new one covers one and a half old ones.
    image = np.array([[0.0, 3.0, 9.0]])
    np.testing.assert_allclose(area_mean(image, 1, 2), [[1.0, 7.0]], rtol=0, atol=1e-12)


def test_halving_averages_two_by_two_blocks() -> None:
    image = np.array([[1.0, 3.0, 5.0, 7.0], [1.0, 3.0, 5.0, 7.0]])
    np.testing.assert_array_equal(area_mean(image, 1, 2), [[2.0, 6.0]])


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 50), st.integers(1, 50))
def test_resizing_keeps_the_mean_and_the_range(
    rows: int, columns: int, high: int, wide: int
) -> None:
    image = np.random.default_rng(rows * 41 + columns).random((rows, columns))
    resized = area_mean(image, high, wide)
    assert resized.shape == (high, wide)
    assert resized.mean() == pytest.approx(image.mean(), abs=1e-9)
    assert resized.min() >= image.min() - 1e-9
    assert resized.max() <= image.max() + 1e-9


def by_running_sum(image: NDArray[np.float64], rows: int) -> NDArray[np.float64]:
    """Differences of the integral, read linearly between the edges of pixels."""
    height = len(image)
    integral = np.vstack([np.zeros((1, image.shape[1])), np.cumsum(image, axis=0)])
    edges = np.linspace(0, height, rows + 1)
    at = [np.interp(edges, np.arange(height + 1), column) for column in integral.T]
    return np.diff(np.array(at).T, axis=0) * rows / height


@pytest.mark.parametrize("kind", [np.uint8, np.int16, np.uint16, np.float64])
@pytest.mark.parametrize("size", [(37, 12), (37, 50), (20, 90), (41, 100)])
def test_every_kind_of_number_and_ratio_agrees_with_the_integral(
    kind: type, size: tuple[int, int]
) -> None:
    drawn = np.random.default_rng(3).integers(0, 250, (40, 100))
    image: NDArray[np.generic] = drawn.astype(kind)
    wanted = by_running_sum(by_running_sum(drawn.astype(float), size[0]).T, size[1]).T
    np.testing.assert_allclose(area_mean(image, *size), wanted, rtol=0, atol=1e-9)


def test_an_earlier_result_is_not_written_over() -> None:
    """Memory is used again inside; what was given away is not."""
    first = area_mean(np.full((30, 30), 7.0), 9, 30)
    area_mean(np.zeros((30, 30)), 9, 30)
    np.testing.assert_allclose(first, 7)
