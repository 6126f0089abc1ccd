"""CT series are compared as volumes: one person's twice is found, two persons' are not one."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pydicom
import pytest

from cohort_selection.cases import Case
from cohort_selection.commons.radiograph import uid
from cohort_selection.commons.simulation import simulate
from cohort_selection.leakage import looked
from cohort_selection.leakage.duplicates import LeakError, check
from cohort_selection.leakage.repeated_pictures import repeats
from cohort_selection.leakage.volume_look import BITS, CLOSE, look_at, stacks_of, volumes_alike
from cohort_selection.pixels.picture import PictureError
from tests.support.made_volumes import ramp, write_tomogram

Slices = list[pydicom.FileDataset]


@pytest.fixture(scope="module")
def studies(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Path]]:
    """Patient -> the files of one study, of all four sites."""
    folder = tmp_path_factory.mktemp("ct")
    simulate(folder, patients=40, seed=5, modality="CT")
    found: dict[str, list[Path]] = {}
    for study in sorted(path for path in (folder / "dicom").iterdir()):
        files = sorted(study.rglob("*.dcm"))
        found.setdefault(str(pydicom.dcmread(files[0]).PatientID), files)
    return found


def words(files: Sequence[Path]) -> np.ndarray:
    return np.array([np.frombuffer(look_at(stack)[1], np.uint64) for stack in stacks_of(files)[0]])


def test_no_two_patients_are_alike_in_800_pairs(studies: dict[str, list[Path]]) -> None:
    found = [(patient, each) for patient, files in studies.items() for each in words(files)]
    assert len(studies) == 40
    bits = np.array([each for _, each in found])
    wide = CLOSE + 0.03  # with a distance to the limit
    assert not [
        (found[i][0], found[j][0])
        for i, j, _ in volumes_alike(bits, bits, wide)
        if found[i][0] != found[j][0]
    ]


def renumbered(slices: Slices) -> Slices:
    for number, each in enumerate(slices):
        each.InstanceNumber = len(slices) - number
        each.SOPInstanceUID = uid("another", each.SOPInstanceUID)
        each.SeriesInstanceUID = uid("another", each.SeriesInstanceUID)
    return slices


def windowed(slices: Slices) -> Slices:
    """As a lung window shows them, in 8 bit, without units."""
    for each in slices:
        grey = np.clip((each.pixel_array.astype(float) - 1024 + 1250) / 1500, 0, 1) * 255
        each.PixelData = np.rint(grey).astype("<u2").tobytes()
        del each.RescaleIntercept, each.RescaleSlope, each.RescaleType
    return slices


def noisy(slices: Slices) -> Slices:
    rng = np.random.default_rng(1)
    for each in slices:
        values = each.pixel_array + rng.normal(0, 15, each.pixel_array.shape)
        each.PixelData = np.rint(np.clip(values, 0, 4095)).astype("<u2").tobytes()
    return slices


def without_one(slices: Slices) -> Slices:
    return windowed(slices[:9] + slices[10:])


def without_the_last(slices: Slices) -> Slices:
    return windowed(slices[:-1])


CHANGES = [renumbered, windowed, noisy, without_one, without_the_last]


def changed(
    files: Sequence[Path], folder: Path, change: Callable[[Slices], Slices]
) -> tuple[Path, ...]:
    """Copies of the first volume among ``files``, from foot to head, after a change."""
    folder.mkdir()
    made = change([pydicom.dcmread(file) for file in stacks_of(files)[0][0].files])
    for number, each in enumerate(made):
        each.save_as(folder / f"{number}.dcm")
    return tuple(sorted(folder.iterdir()))


@pytest.mark.parametrize("change", CHANGES)
def test_a_series_under_another_patient_stops_the_seal(
    studies: dict[str, list[Path]], tmp_path: Path, change: Callable[[Slices], Slices]
) -> None:
    names = list(studies)
    for number in range(4):
        files = tuple(studies[names[number]])
        copy = changed(files, tmp_path / f"copy {number}", change)
        other = Case("other", "other", tuple(studies[names[9]]), 1, {})
        opened, sealed = Case("a", "one", files, 0, {}), Case("b", "two", copy, 1, {})
        with pytest.raises(LeakError) as told:
            check([opened], [other, sealed])
        if change is not renumbered:  # those have the same stored pixels, which are told first
            assert "images of the cohort look like one in the open part: " in str(told.value)
            assert "0.dcm (alike by " in str(told.value)
        drawn = {"a", "b", "other"}
        pool = [opened, other, sealed]
        seen = looked.look([case.files for case in pool], None, pictures=True)
        assert any(
            {each.case.case_id for each in repeat.shown} == {"a", "b"} and repeat.opposite
            for repeat in repeats(pool, drawn, seen)
        )
        assert check([opened], [other]).look_alikes == 0


def test_order_and_direction_come_from_the_geometry(tmp_path: Path) -> None:
    files = write_tomogram(tmp_path, ramp((5, 20, 16), from_head=True))
    (stack,), beside = stacks_of(list(reversed(files)))
    assert (list(stack.files), beside) == (files, [])
    np.testing.assert_allclose(np.diff(stack.heights), 4)


def test_localisers_and_captures_beside_a_volume_are_read_for_their_pixels_alone(
    studies: dict[str, list[Path]],
) -> None:
    for files in studies.values():
        stacks, beside = stacks_of(files)
        assert {*beside, *(file for stack in stacks for file in stack.files)} == set(files)
        kinds = {str(pydicom.dcmread(file).ImageType[2:]) for file in beside}
        assert "['LOCALIZER']" in kinds
        assert stacks_of(beside) == ([], [])  # alone they are pictures
        found = looked.look([files], None, pictures=True)
        assert (found.pictures, len(found.digests)) == ((), len(files))


def test_radiographs_stay_pictures_and_parts_keep_their_numbers(
    studies: dict[str, list[Path]], tmp_path: Path
) -> None:
    (_, first), (_, second) = list(studies.items())[:2]
    picture = tmp_path / "radiograph.dcm"
    image = pydicom.dcmread(stacks_of(first)[1][0])
    image.Modality, image.SOPClassUID = "DX", "1.2.840.10008.5.1.4.1.1.7"
    image.save_as(picture)
    both = looked.look([[picture, *first], second], None, pictures=True)
    assert both.pictures == (0,)
    whole = looked.look([second], None, pictures=True)
    part = both.part(1 + len(first), 1 + len(first) + len(second))
    assert (part.digests, part.pictures, part.volumes) == (whole.digests, (), whole.volumes)
    np.testing.assert_array_equal(part.bits, whole.bits)


def test_a_volume_is_read_once_and_again_when_a_slice_changed(
    studies: dict[str, list[Path]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = [shutil.copy(file, tmp_path) for file in next(iter(studies.values()))]
    paths, kept = [Path(file) for file in files], tmp_path / "kept"
    done: list[tuple[int, int]] = []
    first = looked.look([paths], kept, pictures=True, progress=lambda *at: done.append(at))
    assert done[-1] == (len(paths), len(paths))
    assert first.digests == looked.look([paths], None, pictures=True).digests

    read: list[Path] = []

    def counted(stack: object) -> tuple[tuple[str, ...], bytes]:
        read.extend(stack.files)  # type: ignore[attr-defined] # a Stack, as the original takes
        return look_at(stack)  # type: ignore[arg-type]

    monkeypatch.setattr("cohort_selection.leakage.kept_fingerprints.look_at", counted)
    again = looked.look([paths], kept, pictures=True)
    assert (again.digests, read) == (first.digests, [])
    np.testing.assert_array_equal(again.bits, first.bits)
    slices = stacks_of(paths)[0][0].files
    image = pydicom.dcmread(slices[3])
    image.PixelData = bytes(len(image.PixelData))
    image.save_as(slices[3])
    after = looked.look([paths], kept, pictures=True)
    assert set(slices) <= set(read)
    assert sum(a != b for a, b in zip(after.digests, first.digests, strict=True)) == 1


def test_blank_volumes_are_like_none_and_a_negative_is_one(tmp_path: Path) -> None:
    nothing = np.zeros((1, -(-BITS // 64)), np.uint64)
    assert volumes_alike(nothing, nothing) == []
    rng = np.random.default_rng(2)
    bits = np.zeros((1, 64 * nothing.shape[1]), np.uint8)
    bits[0, :BITS] = rng.integers(0, 2, BITS)
    negative = bits.copy()
    negative[0, :BITS] ^= 1
    one, other = (np.packbits(each, axis=1).view(np.uint64) for each in (bits, negative))
    assert volumes_alike(one, other) == [(0, 0, 0.0)]


def test_all_slices_that_cannot_be_decoded_are_named(tmp_path: Path) -> None:
    files = write_tomogram(tmp_path, ramp((5, 20, 16)))
    for file in files[1:3]:
        image = pydicom.dcmread(file)
        image.BitsAllocated = 24
        image.save_as(file)
    with pytest.raises(PictureError) as told:
        looked.look([files], None, pictures=True)
    assert set(told.value.reasons) == set(files[1:3])
