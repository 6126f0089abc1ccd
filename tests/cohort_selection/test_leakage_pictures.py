"""Copies of a picture are found whatever was done to them; other patients' pictures are not."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from cohort_selection.leakage import LeakError, check
from cohort_selection.near_duplicates import (
    BITS,
    CLOSE,
    close_pairs,
    near_duplicates,
    perceptual_hash,
)
from cohort_selection.pixels import read_grey
from tests.cohort_selection.test_leakage import case


def grey(path: Path) -> NDArray[np.float64]:
    with Image.open(path) as image:
        return np.asarray(image.convert("L"), dtype=np.float64)


def bits_apart(a: NDArray[np.float64], b: NDArray[np.float64]) -> int:
    found = close_pairs(perceptual_hash(a)[None, :], perceptual_hash(b)[None, :], BITS)
    return found[0][2]


@pytest.mark.realdata
def test_real_radiographs_of_different_patients_are_apart_and_their_copies_are_not(
    shared_data: Path,
) -> None:
    folder = shared_data / "images" / "nih_cxr"
    with (folder / "metadata.csv").open() as stream:
        rows = list(csv.DictReader(stream))[:60]
    pictures = [grey(folder / row["file"]) for row in rows]
    hashes = np.array([perceptual_hash(picture) for picture in pictures])
    assert [p for p in close_pairs(hashes, hashes, CLOSE) if p[0] != p[1]] == []
    for picture in pictures[:10]:
        image = Image.fromarray(picture.astype(np.uint8))
        smaller = np.asarray(image.resize((300, 280)), dtype=np.float64)
        stream_of_bytes = io.BytesIO()
        image.save(stream_of_bytes, "JPEG", quality=40)
        assert bits_apart(picture, smaller) <= CLOSE
        assert bits_apart(picture, grey_of(stream_of_bytes)) <= CLOSE
        assert bits_apart(picture, 255.0 - picture) <= CLOSE
        assert bits_apart(picture, picture[:, ::-1]) > CLOSE


def grey_of(stream: io.BytesIO) -> NDArray[np.float64]:
    with Image.open(stream) as image:
        return np.asarray(image, dtype=np.float64)


def test_pairs_are_those_of_plain_counting() -> None:
    rng = np.random.default_rng(0)
    left = rng.integers(0, 2**63, (30, 4)).astype(np.uint64)
    right = left[rng.integers(0, 30, 50)] ^ (np.uint64(1) << rng.integers(0, 60, (50, 4)).astype(
        np.uint64
    ))  # fmt: skip
    expected = {
        (i, j, bin(int.from_bytes((left[i] ^ right[j]).tobytes(), "little")).count("1"))
        for i in range(30)
        for j in range(50)
    }
    assert set(close_pairs(left, right, 10)) == {p for p in expected if p[2] <= 10}
    assert len(close_pairs(left, right, 10)) >= 50


@pytest.mark.realdata
def test_the_same_slice_in_five_encodings_is_one_picture(shared_data: Path) -> None:
    """The JPEG 2000 lossy chest radiograph and its uncompressed source too."""
    folder = shared_data / "dicom"
    slices = sorted(folder.glob("ct_chest_*.dcm"))
    assert len(slices) == 5
    pairs = near_duplicates(slices[:1], slices[1:], read_grey)
    assert [pair.bits for pair in pairs] == [0, 0, 0, 0]
    plain, lossy = folder / "cr_chest_rg1_explicit_le.dcm", folder / "cr_chest_rg1_j2k_lossy.dcm"
    assert near_duplicates([plain], [lossy])[0].bits <= 4
    assert near_duplicates([plain], slices) == []


def test_a_check_that_looks_finds_a_picture_that_differs_in_one_grey_value(
    tmp_path: Path,
) -> None:
    opened, hidden = [case("a", "p1", tmp_path, 10)], [case("b", "p2", tmp_path, 11)]
    check(opened, hidden)
    with pytest.raises(LeakError, match=r"look like one in the open part \(a\.dcm and b\.dcm"):
        check(opened, hidden, look=True)
