"""Volumes by geometry: linear ramps in the patient's space, SimpleITK, and real slices."""

from __future__ import annotations

import shutil
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import SimpleITK
from numpy.typing import NDArray
from pydicom import dcmread

from cohort_selection.commons.radiograph import uid
from cohort_selection.deidentification.copy import deidentify
from cohort_selection.pixels.intensities import UnreadableImage
from cohort_selection.pixels.series import Series, SeriesRule, candidate_series, choose_series
from cohort_selection.pixels.volume import AIR, MOST_TILT, Grid, read_on_grid
from tests.support.made_volumes import (
    at_own_distances,
    changed,
    expected,
    places_of,
    ramp,
    write_tomogram,
)

SHAPE = (9, 20, 16)


def series_of(folder: Path) -> Series:
    return choose_series(list(folder.rglob("*.dcm")))


def by_simple_itk(files: list[Path]) -> NDArray[np.float64]:
    """(z, y, x), the files in the order given."""
    image = SimpleITK.ReadImage([str(file) for file in files])
    return np.asarray(SimpleITK.GetArrayFromImage(image))


# Order and place


@pytest.mark.parametrize("from_head", [True, False])
def test_geometry_orders_the_slices_and_no_number(tmp_path: Path, from_head: bool) -> None:
    files = write_tomogram(tmp_path, ramp(SHAPE, from_head=from_head))
    found = at_own_distances(series_of(tmp_path))
    np.testing.assert_array_equal(found.values, by_simple_itk(files))
    assert found.spacing_mm == pytest.approx((4, 2, 2))
    places = places_of(found.affine, SHAPE)
    np.testing.assert_allclose(places[0, 0, 0], (-20, -30, 100))
    np.testing.assert_allclose(found.values, expected(places), rtol=0, atol=0.51)


def test_simple_itk_finds_the_same_order_by_geometry(tmp_path: Path) -> None:
    write_tomogram(tmp_path, ramp(SHAPE, from_head=True))
    names = SimpleITK.ImageSeriesReader.GetGDCMSeriesFileNames(str(tmp_path))
    found = at_own_distances(series_of(tmp_path))
    np.testing.assert_array_equal(found.values, by_simple_itk([Path(name) for name in names]))


def test_axes_point_to_left_back_and_head_however_the_patient_lay(tmp_path: Path) -> None:
    """Prone: rows run from left to right and columns from back to front."""
    series = ramp(SHAPE)
    turned = replace(
        series,
        values=series.values[:, ::-1, ::-1],
        directions=(-1.0, 0.0, 0.0, 0.0, -1.0, 0.0),
        corner_mm=(-20 + 15 * 2.0, -30 + 19 * 2.0, 100.0),
    )
    write_tomogram(tmp_path, turned)
    found = at_own_distances(series_of(tmp_path))
    np.testing.assert_array_equal(found.values, series.values)
    np.testing.assert_allclose(places_of(found.affine, SHAPE)[0, 0, 0], (-20, -30, 100))


def test_each_slice_has_its_own_rescale(tmp_path: Path) -> None:
    files = write_tomogram(tmp_path, ramp(SHAPE))
    before = at_own_distances(series_of(tmp_path)).values
    changed(files[3], RescaleSlope="2", RescaleIntercept="-2048")
    after = at_own_distances(series_of(tmp_path)).values
    np.testing.assert_array_equal(after[3], np.maximum(2 * before[3], AIR))
    np.testing.assert_array_equal(np.delete(after, 3, 0), np.delete(before, 3, 0))


# What is not as it should be


def test_doubles_are_left_out(tmp_path: Path) -> None:
    files = write_tomogram(tmp_path, ramp(SHAPE))
    before = at_own_distances(series_of(tmp_path))
    again = tmp_path / "again.dcm"
    shutil.copy(files[2], again)
    changed(again, SOPInstanceUID=uid("again"), AcquisitionNumber=2)
    found = at_own_distances(series_of(tmp_path))
    np.testing.assert_array_equal(found.values, before.values)


def test_a_missing_slice_is_refused_with_its_place(tmp_path: Path) -> None:
    write_tomogram(tmp_path, ramp(SHAPE))[4].unlink()
    with pytest.raises(
        UnreadableImage, match=r"4\.00 mm apart, and 8\.00 mm between 112\.0 and 120\.0 mm"
    ):
        at_own_distances(series_of(tmp_path))


def test_uneven_slices_are_averaged_to_even_ones(tmp_path: Path) -> None:
    files = write_tomogram(tmp_path, ramp(SHAPE))
    for place, file in enumerate(files[5:], start=5):
        changed(file, ImagePositionPatient=[-20, -30, 101.0 + 4 * place])
    found = at_own_distances(series_of(tmp_path))
    assert found.spacing_mm[0] == pytest.approx(33 / 8)


@pytest.mark.parametrize("tilt", [12.0, -20.0])
def test_a_tilted_gantry_is_set_upright(tmp_path: Path, tilt: float) -> None:
    """Inside the slices, the ramp is where it was in the patient."""
    write_tomogram(tmp_path, ramp((9, 40, 16), tilt_degrees=tilt))
    found = at_own_distances(series_of(tmp_path))
    places = places_of(found.affine, found.values.shape)
    shown = found.values > AIR + 1
    seen = np.zeros_like(shown)  # a row at the edge of a slice holds air in part
    seen[:, 1:-1] = shown[:, :-2] & shown[:, 1:-1] & shown[:, 2:]
    assert seen.mean() > 0.7
    np.testing.assert_allclose(found.values[seen], expected(places)[seen], rtol=0, atol=1.1)


def test_a_gantry_tilted_too_far_is_refused(tmp_path: Path) -> None:
    write_tomogram(tmp_path, ramp(SHAPE, tilt_degrees=MOST_TILT + 5))
    with pytest.raises(UnreadableImage, match=r"lean by 35\.0 degrees"):
        at_own_distances(series_of(tmp_path))


def test_a_volume_of_too_many_voxels_is_refused_before_it_is_read(tmp_path: Path) -> None:
    write_tomogram(tmp_path, ramp(SHAPE))
    with pytest.raises(UnreadableImage, match="268,435,456 are read at most"):
        read_on_grid(series_of(tmp_path), Grid((1000, 1000, 1000), (1, 1, 1)))


# The declared grid


def test_a_grid_holds_the_patient_s_places_whatever_the_spacing(tmp_path: Path) -> None:
    grid = Grid((5, 6, 5), (6.0, 5.0, 4.0))
    kept = {
        "a": ramp((9, 20, 16)),
        "b": ramp((17, 40, 32), spacing_mm=(2.0, 1.0, 1.0), corner_mm=(-20.5, -30.5, 100.0)),
    }
    found = {}
    for name, series in kept.items():
        write_tomogram(tmp_path / name, series)
        found[name] = read_on_grid(series_of(tmp_path / name), grid)
    for volume in found.values():
        places = places_of(volume.affine, grid.shape)
        np.testing.assert_allclose(volume.values, expected(places), rtol=0, atol=0.6)
    np.testing.assert_allclose(found["a"].affine, found["b"].affine, atol=0.51)


def test_a_coarse_voxel_is_the_mean_of_the_fine_ones(tmp_path: Path) -> None:
    series = ramp((8, 12, 16))
    write_tomogram(tmp_path, series)
    grid = Grid((4, 4, 4), (8.0, 6.0, 8.0))
    found = read_on_grid(series_of(tmp_path), grid).values
    blocks = series.values.reshape(4, 2, 4, 3, 4, 4).mean(axis=(1, 3, 5))
    np.testing.assert_allclose(found, blocks, rtol=0, atol=1e-3)


def test_memory_is_that_of_the_grid_and_of_one_slice(tmp_path: Path) -> None:
    write_tomogram(tmp_path, ramp((60, 128, 128)))
    series, grid = series_of(tmp_path), Grid((16, 16, 16), (15.0, 16.0, 16.0))
    read_on_grid(series, grid)
    tracemalloc.start()
    try:
        read_on_grid(series, grid)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 10 * 128 * 128 * 8 < 60 * 128 * 128 * 4


def test_what_lies_outside_the_series_is_air(tmp_path: Path) -> None:
    write_tomogram(tmp_path, ramp(SHAPE))
    found = read_on_grid(series_of(tmp_path), Grid((20, 40, 40), (4.0, 2.0, 2.0))).values
    assert (found[0] == AIR).all()
    assert (found[:, 0] == AIR).all()
    inside = found[6:-6, 11:-11, 13:-13]
    assert (inside > AIR).all()


# The series


def localiser(series_uid: str) -> Callable[[Path], None]:
    def mark(path: Path) -> None:
        changed(path, ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"], SeriesInstanceUID=series_uid)

    return mark


def test_the_rule_takes_the_most_slices_then_the_thinnest_then_the_kernel(tmp_path: Path) -> None:
    kept = {
        "few": ramp((5, 8, 8), series_uid="1.1"),
        "thick": ramp(SHAPE, series_uid="1.2"),
        "thin": ramp(SHAPE, series_uid="1.3", spacing_mm=(2.0, 2.0, 2.0), kernel="B70f"),
        "soft": ramp(SHAPE, series_uid="1.4", spacing_mm=(2.0, 2.0, 2.0), kernel="B30f"),
    }
    for name, series in kept.items():
        write_tomogram(tmp_path / name, series)
    files = list(tmp_path.rglob("*.dcm"))
    with_kernel = SeriesRule(("most slices", "thinnest", "kernel", "first"))
    assert choose_series(files, with_kernel).uid == "1.4"
    assert choose_series(files[::-1], with_kernel).uid == "1.4"
    assert choose_series(files, SeriesRule(("thinnest", "first"))).uid in {"1.3", "1.4"}
    with pytest.raises(ValueError, match="'largest' is unknown; choose from most slices"):
        SeriesRule(("largest",))


def test_localisers_captures_and_too_few_slices_are_left_out_and_counted(tmp_path: Path) -> None:
    files = write_tomogram(tmp_path, ramp(SHAPE))
    localiser("1.9")(files[0])
    changed(files[1], SOPClassUID="1.2.840.10008.5.1.4.1.1.7", SeriesInstanceUID="1.8")
    changed(files[2], ImagePositionPatient=None)
    for file in files[5:]:
        file.unlink()
    (tmp_path / "broken.dcm").write_bytes(b"DICM")
    candidates, left_out = candidate_series(list(tmp_path.rglob("*.dcm")))
    assert not candidates
    assert left_out["localisers"] == 1
    with pytest.raises(UnreadableImage, match=r"makes a CT volume .*1 localisers") as raised:
        series_of(tmp_path)
    assert "at least 3 parallel axial slices" in str(raised.value)


def test_a_sealed_copy_gives_the_same_volume(tmp_path: Path) -> None:
    """De-identification keeps what order, place, thickness and values need."""
    write_tomogram(tmp_path / "source" / "a", ramp((9, 40, 16), tilt_degrees=12.0, from_head=True))
    write_tomogram(tmp_path / "source" / "b", ramp((5, 8, 8), series_uid=uid("b")))
    for file in write_tomogram(tmp_path / "source" / "c", ramp(SHAPE, series_uid=uid("c")))[:1]:
        localiser(uid("c"))(file)
    for number, file in enumerate(sorted((tmp_path / "source").rglob("*.dcm"))):
        (tmp_path / "copies").mkdir(exist_ok=True)
        deidentify(file, tmp_path / "copies" / f"{number:03d}.dcm", b"key" * 12)
    of_source, of_copies = (
        at_own_distances(series_of(tmp_path / name)) for name in ("source", "copies")
    )
    np.testing.assert_array_equal(of_copies.values, of_source.values)
    np.testing.assert_allclose(of_copies.affine, of_source.affine)


# Multi-frame and real files


def test_an_enhanced_ct_agrees_with_its_single_frames(tmp_path: Path) -> None:
    """Converted by highdicom; its frames come in another order, each with its own rescale."""
    files = write_tomogram(tmp_path / "single", ramp(SHAPE))
    changed(files[3], RescaleSlope="2", RescaleIntercept="-2048")
    wanted = at_own_distances(series_of(tmp_path / "single"))
    singles = [dcmread(file) for file in (*files[4:], *files[:4])]
    reason = "highdicom has no wheel of all its parts for this Python"
    highdicom = pytest.importorskip("highdicom", reason=reason)
    enhanced = highdicom.legacy.LegacyConvertedEnhancedCTImage(
        legacy_datasets=singles,
        series_instance_uid=uid("enhanced"),
        series_number=1,
        sop_instance_uid=uid("enhanced image"),
        instance_number=1,
    )
    (tmp_path / "multi").mkdir()
    enhanced.save_as(tmp_path / "multi" / "a.dcm", enforce_file_format=True)
    found = at_own_distances(series_of(tmp_path / "multi"))
    np.testing.assert_array_equal(found.values, wanted.values)
    np.testing.assert_allclose(found.affine, wanted.affine)


@pytest.mark.realdata
def test_a_real_slice_repeated_as_a_series_is_what_simple_itk_reads(
    tmp_path: Path, shared_data: Path
) -> None:
    source = shared_data / "dicom" / "ct_chest_jpeg_lossless_sv1.dcm"
    files = [tmp_path / f"{place}.dcm" for place in (2, 0, 1)]
    for place, file in zip((2, 0, 1), files, strict=True):
        shutil.copy(source, file)
        position = [float(part) for part in dcmread(source).ImagePositionPatient]
        position[2] += 5 * place
        changed(file, ImagePositionPatient=position, SOPInstanceUID=uid(str(place)))
    found = at_own_distances(series_of(tmp_path)).values
    seen = by_simple_itk([tmp_path / f"{place}.dcm" for place in range(3)])
    np.testing.assert_array_equal(found, np.maximum(seen, AIR))


@pytest.mark.realdata
def test_a_real_enhanced_ct_has_frames_in_hounsfield_units(shared_data: Path) -> None:
    """Two frames make no volume; the refusal says how many were found."""
    with pytest.raises(UnreadableImage, match="2 of a series of too few slices"):
        choose_series([shared_data / "dicom" / "enhanced_ct_multiframe.dcm"])
