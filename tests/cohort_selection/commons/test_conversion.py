"""PNG and JPEG sets to DICOM: the pixels are the source's, the tags what PS3.3 asks for."""

from __future__ import annotations

import csv
import hashlib
import io
import struct
import zlib
from pathlib import Path
from typing import Literal

import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray
from PIL import Image

from cohort_selection.clinical import records as clinical
from cohort_selection.commons.conversion import ConversionError, import_images
from cohort_selection.commons.radiograph import uid
from cohort_selection.dicom import studies as dicom

GREY = np.arange(30, dtype=np.uint8).reshape(5, 6) * 8


def folder_of(root: Path, images: dict[str, Image.Image], table: str) -> tuple[Path, Path]:
    """Write images and their table; give the arguments of ``import_images``."""
    directory = root / "images"
    directory.mkdir()
    for name, image in images.items():
        image.save(directory / name)
    metadata = root / "metadata.csv"
    metadata.write_text(table, encoding="utf-8")
    return directory, metadata


def contents(root: Path) -> dict[str, str]:
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


def pixels_of(root: Path) -> NDArray[np.uint16]:
    """The decoded pixels of the one DICOM file below ``root``."""
    (path,) = root.rglob("*.dcm")
    return np.asarray(pydicom.dcmread(path).pixel_array)


def test_a_study_carries_what_the_table_says(tmp_path: Path) -> None:
    arguments = folder_of(
        tmp_path,
        {"a.png": Image.fromarray(GREY)},
        "file,patient_id,age,sex,view,site,Pneumonia,pixel_spacing_x_mm,pixel_spacing_y_mm\n"
        "a.png,P1,61,F,pa,North,1,0.2,0.3\n",
    )
    found = import_images(*arguments, tmp_path / "out")
    assert (found.n_images, found.n_studies, found.n_patients) == (1, 1, 1)
    (path,) = found.dicom.rglob("*.dcm")
    data = pydicom.dcmread(path)
    # No Digital X-Ray: that would have to say whether text is burned in, and the table does not.
    assert (data.SOPClassUID, data.ConversionType) == ("1.2.840.10008.5.1.4.1.1.7", "WSD")
    assert data.Modality == "DX"
    assert (data.PatientID, data.PatientSex, data.PatientAge) == ("P1", "F", "061Y")
    assert (data.ViewPosition, list(data.PatientOrientation)) == ("PA", ["L", "F"])
    assert list(data.ImagerPixelSpacing) == [0.3, 0.2]  # rows apart, then columns apart
    assert list(data.PixelSpacing) == [0.3, 0.2]
    (view,) = data.ViewCodeSequence
    assert (view.CodeValue, view.CodeMeaning) == ("272479007", "postero-anterior")
    assert (data.Rows, data.Columns, data.BitsStored) == (5, 6, 8)
    np.testing.assert_array_equal(data.pixel_array, GREY)
    (record,) = clinical.read(found.clinical)
    assert (record.patient_id, record.study_uid) == ("P1", data.StudyInstanceUID)
    assert (record.age, record.sex, record.site) == (61, "Female", "North")
    assert record.findings == {"Pneumonia": "1"}
    with found.clinical.open(encoding="utf-8") as file:
        assert next(csv.reader(file)) == [
            "case_ids",
            "study_uid",
            "age_at_imaging",
            "sex",
            "race",
            "ethnicity",
            "site_id",
            "Pneumonia",
        ]


# What a table of images does not say: PS3.3 has each of these mean that somebody looked.
NOT_KNOWN = (
    "BurnedInAnnotation ImagerPixelSpacing PixelSpacing PatientIdentityRemoved "
    "DeidentificationMethod ImageComments LossyImageCompression"
)


@pytest.mark.parametrize("modality", ["DX", "CR"])
def test_nothing_is_said_that_the_table_does_not_say(
    tmp_path: Path, modality: Literal["DX", "CR"]
) -> None:
    arguments = folder_of(
        tmp_path, {"a.png": Image.fromarray(GREY)}, "file,patient_id,view\na.png,P1,Lateral\n"
    )
    (path,) = import_images(*arguments, tmp_path / "out", modality=modality).dicom.rglob("*.dcm")
    data = pydicom.dcmread(path)
    assert [keyword for keyword in NOT_KNOWN.split() if keyword in data] == []
    assert data.PatientOrientation == ""  # a lateral view may face either way
    assert data.ViewCodeSequence[0].CodeMeaning == "lateral"


def test_cr_objects_are_cr(tmp_path: Path) -> None:
    arguments = folder_of(tmp_path, {"a.png": Image.fromarray(GREY)}, "file,patient_id\na.png,P1\n")
    (path,) = import_images(*arguments, tmp_path / "out", modality="CR").dicom.rglob("*.dcm")
    data = pydicom.dcmread(path)
    assert (data.Modality, data.SOPClassUID) == ("CR", "1.2.840.10008.5.1.4.1.1.1")
    assert "PresentationIntentType" not in data


def test_16_bit_pixels_stay_as_they_are(tmp_path: Path) -> None:
    wide = (np.arange(30, dtype=np.uint16) * 2184).reshape(5, 6)
    arguments = folder_of(tmp_path, {"a.png": Image.fromarray(wide)}, "file,patient_id\na.png,P1\n")
    found = import_images(*arguments, tmp_path / "out")
    np.testing.assert_array_equal(pixels_of(found.dicom), wide)
    studies, _ = dicom.index(found.dicom)
    assert len(studies) == 1


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "LA", "P", "1"])
def test_colour_and_transparency_become_the_grey_they_show(tmp_path: Path, mode: str) -> None:
    shown = np.where(GREY > 100, 255, 0).astype(np.uint8) if mode == "1" else GREY
    image = Image.fromarray(shown).convert(mode)
    if mode in {"LA", "RGBA"}:
        image.putalpha(Image.fromarray(np.full_like(GREY, 90)))
    arguments = folder_of(tmp_path, {"a.png": image}, "file,patient_id\na.png,P1\n")
    found = import_images(*arguments, tmp_path / "out")
    np.testing.assert_array_equal(pixels_of(found.dicom), shown)


def test_jpeg_is_marked_as_lossy_with_its_ratio(tmp_path: Path) -> None:
    arguments = folder_of(tmp_path, {"a.jpg": Image.fromarray(GREY)}, "file,patient_id\na.jpg,P1\n")
    (path,) = import_images(*arguments, tmp_path / "out").dicom.rglob("*.dcm")
    data = pydicom.dcmread(path)
    assert data.LossyImageCompression == "01"
    size = (arguments[0] / "a.jpg").stat().st_size
    assert float(data.LossyImageCompressionRatio) == pytest.approx(30 / size, abs=0.005)


def test_spacing_of_the_original_is_stretched_to_the_smaller_image(tmp_path: Path) -> None:
    arguments = folder_of(
        tmp_path,
        {"a.png": Image.fromarray(GREY)},
        "file,patient_id,pixel_spacing_x_mm,pixel_spacing_y_mm,original_width,original_height\n"
        "a.png,P1,0.2,0.1,60,25\n",
    )
    (path,) = import_images(*arguments, tmp_path / "out").dicom.rglob("*.dcm")
    # 25 rows 0.1 mm apart shown by 5: 0.5 mm; 60 columns 0.2 mm apart shown by 6: 2 mm.
    assert list(pydicom.dcmread(path).ImagerPixelSpacing) == [0.5, 2.0]


def test_images_of_one_study_come_together_and_patients_have_several(tmp_path: Path) -> None:
    images = {f"{name}.png": Image.fromarray(GREY + at) for at, name in enumerate("abcd")}
    arguments = folder_of(
        tmp_path,
        images,
        "image_id,patient_id,study_id,view,opacity\n"
        "a,P1,s1,PA,1\nb,P1,s1,L,1\nc,P1,s2,PA,0\nd,P2,s1,PA,0\n",
    )
    found = import_images(*arguments, tmp_path / "out")
    assert (found.n_images, found.n_studies, found.n_patients) == (4, 3, 2)
    studies, quarantined = dicom.index(found.dicom)
    assert quarantined == []
    assert sorted((study.patient_id, study.view) for study in studies) == [
        ("P1", "L,PA"),
        ("P1", "PA"),
        ("P2", "PA"),
    ]
    assert {record.study_uid for record in clinical.read(found.clinical)} == {
        study.study_uid for study in studies
    }


def test_a_second_run_writes_the_same_bytes_whatever_the_order_of_the_table(
    tmp_path: Path,
) -> None:
    images = {"a.png": Image.fromarray(GREY), "b.png": Image.fromarray(GREY + 1)}
    directory, metadata = folder_of(
        tmp_path, images, "file,patient_id,sex\na.png,P1,F\nb.png,P2,M\n"
    )
    import_images(directory, metadata, tmp_path / "out")
    first = contents(tmp_path / "out")
    metadata.write_text("file,patient_id,sex\nb.png,P2,M\na.png,P1,F\n", encoding="utf-8")
    import_images(directory, metadata, tmp_path / "out")
    assert contents(tmp_path / "out") == first
    assert len(first) == 4  # two images, clinical.csv, quarantine.csv


def test_equal_tables_of_other_images_give_other_uids(tmp_path: Path) -> None:
    uids = set()
    for shift in (0, 1):
        root = tmp_path / str(shift)
        root.mkdir()
        arguments = folder_of(
            root, {"a.png": Image.fromarray(GREY + shift)}, "file,patient_id\na.png,1\n"
        )
        found = import_images(*arguments, root / "out")
        uids |= {study.study_uid for study in dicom.index(found.dicom)[0]}
    assert len(uids) == 2


def test_columns_can_be_mapped(tmp_path: Path) -> None:
    arguments = folder_of(
        tmp_path,
        {"a.png": Image.fromarray(GREY)},
        "Bild,Person,Jahre,view\na.png,P1,44,left open\n",
    )
    found = import_images(
        *arguments,
        tmp_path / "out",
        columns={"image": "Bild", "patient": "Person", "age": "Jahre", "view": ""},
    )
    (record,) = clinical.read(found.clinical)
    assert (record.patient_id, record.age) == ("P1", 44)
    assert record.findings == {"view": "left open"}


def test_bad_images_are_listed_with_the_reason_and_the_rest_goes_on(tmp_path: Path) -> None:
    directory, metadata = folder_of(
        tmp_path,
        {"good.png": Image.fromarray(GREY)},
        "file,patient_id\ngood.png,P1\nabsent.png,P2\ntext.png,P3\ncut.png,P4\ndeep.png,P5\n"
        "../metadata.csv,P6\n",
    )
    (directory / "text.png").write_text("not an image")
    noise = np.random.default_rng(1).integers(0, 255, (64, 64), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(noise).save(buffer, "PNG")
    (directory / "cut.png").write_bytes(buffer.getvalue()[:2000])
    (directory / "deep.png").write_bytes(png_16_bit_with_alpha())
    found = import_images(directory, metadata, tmp_path / "out")
    assert found.n_images == 1
    reasons = {item.path.name: item.reason for item in found.quarantined}
    assert reasons["absent.png"] == "named in line 3, but not there"
    assert reasons["text.png"].startswith("not an image that can be read")
    assert reasons["cut.png"].startswith("damaged image")
    assert reasons["deep.png"].startswith("a 16-bit PNG with colour or transparency")
    assert reasons["metadata.csv"].endswith("but not there")  # outside the folder of the images
    with (tmp_path / "out" / "quarantine.csv").open(encoding="utf-8") as file:
        assert len(list(csv.DictReader(file))) == 5


def png_16_bit_with_alpha() -> bytes:
    """A 1 x 1 PNG of colour type 4 at 16 bit, by hand (PNG specification, section 5)."""

    def chunk(name: bytes, body: bytes) -> bytes:
        checksum = struct.pack(">I", zlib.crc32(name + body))
        return struct.pack(">I", len(body)) + name + body + checksum

    header = struct.pack(">IIBBBBB", 1, 1, 16, 4, 0, 0, 0)
    data = zlib.compress(b"\0" + struct.pack(">HH", 4660, 65535))
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("file,age\na.png,3\n", "line 1: no column for the patient; found file, age"),
        ("patient_id\nP1\n", "line 1: no column for the image; found patient_id"),
        ("file,patient_id\na.png,\n", "line 2: no patient; fill the cell"),
        ("file,patient_id\n", "no rows; expected one line for each image"),
        ("file,patient_id,age\na.png,P1,old\n", "line 2: age is 'old'; give years from 0"),
        ("file,patient_id,sex\na.png,P1,X\n", "line 2: sex is 'X'; expected"),
        (
            "file,patient_id,sex\na.png,P1,F\nb.png,P1,M\n",
            "line 3: sex is Male, but line 2 says Female for the same patient",
        ),
        ("file,patient_id\nb.png,P1\n", "none of its 1 images can be used"),
    ],
)
def test_a_table_that_cannot_be_used_says_why(tmp_path: Path, table: str, message: str) -> None:
    arguments = folder_of(tmp_path, {"a.png": Image.fromarray(GREY)}, table)
    with pytest.raises(ValueError, match=message):
        import_images(*arguments, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_mapped_column_that_is_not_there_is_named(tmp_path: Path) -> None:
    arguments = folder_of(tmp_path, {"a.png": Image.fromarray(GREY)}, "file,patient_id\na.png,P1\n")
    with pytest.raises(ConversionError, match="no column 'Alter' for the age; found file, pati"):
        import_images(*arguments, tmp_path / "out", columns={"age": "Alter"})
    with pytest.raises(ConversionError, match="column map: 'years' is unknown; expected image"):
        import_images(*arguments, tmp_path / "out", columns={"years": "age"})


def test_a_folder_with_other_things_is_not_overwritten(tmp_path: Path) -> None:
    arguments = folder_of(tmp_path, {"a.png": Image.fromarray(GREY)}, "file,patient_id\na.png,P1\n")
    with pytest.raises(ConversionError, match="is not empty and holds no imported commons"):
        import_images(*arguments, tmp_path)


def test_uids_are_valid_and_follow_from_their_parts() -> None:
    found = uid("study", "1")
    assert found == uid("study", "1")
    assert found != uid("study1")
    assert pydicom.uid.UID(found).is_valid
    assert len(found) <= 64


@pytest.mark.realdata
def test_real_radiographs_keep_every_pixel_and_every_label(
    tmp_path: Path, shared_data: Path
) -> None:
    source = shared_data / "images" / "nih_cxr"
    with (source / "metadata.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    chosen = rows[:40]
    metadata = tmp_path / "some.csv"
    with metadata.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(chosen[0]))
        writer.writeheader()
        writer.writerows(chosen)
    found = import_images(source, metadata, tmp_path / "out")
    assert (found.n_images, found.quarantined) == (40, ())
    records = {record.findings["image_id"]: record for record in clinical.read(found.clinical)}
    studies = {study.study_uid: study for study in dicom.index(found.dicom)[0]}
    for row in chosen:
        record = records[row["image_id"]]
        study = studies[record.study_uid]
        assert record.findings["Cardiomegaly"] == row["Cardiomegaly"]
        assert (study.patient_id, study.age) == (row["patient_id"], int(row["age"]))
        assert (study.view, study.sex[0]) == (row["view"], row["sex"])
        with Image.open(source / row["file"]) as image:
            expected = np.asarray(image)
        np.testing.assert_array_equal(pydicom.dcmread(study.files[0]).pixel_array, expected)
