"""Segmentations that highdicom wrote, of slices that lie in no order."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
import pytest

from cohort_selection.commons.lesions import with_lesions, write_segmentation
from cohort_selection.regions.grids import read_grids
from cohort_selection.regions.segmentation_objects import (
    AnnotationError,
    read_segmentation,
)
from tests.support import annotated_pictures

HEIGHTS = (4.0, 0.0, 6.0, 2.0)
"""Neither rising nor falling: the first file is the third slice."""


def blobs() -> np.ndarray:
    """A mask of its own in three of the four slices, by file."""
    masks = np.zeros((4, 12, 16), dtype=np.uint8)
    masks[0, 2:5, 3:9] = 1
    masks[1, 7, 1] = 1
    masks[3, 0:12, 15] = 1
    return masks


@pytest.mark.parametrize("kind", ["BINARY", "LABELMAP"])
def test_each_frame_finds_its_picture_whatever_the_order(tmp_path: Path, kind: str) -> None:
    files = annotated_pictures.slices(tmp_path, HEIGHTS)
    sources = [pydicom.dcmread(file) for file in files]
    path = annotated_pictures.segmentation(tmp_path / "seg", sources, blobs(), kind=kind)
    # highdicom stores the frames by place, and not in the order of the files.
    grids = {grid.source: grid for grid in read_grids(files)}
    found = {(each.source, each.frame): each.mask for each in read_segmentation(path, grids, "")}
    expected = {
        (str(source.SOPInstanceUID), 1): mask.astype(bool)
        for source, mask in zip(sources, blobs(), strict=True)
        if mask.any()
    }
    assert found.keys() == expected.keys()
    assert all((found[key] == expected[key]).all() for key in expected)


@pytest.mark.parametrize("kind", ["BINARY", "LABELMAP"])
def test_frames_without_a_source_are_found_by_their_place(tmp_path: Path, kind: str) -> None:
    files = annotated_pictures.slices(tmp_path, HEIGHTS)
    sources = [pydicom.dcmread(file) for file in files]
    path = annotated_pictures.segmentation(tmp_path / "seg", sources, blobs(), kind=kind)
    written = pydicom.dcmread(path)
    for frame in written.PerFrameFunctionalGroupsSequence:
        del frame.DerivationImageSequence
    written.save_as(path)
    grids = {grid.source: grid for grid in read_grids(files)}
    found = {each.source: int(each.mask.sum()) for each in read_segmentation(path, grids, "")}
    assert found == {"2.25.710": 18, "2.25.711": 1, "2.25.713": 12}


@pytest.mark.parametrize("kind", ["BINARY", "LABELMAP"])
def test_one_structure_of_several_is_read(tmp_path: Path, kind: str) -> None:
    files = annotated_pictures.slices(tmp_path, HEIGHTS)
    sources = [pydicom.dcmread(file) for file in files]
    both = np.stack([blobs(), np.roll(blobs(), 3, axis=1) * (1 - blobs())], axis=-1)
    path = annotated_pictures.segmentation(
        tmp_path / "seg", sources, both, ("Heart", "Nodule 2"), kind
    )
    grids = {grid.source: grid for grid in read_grids(files)}
    found = read_segmentation(path, grids, "nodule 2")
    assert {each.segment for each in found} == {2}
    assert sum(int(each.mask.sum()) for each in found) == int(both[..., 1].sum())
    assert read_segmentation(path, grids, "no such thing") == ()
    # Both are of the coded type; in three slices one of them has pixels, in two the other too.
    assert len(read_segmentation(path, grids, "Nodule")) == 5


def test_another_grid_than_the_picture_s_is_refused(tmp_path: Path) -> None:
    image = annotated_pictures.radiograph(tmp_path)
    path = write_segmentation(image, np.ones((6, 8), dtype=bool))
    grids = {grid.source: grid for grid in read_grids([image])}
    with pytest.raises(AnnotationError, match="6 x 8 pixels for a picture of 12 x 16"):
        read_segmentation(path, grids, "")


def test_shares_of_pixels_are_refused(tmp_path: Path) -> None:
    files = annotated_pictures.slices(tmp_path, HEIGHTS)
    sources = [pydicom.dcmread(file) for file in files]
    shares = blobs().astype(np.float32) / 2
    path = annotated_pictures.segmentation(tmp_path / "seg", sources, shares, kind="FRACTIONAL")
    grids = {grid.source: grid for grid in read_grids(files)}
    with pytest.raises(AnnotationError, match="fractional segmentation; give a binary one"):
        read_segmentation(path, grids, "")


def test_what_is_cut_off_is_refused_with_one_sentence(tmp_path: Path) -> None:
    image = annotated_pictures.radiograph(tmp_path)
    path = write_segmentation(image, np.ones((12, 16), dtype=bool))
    path.write_bytes(path.read_bytes()[:-10])
    grids = {grid.source: grid for grid in read_grids([image])}
    with pytest.raises(AnnotationError, match="cannot be read as a segmentation"):
        read_segmentation(path, grids, "")


def test_the_simulator_s_own_is_as_highdicom_reads_it(tmp_path: Path) -> None:
    from highdicom.seg import segread

    image = annotated_pictures.radiograph(tmp_path, (64, 64))
    _, mask = with_lesions(np.zeros((64, 64)), np.random.default_rng(1))
    path = write_segmentation(image, mask)
    uid = pydicom.dcmread(image).SOPInstanceUID
    theirs = segread(path).get_pixels_by_source_instance([uid])
    (ours,) = read_segmentation(path, {g.source: g for g in read_grids([image])}, "Opacity")
    assert mask.any()
    assert (theirs[0, :, :, 0] == mask).all()
    assert (ours.mask == mask).all()
