"""Borders of a mask, and the area of its surface.

The surface passes half way between a voxel inside and a neighbour outside. A piece of it lies
between each 2 x 2 x 2 voxels (2 x 2 pixels in the plane), and its area depends on which of them
are inside: a surface element (Lorensen & Cline 1987; Nikolov et al. 2021). Outside of the grid is
background.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import product

import numpy as np
from numpy.typing import NDArray

from metrics.arrays import Bools, Floats

Codes = NDArray[np.uint8]
_Point = tuple[float, ...]
_FLAT = 1e-9


def borders(mask: Bools) -> Bools:
    """Voxels of a mask with a neighbour outside, by 6 neighbours (4 in the plane, 2 on a line)."""
    inner = mask.copy()
    for axis in range(mask.ndim):
        before, after = _without_end(mask.ndim, axis, -1), _without_end(mask.ndim, axis, 1)
        inner[before] &= mask[after]
        inner[after] &= mask[before]
        inner[_at(mask.ndim, axis, 0)] = False
        inner[_at(mask.ndim, axis, -1)] = False
    return mask & ~inner


def elements(mask: Bools) -> Codes:
    """Which of the voxels around each corner of the grid are inside, (n + 1, ...) codes.

    A code has a bit for each of the 2^d voxels, the last axis the fastest: 0 outside, 2^d - 1
    inside, all others are surface elements.
    """
    codes: Codes = np.zeros([size + 1 for size in mask.shape], dtype=np.uint8)
    for bit, corner in enumerate(product((0, 1), repeat=mask.ndim)):
        # the corner's voxel lies before the point where its index is 0 and after it where it is 1
        place = tuple(
            slice(1 - side, 1 - side + size) for side, size in zip(corner, mask.shape, strict=True)
        )
        codes[place] |= mask.view(np.uint8) << np.uint8(bit)
    return codes


def is_surface(codes: Codes, axes: int) -> Bools:
    """Whether each code is that of a surface element."""
    return np.asarray((codes != 0) & (codes != 2 ** (2**axes) - 1))


def areas(spacing: Sequence[float]) -> Floats:
    """Area in mm2 (length in mm, or number of points) of the element of each code, (2^2^d,).

    ``spacing`` in mm, of one to three axes. Formula: the sum over the element's flat parts of the
    length of their vector area, unit vectors turned by the spacing: (s1 s2, s0 s2, s0 s1). The
    parts: every face of the cube gives the lines between the middles of its cut edges; lines join
    to loops; a bent loop falls into flat parts (``_flat_parts``). Where a face is ambiguous, the
    fewer corners are cut off from each other, so that a mask and its complement have one surface.
    Source: Lorensen & Cline 1987 (fifteen patterns); Nikolov et al. 2021 for the use.
    """
    if len(spacing) == 1:
        return np.array([0.0, 1.0, 1.0, 0.0])
    if len(spacing) == 2:
        return _lengths(spacing[0], spacing[1])
    a, b, c = spacing
    scale = np.array([b * c, a * c, a * b])
    return np.array(
        [sum(float(np.linalg.norm(part * scale)) for part in parts) for parts in _vector_areas()]
    )


def _lengths(first: float, second: float) -> Floats:
    """Length of the contour in each 2 x 2 code; two opposite corners are cut off singly."""
    diagonal = float(np.hypot(first, second)) / 2.0
    lengths = np.full(16, diagonal)
    lengths[[0, 15]] = 0.0
    lengths[[0b0011, 0b1100]] = second  # one row inside: the contour runs along the second axis
    lengths[[0b0101, 0b1010]] = first
    lengths[[0b0110, 0b1001]] = 2.0 * diagonal
    return lengths


@lru_cache(maxsize=1)
def _vector_areas() -> tuple[tuple[Floats, ...], ...]:
    return tuple(
        tuple(area for loop in _loops(code) for area in _flat_parts(loop)) for code in range(256)
    )


def _loops(code: int) -> list[list[_Point]]:
    """Loops of the surface in a cube, as the middles of the edges that they pass."""
    joined: dict[_Point, list[_Point]] = {}
    for start, end in _lines(code):
        joined.setdefault(start, []).append(end)
        joined.setdefault(end, []).append(start)
    loops = []
    while joined:
        loop = [next(iter(joined))]
        while loop[-1] in joined:
            nearby = joined.pop(loop[-1])
            onward = [point for point in nearby if point in joined]
            if not onward:
                break
            loop.append(onward[0])
        loops.append(loop)
    return loops


def _lines(code: int) -> list[tuple[_Point, _Point]]:
    """Lines of the surface on the six faces of a cube."""
    inside = {corner: bool(code >> bit & 1) for bit, corner in enumerate(product((0, 1), repeat=3))}
    apart = sum(inside.values()) <= 4  # corners inside are the fewer: cut them from each other
    lines = []
    for axis, side in product(range(3), (0, 1)):
        ring = [_on_face(axis, side, turn) for turn in ((0, 0), (0, 1), (1, 1), (1, 0))]
        middle = [_middle(ring[i], ring[(i + 1) % 4]) for i in range(4)]
        cut = [i for i in range(4) if inside[ring[i]] != inside[ring[(i + 1) % 4]]]
        if len(cut) == 2:
            lines.append((middle[cut[0]], middle[cut[1]]))
        elif len(cut) == 4:
            lines += [(middle[i - 1], middle[i]) for i in range(4) if inside[ring[i]] == apart]
    return lines


def _on_face(axis: int, side: int, turn: tuple[int, int]) -> tuple[int, int, int]:
    first, second = turn
    corner = [first, second]
    corner.insert(axis, side)
    return corner[0], corner[1], corner[2]


def _middle(a: tuple[int, ...], b: tuple[int, ...]) -> _Point:
    return tuple((x + y) / 2.0 for x, y in zip(a, b, strict=True))


def _flat_parts(loop: list[_Point]) -> list[Floats]:
    """Vector areas of the flat parts of a loop: the whole, a trapezium and a triangle, or four.

    Of a bent loop of six points: the triangle of every second point, and one on each side of it.
    """
    if _is_flat(loop):
        return [_vector_area(loop)]
    n = len(loop)
    turned = [loop[i:] + loop[:i] for i in range(n)]
    if n == 6:
        corners = [turned[i][:3] for i in (0, 2, 4)]
        return [_vector_area(part) for part in (loop[::2], *corners)]
    split = next(each for each in turned if _is_flat(each[:4]))
    return [_vector_area(split[:4]), _vector_area([split[3], split[4], split[0]])]


def _is_flat(loop: list[_Point]) -> bool:
    points = np.array(loop)
    return bool(np.linalg.matrix_rank(points - points[0], tol=_FLAT) <= 2)


def _vector_area(loop: list[_Point]) -> Floats:
    points = np.array(loop)
    return np.asarray(np.cross(points, np.roll(points, -1, axis=0)).sum(axis=0) / 2.0)


def _without_end(axes: int, axis: int, end: int) -> tuple[slice, ...]:
    """All but the last (-1) or the first (1) place of an axis."""
    part = slice(None, -1) if end < 0 else slice(1, None)
    return tuple(part if each == axis else slice(None) for each in range(axes))


def _at(axes: int, axis: int, place: int) -> tuple[slice | int, ...]:
    return tuple(place if each == axis else slice(None) for each in range(axes))
