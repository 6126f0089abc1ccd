"""Copies of a picture are found whatever was done to them; other patients' pictures are not."""

from __future__ import annotations

import csv
import io
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray
from PIL import Image
from pydicom.config import disable_value_validation
from pydicom.uid import ExplicitVRBigEndian

from cohort_selection.cases import Case
from cohort_selection.leakage.duplicates import LeakError, check
from cohort_selection.leakage.fingerprints import fingerprints
from cohort_selection.leakage.perceptual_hash import (
    ALIKE,
    BITS,
    CLOSE,
    VIEWS,
    NearDuplicate,
    close_pairs,
    coarse,
    likeness,
    near_duplicates,
    perceptual_hashes,
)
from cohort_selection.leakage.shortcuts import audit
from cohort_selection.pixels.picture import PictureError
from tests.support.repository import REPOSITORY
from tests.support.small_commons import case

Picture = NDArray[np.float64]


def grey(path: Path | io.BytesIO) -> Picture:
    with Image.open(path) as image:
        return np.asarray(image.convert("L"), dtype=np.float64)


def image_of(picture: Picture) -> Image.Image:
    return Image.fromarray(picture.astype(np.uint8))


def recompressed(picture: Picture, quality: int) -> Picture:
    stream = io.BytesIO()
    image_of(picture).save(stream, "JPEG", quality=quality)
    return grey(stream)


def cropped(picture: Picture, top: float, bottom: float, left: float, right: float) -> Picture:
    rows, columns = picture.shape
    return picture[
        round(top * rows) : rows - round(bottom * rows),
        round(left * columns) : columns - round(right * columns),
    ]


def noisy(picture: Picture) -> Picture:
    return picture + np.random.default_rng(0).normal(0, 8, picture.shape)


# What is done to a copy, and the share of copies that must be found.
CHANGES: list[tuple[str, Callable[[Picture], Picture], float]] = [
    ("smaller", lambda p: np.asarray(image_of(p).resize((300, 280)), float), 1.0),
    ("larger", lambda p: np.asarray(image_of(p).resize((1100, 1024)), float), 1.0),
    ("JPEG at quality 40", lambda p: recompressed(p, 40), 1.0),
    ("JPEG at quality 10", lambda p: recompressed(p, 10), 0.99),
    ("brighter", lambda p: np.clip(p * 1.2 + 20, 0, 255), 0.9),
    ("gamma", lambda p: 255 * (p / 255) ** 0.7, 0.95),
    ("inverted, as MONOCHROME1 is", lambda p: 255 - p, 1.0),
    ("turned by 90 degrees", lambda p: np.rot90(p), 1.0),
    ("turned by 180 degrees", lambda p: np.rot90(p, 2), 1.0),
    ("mirrored", lambda p: p[:, ::-1], 1.0),
    ("mirrored and turned", lambda p: np.rot90(p[:, ::-1], 3), 1.0),
    ("noise", noisy, 0.99),
    ("8 pixels off each side", lambda p: p[8:-8, 8:-8], 1.0),
    ("5 % off each side", lambda p: cropped(p, 0.05, 0.05, 0.05, 0.05), 1.0),
    ("3 % off the foot", lambda p: cropped(p, 0, 0.03, 0, 0), 1.0),
    ("uneven", lambda p: cropped(p, 0.01, 0.03, 0.02, 0.0), 0.9),
]


@pytest.mark.realdata
def test_copies_of_real_radiographs_are_found_and_other_radiographs_are_not(
    shared_data: Path,
) -> None:
    """824 radiographs against changed copies of 52 of them."""
    folder = shared_data / "images" / "nih_cxr"
    with (folder / "metadata.csv").open() as stream:
        names = [row["file"] for row in csv.DictReader(stream)]
    pictures = [grey(folder / name) for name in names]
    originals = np.array([perceptual_hashes(picture) for picture in pictures])
    nearest = near_duplicates(originals, originals, close=56)
    others = [pair for pair in nearest if pair.opened < pair.sealed]
    assert others
    assert min(pair.bits for pair in others) > CLOSE
    for pair in others:
        assert likeness(pictures[pair.opened], pictures[pair.sealed]) < ALIKE
    chosen = range(0, len(names), 16)
    assert len(chosen) >= 50
    for change, changed, share in CHANGES:
        copies = np.array([perceptual_hashes(changed(pictures[k])) for k in chosen])
        found = {(p.opened, chosen[p.sealed]) for p in near_duplicates(originals, copies)}
        assert all(i == k for i, k in found), change
        assert len(found) >= share * len(chosen), change
        some = [pictures[k] for k in chosen[::8]]
        assert min(likeness(p, changed(p)) for p in some) >= ALIKE, change
        # From the other side too: the copy may be the open one.
        again = {(p.sealed, chosen[p.opened]) for p in near_duplicates(copies, originals)}
        assert len(again) >= share * len(chosen), change


def test_what_is_not_found_is_known() -> None:
    """A tilt of 5 degrees and a crop to half are other pictures to these hashes."""
    picture = smooth(3)
    tilted = np.asarray(image_of(picture).rotate(5, Image.Resampling.BILINEAR), float)
    for changed in (tilted, picture[64:192, 64:192]):
        assert near_duplicates(views(picture), views(changed)) == []


def test_blank_pictures_are_one_picture_and_unlike_any_other() -> None:
    blank, black = np.full((30, 40), 7.0), np.zeros((20, 20))
    assert likeness(blank, black) == 1.0
    assert likeness(blank, smooth(3)) == 0.0


def smooth(seed: int) -> Picture:
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 255, (12, 12)).astype(np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((256, 256), Image.Resampling.BICUBIC), float)


def views(picture: Picture) -> NDArray[np.uint64]:
    return perceptual_hashes(picture)[None]


@pytest.mark.parametrize("close", [0, 10, 31, 62, 63, 100, BITS])
def test_pairs_are_those_of_plain_counting(close: int) -> None:
    rng = np.random.default_rng(0)
    used = np.array([~np.uint64(128), *([~np.uint64(0)] * 3)])  # one bit of 256 is never set
    left = rng.integers(0, 2**64, (30, 4), dtype=np.uint64) & used
    right = left[rng.integers(0, 30, 60)] ^ (
        np.uint64(1) << rng.integers(8, 60, (60, 4)).astype(np.uint64)
    )
    right[30:] = ~right[30:] & used  # negatives
    expected = set()
    for i in range(30):
        for j in range(60):
            differing = bin(int.from_bytes((left[i] ^ right[j]).tobytes(), "little")).count("1")
            expected.add((i, j, min(differing, 255 - differing)))
    assert set(close_pairs(left, right, close)) == {p for p in expected if p[2] <= close}
    if close >= 10:
        assert len(close_pairs(left, right, close)) >= 60


def test_views_are_compared_both_ways() -> None:
    rng = np.random.default_rng(1)
    opened = rng.integers(0, 2**64, (3, VIEWS, 4), dtype=np.uint64)
    sealed = rng.integers(0, 2**64, (4, VIEWS, 4), dtype=np.uint64)
    sealed[1, 5] = opened[2, 0]  # a turn
    sealed[2, 0] = opened[0, VIEWS - 1]  # the open one holds more than the sealed one
    assert near_duplicates(opened, sealed) == [NearDuplicate(0, 2, 0), NearDuplicate(2, 1, 0)]


@pytest.mark.realdata
def test_the_same_slice_in_five_encodings_is_one_picture(shared_data: Path) -> None:
    """The JPEG 2000 lossy chest radiograph and its uncompressed source too."""
    folder = shared_data / "dicom"
    slices = sorted(folder.glob("ct_chest_*.dcm"))
    assert len(slices) == 5
    radiographs = [folder / f"cr_chest_rg1_{name}.dcm" for name in ("explicit_le", "j2k_lossy")]
    found = fingerprints([*slices, *radiographs], look=True).hashes
    assert {pair.bits for pair in near_duplicates(found[:5], found[:5])} == {0}
    assert len(near_duplicates(found[:5], found[:5])) == 25
    assert near_duplicates(found[5:6], found[6:])[0].bits <= 4
    assert near_duplicates(found[5:6], found[:5]) == []


@pytest.mark.parametrize("kind", ["u1", "<u2", ">u2", "<i2", "<u4"])
def test_whole_numbers_are_averaged_to_the_very_bits_of_real_ones(kind: str) -> None:
    rng = np.random.default_rng(4)
    low, high = (np.iinfo(kind).min, np.iinfo(kind).max)
    for shape in ((301, 457), (128, 128), (90, 1000)):
        whole = rng.integers(low, high, shape, endpoint=True).astype(kind)
        np.testing.assert_array_equal(coarse(whole), coarse(whole.astype(np.float64)))


def test_a_big_endian_file_shows_the_same_picture(shared_data: Path, tmp_path: Path) -> None:
    source = shared_data / "dicom" / "mr_small_wrong_modality.dcm"
    image = pydicom.dcmread(source)
    image["PixelData"].value = image.pixel_array.astype(">i2").tobytes()
    image.file_meta.TransferSyntaxUID = ExplicitVRBigEndian
    pydicom.dcmwrite(tmp_path / "big.dcm", image, little_endian=False, implicit_vr=False)
    found = fingerprints([source, tmp_path / "big.dcm"], look=True).hashes
    np.testing.assert_array_equal(found[0], found[1])


def test_a_check_that_looks_finds_a_picture_that_differs_in_one_grey_value(
    tmp_path: Path,
) -> None:
    opened, hidden = [case("a", "p1", tmp_path, 10)], [case("b", "p2", tmp_path, 11)]
    assert not check(opened, hidden, look=False).looked
    with pytest.raises(LeakError, match=r"like one in the open part: a\.dcm and b\.dcm \(alike by"):
        check(opened, hidden)
    found = check(opened, hidden, accept_look_alikes=True)
    assert (found.looked, found.look_alikes) == (True, 1)
    assert [pair.open_file.name for pair in found.listed] == ["a.dcm"]


def test_pixels_that_cannot_be_decoded_are_said_so(tmp_path: Path) -> None:
    spoiled = spoilt(case("a", "p1", tmp_path, 10))
    with pytest.raises(PictureError, match=r"a\.dcm: no pixels could be decoded .* --no-look"):
        check([spoiled], [case("b", "p2", tmp_path, 99)])


def spoilt(case: Case) -> Case:
    """Cut the pixels of a case's one file short."""
    with disable_value_validation():
        image = pydicom.dcmread(case.files[0])
        image.PixelData = image.PixelData[:6]
        image.save_as(case.files[0])
    return case


@pytest.mark.parametrize(("workers", "n"), [(1, 40), (2, 1040)])  # fewer are not shared out
def test_all_files_without_a_picture_are_listed_at_once(
    tmp_path: Path, workers: int, n: int
) -> None:
    """Two files whose pixels cannot be decoded, and one without any, among all."""
    cases = [case(f"c{k:04d}", f"p{k}", tmp_path, k % 250) for k in range(n)]
    bad = [spoilt(cases[3]).files[0], spoilt(cases[2 * n // 3]).files[0], cases[n - 10].files[0]]
    with disable_value_validation():
        image = pydicom.dcmread(bad[2])
        del image.PixelData
        image.save_as(bad[2])
    files = [file for each in cases for file in each.files]
    with pytest.raises(PictureError) as raised:
        fingerprints(files, look=True, workers=workers)
    assert list(raised.value.reasons) == bad
    first, *lines = str(raised.value).splitlines()
    assert first.startswith(f"3 of {n} files hold no picture that can be read; take their studies")
    assert [line.partition(": ")[0].strip() for line in lines] == [str(file) for file in bad]
    assert lines[2].endswith("has no pixel data")


def test_all_files_whose_header_cannot_be_read_are_listed_at_once(tmp_path: Path) -> None:
    cases = [case(f"c{k}", f"p{k}", tmp_path, k) for k in range(8)]
    cases = [replace(each, label=k % 2) for k, each in enumerate(cases)]
    for each in (cases[2], cases[5]):
        content = each.files[0].read_bytes()
        modality = b"\x08\x00\x60\x00"
        assert content.count(modality + b"CS") == 1
        each.files[0].write_bytes(content.replace(modality + b"CS", modality + b"ZZ"))
    with pytest.raises(PictureError, match="2 of 8 files") as raised:
        audit(cases)
    assert list(raised.value.reasons) == [cases[2].files[0], cases[5].files[0]]


def test_worker_processes_find_the_same_and_end_with_a_killed_parent(tmp_path: Path) -> None:
    cases = [case(f"c{k}", f"p{k}", tmp_path, 3 * k % 250) for k in range(1040)]
    files = [file for each in cases for file in each.files]
    alone = fingerprints(files, look=True, workers=1)
    shared = fingerprints(files, look=True, workers=2)
    assert shared.digests == alone.digests
    assert (shared.hashes == alone.hashes).all()
    child = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys; from pathlib import Path; "
            "from cohort_selection.leakage.fingerprints import fingerprints; "
            f"fingerprints(sorted(Path({str(tmp_path)!r}).glob('*.dcm')) * 100, look=True, "
            "workers=2, progress=lambda done: print(done, flush=True))",
        ],
        stdout=subprocess.PIPE,
        start_new_session=True,
        cwd=REPOSITORY,
    )
    with child:
        assert child.stdout is not None
        child.stdout.readline()
        child.send_signal(signal.SIGKILL)
    for _ in range(100):
        try:
            os.killpg(child.pid, 0)
        except ProcessLookupError:
            return
        time.sleep(0.1)
    pytest.fail("workers outlive their parent")


def test_the_cases_keep_their_order(tmp_path: Path) -> None:
    cases: list[Case] = [case(name, name, tmp_path, k * 40) for k, name in enumerate("abc")]
    done: list[tuple[int, int]] = []
    check(cases[:2], cases[2:], look=False, progress=lambda *at: done.append(at))
    assert done == [(3, 3)]
