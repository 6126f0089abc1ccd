"""Annotations among the files that are no image are named, counted, and told what they are for."""

from __future__ import annotations

from pathlib import Path

import pydicom
import pytest
from pydicom.uid import Comprehensive3DSRStorage, ExplicitVRLittleEndian, SegmentationStorage

from cohort_selection.catalog import catalog
from cohort_selection.catalog.annotations import REPORT, SEGMENTATION, annotation
from cohort_selection.dicom.pixel_description import LABEL_MAP
from tests.support.commands import succeed
from tests.support.image_kinds import computed_radiograph, write

BAD = "a page that somebody left"


@pytest.fixture
def commons(tmp_path: Path) -> Path:
    """An image, four annotations of two kinds, a key object selection, and a text."""
    folder = tmp_path / "dicom"
    folder.mkdir()
    write(computed_radiograph(), folder / "image.dcm")
    others = {
        "mask": ("OT", SegmentationStorage),  # a modality that says nothing
        "map": ("SEG", LABEL_MAP),
        "labels": ("CT", LABEL_MAP),
        "report": ("SR", Comprehensive3DSRStorage),
        "selection": ("KO", "1.2.840.10008.5.1.4.1.1.88.59"),
    }
    for name, (modality, sop_class) in others.items():
        other = computed_radiograph()
        other.Modality, other.SOPClassUID = modality, sop_class
        other.SOPInstanceUID = pydicom.uid.generate_uid()
        other.file_meta = pydicom.dataset.FileMetaDataset()
        other.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        write(other, folder / f"{name}.dcm")
    (folder / "notes.txt").write_text(BAD)
    return folder


def test_annotations_are_counted_by_what_they_are(commons: Path, tmp_path: Path) -> None:
    found = catalog.update(commons, [], tmp_path / "catalog", workers=1)
    assert found.n_quarantined == 6
    assert found.n_annotations == {SEGMENTATION: 3, REPORT: 1}
    reasons = {
        each.path.name: each.reason for each in catalog.read_quarantine(tmp_path / "catalog")
    }
    assert reasons["map.dcm"] == (
        "modality SEG is not an image; it is a segmentation, which tasks of masks and marks read"
    )
    assert "it is a segmentation" in reasons["mask.dcm"]
    assert "it is a segmentation" in reasons["labels.dcm"]
    assert "it is a structured report" in reasons["report.dcm"]
    assert reasons["selection.dcm"] == "modality KO is not an image"
    kinds = {name: annotation(reason) for name, reason in reasons.items()}
    assert sorted(filter(None, kinds.values())) == [*[SEGMENTATION] * 3, REPORT]


def test_the_command_tells_annotations_apart_from_bad_files(commons: Path, tmp_path: Path) -> None:
    (tmp_path / "clinical.csv").write_text("patient_id,sex\nP,F\n")
    clinical = ("--clinical", tmp_path / "clinical.csv")
    printed = succeed("index", commons, *clinical, "--output", tmp_path / "catalog")
    words = " ".join(printed.split())
    assert "3 segmentations and 1 structured report beside the images" in words
    assert 'kind is "segmentation" or "localisation" takes them as its reference' in words
    assert "2 files in quarantine" in words
    assert "mask.dcm" not in printed
    assert "notes.txt" in printed


@pytest.mark.parametrize(
    "reason",
    [
        "modality RTSTRUCT is not an image",
        "an object of the class Surface Segmentation is not an image",
        "an object of the class Parametric Map is not an image",
        "no Modality in its header",
    ],
)
def test_what_no_task_reads_is_no_annotation(reason: str) -> None:
    assert annotation(reason) == ""
