"""Grids and stacks of pictures: order by place, distances from the header."""

from __future__ import annotations

from pathlib import Path

import pytest

from cohort_selection.regions.grids import GridError, read_grids
from cohort_selection.regions.stacks import stack_of
from tests.support import annotated_pictures


def test_slices_stand_where_they_lie(tmp_path: Path) -> None:
    stack = stack_of(read_grids(annotated_pictures.slices(tmp_path, (4.0, 0.0, 6.0, 2.0))))
    assert stack.shape == (4, 12, 16)
    assert stack.spacing_mm == pytest.approx((2.0, 0.8, 0.5))
    places = {int(uid[-1]): place for (uid, _), place in stack.places.items()}
    assert places == {0: 2, 1: 0, 2: 3, 3: 1}  # file -> slice from below


def test_a_radiograph_is_a_plane_of_its_detector_s_distances(tmp_path: Path) -> None:
    stack = stack_of(read_grids([annotated_pictures.radiograph(tmp_path)]))
    assert stack.shape == (12, 16)
    assert stack.spacing_mm == (0.2, 0.1)


@pytest.mark.parametrize("heights", [(0.0, 2.0, 2.0), (0.0, 2.0, 5.0, 7.0)])
def test_gaps_and_doubles_are_no_volume(tmp_path: Path, heights: tuple[float, ...]) -> None:
    with pytest.raises(GridError, match="in the same place, or unevenly spaced"):
        stack_of(read_grids(annotated_pictures.slices(tmp_path, heights)))


def both(folder: Path, heights: tuple[float, ...], more: tuple[float, ...]) -> list[Path]:
    """Slices at these heights, and ``more`` of another size."""
    one, other = folder / "one", folder / "other"
    one.mkdir()
    other.mkdir()
    return annotated_pictures.slices(one, heights) + annotated_pictures.slices(other, more, (6, 6))


def test_two_pictures_of_unlike_sizes_are_no_volume(tmp_path: Path) -> None:
    with pytest.raises(GridError, match="2 pictures, and no series of parallel slices"):
        stack_of(read_grids(both(tmp_path, (0.0,), (2.0,))))


def test_what_most_slices_are_unlike_is_left_out(tmp_path: Path) -> None:
    stack = stack_of(read_grids(both(tmp_path, (0.0, 2.0, 4.0), (2.0,))))
    assert stack.shape == (3, 12, 16)


def test_what_says_no_distance_cannot_be_measured(tmp_path: Path) -> None:
    import pydicom

    path = annotated_pictures.radiograph(tmp_path)
    image = pydicom.dcmread(path)
    del image.ImagerPixelSpacing
    image.save_as(path)
    with pytest.raises(GridError, match="does not say how far its pixels are apart"):
        stack_of(read_grids([path]))
