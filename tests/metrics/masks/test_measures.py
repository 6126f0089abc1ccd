"""Measures of a pair of masks: published values, boxes by hand, laws and invariances."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from metrics.arrays import Bools
from metrics.masks.measures import PairMeasures, State, measure_pair

NAMES = {"dice": "dice", "iou": "iou", "hd": "hd", "hd95": "hd95_larger_of_two"}
NAMES |= {"assd": "assd", "masd": "masd"}


def drawn(shape: list[int], parts: list[Any], spacing: list[float]) -> Bools:
    """Boxes by index ranges, half open, and balls by a centre in voxels and a radius in mm."""
    mask = np.zeros(shape, dtype=bool)
    for part in parts:
        if "box" in part:
            mask[tuple(slice(low, high) for low, high in zip(*part["box"], strict=True))] = True
        else:
            off = [
                (index - centre) * size
                for index, centre, size in zip(
                    np.indices(shape), part["ball_centre"], spacing, strict=True
                )
            ]
            mask |= sum(each**2 for each in off) <= part["ball_radius_mm"] ** 2
    return mask


def test_measures_are_those_of_the_published_definitions(refvals: Path) -> None:
    cases = json.loads((refvals / "tasks" / "masks.json").read_text())["cases"]
    assert len(cases) == 11
    for name, case in cases.items():
        spacing = case["spacing_mm"]
        a, b = (drawn(case["shape"], case[side], spacing) for side in ("reference", "prediction"))
        found = measure_pair(a, b, spacing, (1.0,))
        expected = cases["disc_2d" if name == "disc_one_slice" else name]["values"]
        for ours, theirs in NAMES.items():
            assert getattr(found, ours) == pytest.approx(expected[theirs], abs=1e-9), (name, ours)
        assert found.nsd == pytest.approx((expected["nsd_1mm_by_area"],), abs=1e-9), name


def box(
    low: tuple[int, ...], high: tuple[int, ...], shape: tuple[int, ...] = (12, 20, 20)
) -> Bools:
    mask = np.zeros(shape, dtype=bool)
    mask[tuple(slice(a, b) for a, b in zip(low, high, strict=True))] = True
    return mask


def test_a_box_moved_along_one_axis_is_measured_by_hand() -> None:
    reference, prediction = box((2, 3, 3), (6, 9, 9)), box((3, 3, 3), (7, 9, 9))
    found = measure_pair(reference, prediction, (5.0, 1.0, 1.0), (0.5, 5.0))
    assert found.state is State.BOTH
    assert (found.reference_size, found.prediction_size) == (4 * 36 * 5.0, 4 * 36 * 5.0)
    assert found.dice == pytest.approx(3 / 4)
    assert found.iou == pytest.approx(3 / 5)
    # the slice that is left over is 5 mm from the other box at its inner 4 x 4, and at its rim too
    assert (found.hd, found.hd95) == (5.0, 5.0)
    assert found.nsd[1] == 1.0
    assert 0.0 < (found.nsd[0] or 0.0) < 1.0


def test_hd95_is_the_larger_of_two_percentiles_with_straight_lines_between_ranks() -> None:
    reference = box((0, 0), (1, 10), (40, 40))
    prediction = reference.copy()
    prediction[30, 0] = True  # one of eleven: rank 0.95 x 10 = 9.5 lies half way to its 30 mm
    found = measure_pair(reference, prediction, (1.0, 1.0))
    assert found.hd == 30.0
    assert found.hd95 == pytest.approx(15.0)
    assert found.assd == pytest.approx(30.0 / 21)
    assert found.masd == pytest.approx(30.0 / 11 / 2)


@pytest.fixture(scope="module")
def blobs() -> tuple[Bools, Bools]:
    from scipy.ndimage import gaussian_filter

    random = np.random.default_rng(11)
    fields = [gaussian_filter(random.standard_normal((14, 22, 18)), 2.0) for _ in range(3)]
    shared = fields[0]
    first, second = (shared + 0.7 * own > 0.06 for own in fields[1:])
    return first, second


TOLERANCES = (0.0, 1.0, 2.6)


def as_numbers(found: PairMeasures) -> list[float]:
    values = [found.dice, found.iou, *found.nsd, found.hd, found.hd95, found.assd, found.masd]
    assert None not in values
    return [value for value in values if value is not None]


def test_measures_keep_their_laws(blobs: tuple[Bools, Bools]) -> None:
    spacing = (2.5, 0.8, 1.1)
    a, b = blobs
    plain = measure_pair(a, b, spacing, TOLERANCES)
    assert plain.dice == pytest.approx(2 * (plain.iou or 0) / (1 + (plain.iou or 0)), rel=1e-12)
    assert plain.hd is not None
    assert plain.hd95 is not None
    assert plain.nsd[0] is not None
    assert plain.hd >= plain.hd95 >= 0.0
    assert sorted(each or 0.0 for each in plain.nsd) == list(plain.nsd)
    # the roles of both masks
    assert as_numbers(measure_pair(b, a, spacing, TOLERANCES)) == pytest.approx(as_numbers(plain))
    # a mask against itself
    same = measure_pair(a, a, spacing, TOLERANCES)
    assert as_numbers(same) == [1.0, 1.0, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0]
    # order and direction of the axes
    for order in itertools.permutations(range(3)):
        c, d = (np.flip(mask.transpose(order), 1) for mask in blobs)
        found = measure_pair(c, d, [spacing[axis] for axis in order], TOLERANCES)
        assert as_numbers(found) == pytest.approx(as_numbers(plain), rel=1e-12)
    # a shift, and room around both masks: not a bit changes
    c, d = (np.pad(mask, ((3, 0), (1, 7), (0, 2))) for mask in blobs)
    assert as_numbers(measure_pair(c, d, spacing, TOLERANCES)) == as_numbers(plain)
    # twice the spacing: distances double, shares stay at twice the tolerance
    doubled = measure_pair(
        a, b, [2 * size for size in spacing], [2 * tolerance for tolerance in TOLERANCES]
    )
    assert doubled.nsd == pytest.approx(plain.nsd)
    assert doubled.hd95 == pytest.approx(2 * plain.hd95)
    assert doubled.reference_size == pytest.approx(8 * plain.reference_size)


def test_an_axis_of_length_one_is_left_out(blobs: tuple[Bools, Bools]) -> None:
    a, b = (mask[7] for mask in blobs)
    flat = measure_pair(a, b, (0.8, 1.1), TOLERANCES)
    for axis in range(3):
        shape = [*a.shape]
        shape.insert(axis, 1)
        spacing = [0.8, 1.1]
        spacing.insert(axis, 4.0)
        slab = measure_pair(a.reshape(shape), b.reshape(shape), spacing, TOLERANCES)
        assert as_numbers(slab) == as_numbers(flat)


@pytest.mark.parametrize(
    ("reference", "prediction", "state"),
    [(0, 0, State.BOTH_EMPTY), (0, 1, State.FALSE), (1, 0, State.MISSED)],
)
def test_empty_masks_have_no_distance_and_say_which_is_empty(
    reference: int, prediction: int, state: State
) -> None:
    a, b = (np.full((3, 4, 5), filled, dtype=np.uint8) for filled in (reference, prediction))
    found = measure_pair(a, b, (1.0, 1.0, 2.0), (1.0,))
    assert found.state is state
    assert (found.hd, found.hd95, found.assd, found.masd) == (None,) * 4
    expected = None if state is State.BOTH_EMPTY else 0.0
    assert (found.dice, found.iou, found.nsd) == (expected, expected, (expected,))
    assert (found.reference_size, found.prediction_size) == (120 * reference, 120 * prediction)


@pytest.mark.parametrize(
    ("shape", "other", "spacing", "value", "words"),
    [
        ((3, 4), (4, 3), (1, 1), 1, r"one shape; got \(3, 4\) and \(4, 3\)"),
        ((3, 4), (3, 4), (1, 1, 1), 1, "2 axes needs as many spacings; got 3"),
        ((3, 4), (3, 4), (1, 0), 1, "above 0 mm"),
        ((3, 4), (3, 4), (1, float("nan")), 1, "above 0 mm"),
        ((3, 4), (3, 4), (1, 1), 2, "reference mask must hold 0 and 1 alone"),
        ((2, 2, 2, 2), (2, 2, 2, 2), (1, 1, 1, 1), 1, "one to three axes"),
        ((0, 4), (0, 4), (1, 1), 1, "no voxel"),
    ],
)
def test_masks_that_do_not_fit_are_refused_in_one_sentence(
    shape: tuple[int, ...],
    other: tuple[int, ...],
    spacing: tuple[float, ...],
    value: int,
    words: str,
) -> None:
    with pytest.raises(ValueError, match=words):
        measure_pair(np.full(shape, value), np.ones(other, dtype=int), spacing)
    with pytest.raises(ValueError, match="tolerance must be 0 mm or more; got -1"):
        measure_pair(np.ones((2, 2), bool), np.ones((2, 2), bool), (1, 1), (-1.0,))
