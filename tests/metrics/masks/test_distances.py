"""Distances between point sets against scipy's distance transform, whatever the grid."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import distance_transform_edt

from metrics.masks import distances


@pytest.mark.parametrize("shape", [(40,), (23, 31), (7, 12, 9), (1, 13, 17), (12, 1, 5)])
@pytest.mark.parametrize("share", [0.004, 0.05, 0.6])
def test_distances_are_those_of_the_distance_transform(
    shape: tuple[int, ...], share: float
) -> None:
    random = np.random.default_rng(len(shape))
    spacing = (3.1, 0.7, 1.3)[: len(shape)]
    for _ in range(8):
        a, b = random.random(shape) < share, random.random(shape) < share
        a.flat[random.integers(a.size)] = b.flat[random.integers(b.size)] = True
        to_b, to_a = distances.both_ways(a, b, spacing)
        assert to_b == pytest.approx(distance_transform_edt(~b, sampling=spacing)[a], abs=1e-12)
        assert to_a == pytest.approx(distance_transform_edt(~a, sampling=spacing)[b], abs=1e-12)


def test_distances_within_a_limit_are_exact_and_others_are_beyond_it() -> None:
    random = np.random.default_rng(8)
    a, b = random.random((9, 30, 30)) < 0.01, random.random((9, 30, 30)) < 0.01
    whole, _ = distances.both_ways(a, b, (2.0, 1.0, 1.0))
    near, _ = distances.both_ways(a, b, (2.0, 1.0, 1.0), within=3.0)
    assert (near[whole <= 3.0] == whole[whole <= 3.0]).all()
    assert (near[whole > 3.0] > 3.0).all()
    assert 0 < np.count_nonzero(whole <= 3.0) < whole.size
