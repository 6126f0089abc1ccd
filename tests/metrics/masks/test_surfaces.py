"""Areas of surface elements: boxes by hand, symmetries, the published table's own values."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from numpy.typing import NDArray

from metrics.arrays import Bools
from metrics.masks import surfaces

SPACING = (5.0, 1.3, 0.7)


def whole_area(mask: Bools, spacing: tuple[float, ...]) -> float:
    codes = surfaces.elements(mask)
    return float(surfaces.areas(spacing)[codes[surfaces.is_surface(codes, mask.ndim)]].sum())


def test_the_area_of_a_box_is_that_of_its_faces_edges_and_corners() -> None:
    a, b, c = SPACING
    i, j, k = 3, 4, 6  # the surface runs between voxels, so that faces are one voxel shorter
    faces = 2.0 * (
        (j - 1) * b * (k - 1) * c + (i - 1) * a * (k - 1) * c + (i - 1) * a * (j - 1) * b
    )
    edges = 4.0 * (
        (i - 1) * a * math.hypot(b, c) / 2.0
        + (j - 1) * b * math.hypot(a, c) / 2.0
        + (k - 1) * c * math.hypot(a, b) / 2.0
    )
    corner = math.sqrt((b * c) ** 2 + (a * c) ** 2 + (a * b) ** 2) / 8.0
    assert whole_area(np.ones((i, j, k), bool), SPACING) == pytest.approx(
        faces + edges + 8.0 * corner, rel=1e-12
    )


def test_the_contour_of_a_rectangle_is_that_of_its_sides_and_corners() -> None:
    inside = np.ones((3, 5), bool)
    by_hand = 2.0 * 2 * 1.3 + 2.0 * 4 * 0.7 + 4.0 * math.hypot(1.3, 0.7) / 2.0
    assert whole_area(inside, (1.3, 0.7)) == pytest.approx(by_hand, rel=1e-12)
    assert whole_area(np.ones(7, bool), (2.0,)) == 2.0  # a line ends at two points


@pytest.mark.parametrize(
    ("inside", "area"),
    [
        ([(0, 0, 0)], math.sqrt(3) / 8),
        ([(0, 0, 0), (0, 0, 1)], math.sqrt(0.5)),
        ([(0, 0, 0), (0, 1, 1)], math.sqrt(3) / 4),
        ([(0, 0, 0), (1, 1, 1)], math.sqrt(3) / 4),
        ([(0, 0, 0), (0, 0, 1), (0, 1, 0)], 0.5 + 0.75 * math.sqrt(0.75)),
        ([(0, 0, 0), (0, 0, 1), (0, 1, 0), (0, 1, 1)], 1.0),
        ([(0, 0, 0), (0, 0, 1), (0, 1, 0), (1, 0, 0)], 0.75 * math.sqrt(3)),
        # bent: triangles (3/8)(1, 1, 1), (1/8)(1, 1, 1) and two of 1/4 along two axes
        ([(0, 0, 0), (0, 0, 1), (0, 1, 1), (1, 0, 0)], math.sqrt(3) / 2 + math.sqrt(0.5)),
        ([(0, 0, 0), (0, 1, 1), (1, 0, 1), (1, 1, 0)], math.sqrt(3) / 2),
    ],
)
def test_the_patterns_of_marching_cubes_have_the_areas_of_their_triangles(
    inside: list[tuple[int, int, int]], area: float
) -> None:
    cube = np.zeros((2, 2, 2), bool)
    for corner in inside:
        cube[corner] = True
    code = surfaces.elements(cube)[1, 1, 1]
    assert surfaces.areas((1.0, 1.0, 1.0))[code] == pytest.approx(area, rel=1e-12)


def turned(mask: NDArray[np.bool_], order: tuple[int, ...], flips: tuple[int, ...]) -> Bools:
    return np.ascontiguousarray(np.flip(mask.transpose(order), flips))


def test_areas_do_not_depend_on_the_order_or_direction_of_the_axes() -> None:
    areas = surfaces.areas(SPACING)
    cubes = [
        np.array([bool(code >> bit & 1) for bit in range(8)]).reshape(2, 2, 2)
        for code in range(256)
    ]
    for order in itertools.permutations(range(3)):
        of_order = surfaces.areas([SPACING[axis] for axis in order])
        for flips in ((), (0,), (1,), (0, 1, 2)):
            codes = [surfaces.elements(turned(cube, order, flips))[1, 1, 1] for cube in cubes]
            assert of_order[codes] == pytest.approx(areas, rel=1e-12)
            if order == (0, 1, 2) and not flips:
                assert codes == list(range(256))
    assert areas == pytest.approx(areas[::-1], rel=1e-12)  # a mask and its complement
    assert (areas[1:255] > 0.0).all()
    assert areas[0] == areas[255] == 0.0


def test_borders_are_what_an_erosion_takes_away() -> None:
    from scipy.ndimage import binary_erosion

    random = np.random.default_rng(3)
    for shape in ((9,), (8, 11), (6, 7, 9)):
        mask = random.random(shape) < 0.7
        assert (surfaces.borders(mask) == (mask & ~binary_erosion(mask))).all()
