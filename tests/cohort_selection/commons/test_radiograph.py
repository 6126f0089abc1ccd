"""Written radiographs hold what the standard asks for, and other readers see what was known."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Literal

import numpy as np
import pydicom
import pytest

from cohort_selection.commons.radiograph import Radiograph, uid, write_radiograph
from tests.support.validator import dciodvfy

Modality = Literal["CR", "DX"]
Spacing = tuple[float, float] | None


def written(
    path: Path,
    modality: Modality,
    *,
    view: str = "PA",
    spacing: Spacing = None,
    burned: bool | None = None,
    inverted: bool = False,
) -> Path:
    write_radiograph(
        path,
        Radiograph(
            pixels=np.arange(2400, dtype=np.uint16).reshape(40, 60),
            study_uid=uid("S"),
            series_uid=uid("series"),
            instance_uid=uid("I"),
            patient_id="P",
            sex="Male",
            age=44,
            view=view,
            acquired="20210104",
            bits_stored=12,
            inverted=inverted,
            spacing_mm=spacing,
            text_burned_in=burned,
            lossy_ratio=4.0 if inverted else None,
        ),
        modality,
    )
    return path


def installed(program: str, package: str) -> str:
    """The path of a program that a package of the ``dev`` extra brings, beside this Python."""
    found = shutil.which(program, path=Path(sys.executable).parent) or shutil.which(program)
    if found is None:
        pytest.skip(f"{program} is not installed: pip install {package}")
    return found


@pytest.mark.parametrize("modality", ["CR", "DX"])
@pytest.mark.parametrize("view", ["PA", "AP", "AP SUPINE", "LL", "LATERAL", "AXIAL", ""])
def test_dciodvfy_finds_no_error(tmp_path: Path, modality: Modality, view: str) -> None:
    validator = dciodvfy()
    spacings: tuple[Spacing, ...] = (None, (0.3, 0.2))
    for spacing in spacings:
        for burned in (None, False, True):
            for inverted in (False, True):
                path = written(
                    tmp_path / "a.dcm",
                    modality,
                    view=view,
                    spacing=spacing,
                    burned=burned,
                    inverted=inverted,
                )
                said = subprocess.run(
                    [validator, path], capture_output=True, text=True, check=False
                )
                errors = [
                    line
                    for line in (said.stdout + said.stderr).splitlines()
                    if line.startswith("Error")
                ]
                assert "Image" in said.stdout + said.stderr  # it says which object it saw
                assert errors == [], (spacing, burned, inverted)


# The class of each object: PS3.4 B.5.
@pytest.mark.parametrize(
    ("modality", "spacing", "burned", "view", "sop_class"),
    [
        ("DX", (0.3, 0.2), False, "PA", "1.2.840.10008.5.1.4.1.1.1.1"),
        ("DX", (0.3, 0.2), True, "AP", "1.2.840.10008.5.1.4.1.1.1.1"),
        ("DX", None, False, "PA", "1.2.840.10008.5.1.4.1.1.7"),
        ("DX", (0.3, 0.2), None, "PA", "1.2.840.10008.5.1.4.1.1.7"),
        ("DX", (0.3, 0.2), False, "LATERAL", "1.2.840.10008.5.1.4.1.1.7"),
        ("CR", None, None, "PA", "1.2.840.10008.5.1.4.1.1.1"),
    ],
)
def test_a_digital_x_ray_is_written_only_where_all_that_it_must_say_is_known(
    tmp_path: Path,
    modality: Modality,
    spacing: Spacing,
    burned: bool | None,
    view: str,
    sop_class: str,
) -> None:
    path = written(tmp_path / "a.dcm", modality, view=view, spacing=spacing, burned=burned)
    data = pydicom.dcmread(path)
    assert (data.Modality, data.SOPClassUID) == (modality, sop_class)
    assert data.get("BurnedInAnnotation") == {None: None, True: "YES", False: "NO"}[burned]


@pytest.mark.parametrize("modality", ["CR", "DX"])
@pytest.mark.parametrize("burned", [None, False])
def test_other_readers_see_the_spacing(
    tmp_path: Path, modality: Modality, burned: bool | None
) -> None:
    """0.3 mm between rows and 0.2 mm between columns: 0.2 along x and 0.3 along y."""
    simpleitk = pytest.importorskip(
        "SimpleITK", reason="SimpleITK is not installed: pip install SimpleITK"
    )
    path = written(tmp_path / "a.dcm", modality, spacing=(0.3, 0.2), burned=burned)
    assert simpleitk.ReadImage(str(path)).GetSpacing()[:2] == pytest.approx((0.2, 0.3))
    dcm2niix = installed("dcm2niix", "dcm2niix")
    out = tmp_path / "out"
    out.mkdir()
    subprocess.run([dcm2niix, "-z", "n", "-o", out, path], capture_output=True, check=True)
    (volume,) = out.glob("*.nii")
    # NIfTI-1's pixdim: four bytes at 76, 80, 84 ...
    sizes = np.frombuffer(volume.read_bytes()[80:88], "<f4")
    assert sizes == pytest.approx((0.2, 0.3))
