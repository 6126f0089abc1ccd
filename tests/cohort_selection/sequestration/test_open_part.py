"""The open part as it is handed out: copied like the sequestered part."""

from __future__ import annotations

from pathlib import Path

import pydicom
import pytest

from cohort_selection.cases import Case
from cohort_selection.deidentification.copy import DeidentificationError
from cohort_selection.pixels.intensities import read_frame
from cohort_selection.pixels.picture import pixel_digest
from cohort_selection.sealing.cohort import CohortError
from cohort_selection.sequestration.open_list import read_open, write_open
from cohort_selection.sequestration.open_part import copy_open_part
from tests.support.commands import succeed
from tests.support.image_kinds import SECRET, computed_radiograph, write


@pytest.fixture
def open_list(tmp_path: Path) -> Path:
    """Six cases of three patients, two files each, full of words."""
    folder = tmp_path / "commons"
    folder.mkdir()
    cases = [
        Case(
            f"{SECRET}-{i}",
            f"{SECRET}-patient-{i // 2}",
            tuple(write(computed_radiograph(), folder / f"{SECRET}-{i}-{j}.dcm") for j in range(2)),
            i % 2,
            {"sex": "Female" if i < 3 else "Male"},
        )
        for i in range(6)
    ]
    write_open(tmp_path / "open.csv", cases, ["sex"])
    return tmp_path / "open.csv"


def test_the_copies_have_labels_attributes_and_pixels_and_nobodys_words(
    open_list: Path, tmp_path: Path
) -> None:
    printed = succeed("open-part", open_list, "--output", tmp_path / "open")
    assert "6 cases of 3 patients, 12 files" in printed
    sources, copies = read_open(open_list), read_open(tmp_path / "open" / "open.csv")
    assert [(c.label, dict(c.attributes)) for c in copies] == [
        (c.label, dict(c.attributes)) for c in sources
    ]
    patients = [c.patient_id for c in copies]
    assert patients == [f"open-patient-{n:06d}" for n in (1, 1, 2, 2, 3, 3)]
    for source, copy in zip(sources, copies, strict=True):
        for one, other in zip(source.files, copy.files, strict=True):
            assert pixel_digest(other) == pixel_digest(one)
            assert (read_frame(other).values == read_frame(one).values).all()
            assert pydicom.dcmread(other).Manufacturer == ""
    for path in (tmp_path / "open").rglob("*"):
        assert SECRET not in str(path.relative_to(tmp_path))
        if path.is_file():
            assert SECRET.encode() not in path.read_bytes()


def test_a_file_that_cannot_be_copied_leaves_nothing(open_list: Path, tmp_path: Path) -> None:
    for case in read_open(open_list)[:2]:
        case.files[0].write_bytes(b"PK\3\4 not dicom")
    with pytest.raises(DeidentificationError, match=r"^2 files cannot be copied"):
        copy_open_part(open_list, tmp_path / "open")
    assert not (tmp_path / "open").exists()


def test_a_folder_that_is_there_is_never_replaced(open_list: Path, tmp_path: Path) -> None:
    (tmp_path / "open").mkdir()
    with pytest.raises(CohortError, match="open is already there; give a new folder"):
        copy_open_part(open_list, tmp_path / "open")
    (tmp_path / "none.csv").write_text("case_id,patient_id,label,files\n")
    with pytest.raises(CohortError, match=r"none\.csv lists no case"):
        copy_open_part(tmp_path / "none.csv", tmp_path / "elsewhere")
