"""Headers to studies: the real odd files, and files broken on purpose."""

from __future__ import annotations

import csv
import os
import zipfile
from pathlib import Path

import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import ImplicitVRLittleEndian

from cohort_selection.ages import years
from cohort_selection.dicom.studies import (
    EmptyCommons,
    Quarantined,
    Study,
    count_below,
    files_below,
    index,
)
from tests.support.dicom_files import write


def reasons(quarantined: list[Quarantined]) -> dict[str, str]:
    return {item.path.name: item.reason for item in quarantined}


def only_reason(folder: Path) -> str:
    """The reason of the one bad file in a folder that also gets a good one."""
    write(folder / "good.dcm", "good", "P9", "S9")
    studies, quarantined = index(folder)
    assert [study.patient_id for study in studies] == ["P9"]
    assert len(quarantined) == 1
    return quarantined[0].reason


@pytest.fixture(scope="module")
def real(shared_data: Path) -> tuple[dict[str, Study], dict[str, str]]:
    studies, quarantined = index(shared_data / "dicom")
    return {path.name: study for study in studies for path in study.files}, reasons(quarantined)


@pytest.mark.realdata
def test_every_real_file_is_read_or_kept_out_with_its_reason(
    real: tuple[dict[str, Study], dict[str, str]], shared_data: Path
) -> None:
    read, kept_out = real
    assert set(read) | set(kept_out) == {path.name for path in (shared_data / "dicom").iterdir()}
    assert set(read).isdisjoint(kept_out)
    copies = {
        name for name, reason in kept_out.items() if reason.startswith("a copy of ct_chest_e")
    }
    # The five ct_chest files are one slice in five transfer syntaxes (data/README.md).
    assert copies == {
        "ct_chest_implicit_le.dcm",
        "ct_chest_j2k_lossless.dcm",
        "ct_chest_jpeg_lossless_sv1.dcm",
        "ct_chest_rle.dcm",
    }
    assert kept_out["cr_chest_name_japanese.dcm"].startswith("no pixel data")
    assert kept_out["index.csv"] == "not a DICOM file: plain text"
    assert len(kept_out) == 6


@pytest.mark.realdata
def test_real_headers_agree_with_the_table_beside_them(
    real: tuple[dict[str, Study], dict[str, str]], shared_data: Path
) -> None:
    read, _ = real
    words = {"M": "Male", "F": "Female", "O": "Other", "": "Not Reported"}
    with (shared_data / "dicom" / "index.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if row["file"] not in read:
                continue
            study = read[row["file"]]
            assert study.modality == row["modality"]
            assert study.patient_id == row["patient_id"]
            assert study.body_part == row["body_part"]
            assert study.description == row["study_description"]
            assert study.manufacturer == row["manufacturer"]
            assert study.sex == words[row["patient_sex"]]
            position = row["patient_position"] if row["patient_position"] in {"AP", "PA"} else ""
            assert study.view == (row["view"] or position)
            fields = {
                "Rows": row["rows"],
                "Columns": row["columns"],
                "BitsStored": row["bits_stored"],
                "PhotometricInterpretation": row["photometric"],
                "PatientPosition": row["patient_position"],
                "ViewPosition": row["view"],
                "NumberOfFrames": row["frames"],
            }
            assert {name: study.fields.get(name, ("",)) for name in fields} == {
                name: (text,) for name, text in fields.items()
            }
            assert row["transfer_syntax_uid"] in study.fields["TransferSyntaxUID"]
            if row["patient_age"]:
                assert study.age == int(row["patient_age"].removesuffix("Y"))


@pytest.mark.realdata
def test_each_real_file_alone_is_read_or_kept_out(shared_data: Path, tmp_path: Path) -> None:
    with (shared_data / "dicom" / "index.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        folder = tmp_path / row["file"]
        folder.mkdir()
        (folder / row["file"]).symlink_to(shared_data / "dicom" / row["file"])
        if row["file"] == "cr_chest_name_japanese.dcm":  # its header says 32 x 32, and no more
            with pytest.raises(EmptyCommons, match="no pixel data"):
                index(folder)
            continue
        (study,), kept_out = index(folder)
        assert kept_out == []
        assert (study.patient_id, study.modality) == (row["patient_id"], row["modality"])
        assert study.fields["TransferSyntaxUID"] == (row["transfer_syntax_uid"],)
        assert study.fields["BitsStored"] == (row["bits_stored"],)


@pytest.mark.realdata
def test_age_follows_from_the_birth_date_where_no_age_is_given(
    real: tuple[dict[str, Study], dict[str, str]],
) -> None:
    study = real[0]["cr_chest_rg1_explicit_le.dcm"]
    assert study.acquired == "2004-08-26"
    assert study.age == 64  # born 1940-03-05
    assert len(study.files) == 2


def test_files_of_one_study_come_together_whatever_their_names(tmp_path: Path) -> None:
    write(tmp_path / "b" / "no_suffix", "one")
    write(tmp_path / "a" / "two.DCM", "two", ViewPosition="LL", Modality="CR")
    write(tmp_path / "c.dcm", "three", "P0", "S0")
    studies, quarantined = index(tmp_path)
    assert quarantined == []
    together = next(study for study in studies if study.patient_id == "P1")
    assert [path.name for path in together.files] == ["two.DCM", "no_suffix"]
    assert (together.modality, together.view) == ("CR,DX", "LL,PA")
    assert (together.age, together.sex) == (61, "Female")


def test_a_study_has_each_value_of_its_images_once(tmp_path: Path) -> None:
    write(tmp_path / "1", "a", BitsStored=12, HighBit=11, ImageType=["DERIVED", "PRIMARY"])
    write(tmp_path / "2", "b", ImageType=["DERIVED", "PRIMARY"], KVP="90.0", Grid="NONE")
    (study,) = index(tmp_path)[0]
    assert study.fields["BitsStored"] == ("12", "16")
    assert study.fields["ImageType"] == ("DERIVED\\PRIMARY",)
    assert study.fields["KVP"] == ("", "90.0")  # one image does not say
    assert study.fields["Grid"] == ("", "NONE")
    assert "SliceThickness" not in study.fields


def test_what_is_kept_of_a_header_names_nobody_and_no_day(tmp_path: Path) -> None:
    write(
        tmp_path / "1",
        InstitutionName="Saint Nowhere",
        OperatorsName="Doe^Jane",
        StationName="ROOM1",
        DeviceSerialNumber="4711",
        SeriesDescription="cardiomegaly",
        AcquisitionDate="20200102",
    )
    (study,) = index(tmp_path)[0]
    kept = "".join(text for values in study.fields.values() for text in values)
    for text in ("Nowhere", "Doe", "ROOM1", "4711", "cardiomegaly", "20200102"):
        assert text not in kept


def test_the_order_of_files_on_disk_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(6):
        write(tmp_path / f"{number}.dcm", str(number), f"P{number // 2}", f"S{number // 2}")
    (tmp_path / "x.txt").write_text("hello")
    (tmp_path / "y.txt").write_text("hello")
    expected = index(tmp_path)
    walk = os.walk

    def backwards(top: Path) -> list[tuple[str, list[str], list[str]]]:
        return [(folder, folders, names[::-1]) for folder, folders, names in walk(top)][::-1]

    monkeypatch.setattr(os, "walk", backwards)
    assert index(tmp_path) == expected


def test_a_file_without_preamble_is_read(tmp_path: Path) -> None:
    source = pydicom.dcmread(write(tmp_path / "source.dcm"))
    del source.file_meta
    source.remove_private_tags()
    with (tmp_path / "bare.dcm").open("wb") as file:
        pydicom.dcmwrite(file, Dataset(source), implicit_vr=True, little_endian=True)
    (tmp_path / "source.dcm").unlink()
    assert not (tmp_path / "bare.dcm").read_bytes()[128:].startswith(b"DICM")
    studies, quarantined = index(tmp_path)
    assert quarantined == []
    assert studies[0].patient_id == "P1"


def test_progress_counts_every_file(tmp_path: Path) -> None:
    write(tmp_path / "a.dcm", "a")
    (tmp_path / "b.txt").write_text("text")
    seen: list[tuple[int, int]] = []
    index(tmp_path, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(1, 2), (2, 2)]


def test_a_zip_in_place_of_a_dicom_is_named_as_one(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "bad.dcm", "w") as archive:
        archive.writestr("inside.dcm", "x" * 500)
    assert only_reason(tmp_path) == "not a DICOM file: a zip archive; unpack it"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "an empty file"),
        (b"patient,age\nA,3\n", "not a DICOM file: plain text"),
        (b"\x89PNG\r\n\x1a\n" + bytes(200), "a PNG image"),
        (bytes(400), "no DICM mark at byte 128"),
        (bytes(128) + b"DICM", "truncated"),
    ],
)
def test_what_is_not_dicom_is_told_apart(tmp_path: Path, content: bytes, reason: str) -> None:
    (tmp_path / "bad.dcm").write_bytes(content)
    assert reason in only_reason(tmp_path)


def test_truncation_at_any_byte_is_a_quarantine_and_never_a_study(tmp_path: Path) -> None:
    whole = write(tmp_path / "whole.dcm").read_bytes()
    for length in range(0, len(whole), 7):
        folder = tmp_path / str(length)
        folder.mkdir()
        (folder / "cut.dcm").write_bytes(whole[:length])
        with pytest.raises(EmptyCommons, match="no usable DICOM image"):
            index(folder)


def test_a_file_cut_in_its_pixels_says_how_much_is_there(tmp_path: Path) -> None:
    path = write(tmp_path / "cut.dcm")
    path.write_bytes(path.read_bytes()[:-10])
    assert (
        only_reason(tmp_path) == "truncated: its pixel data should hold 48 bytes and 38 are there"
    )


@pytest.mark.realdata
@pytest.mark.parametrize(
    "name", ["ct_chest_rle.dcm", "ct_chest_j2k_lossless.dcm", "cr_chest_rsna_jpeg_baseline.dcm"]
)
def test_compressed_pixels_cut_short_are_found(
    tmp_path: Path, shared_data: Path, name: str
) -> None:
    whole = (shared_data / "dicom" / name).read_bytes()
    (tmp_path / "cut.dcm").write_bytes(whole[:-1000])
    assert only_reason(tmp_path).startswith("truncated: its compressed pixel data")


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"StudyInstanceUID": None}, "no StudyInstanceUID in its header"),
        ({"PatientID": ""}, "no PatientID in its header"),
        ({"SOPInstanceUID": None}, "no SOPInstanceUID in its header"),
        ({"Modality": None}, "no Modality in its header"),
        ({"Modality": "SR"}, "modality SR is not an image"),
        ({"PixelData": None}, "no pixel data"),
        ({"Rows": None}, "unreadable pixel description: Rows 0, Columns 6, BitsAllocated 16"),
        ({"Rows": 400}, "ask for 4800 bytes, the pixel data holds 48"),
    ],
)
def test_a_header_that_cannot_make_a_case_is_kept_out(
    tmp_path: Path, fields: dict[str, object], reason: str
) -> None:
    write(tmp_path / "bad.dcm", "bad", "P1", "S1", **fields)
    assert reason in only_reason(tmp_path)


def test_a_wrong_modality_is_no_matter_for_the_quarantine(tmp_path: Path) -> None:
    write(tmp_path / "mr.dcm", Modality="MR")
    studies, quarantined = index(tmp_path)
    assert ([study.modality for study in studies], quarantined) == (["MR"], [])


def test_two_patients_under_one_study_put_the_whole_study_out(tmp_path: Path) -> None:
    write(tmp_path / "good.dcm", "good", "P9", "S9")
    write(tmp_path / "a.dcm", "a", "P1", "S1")
    write(tmp_path / "b.dcm", "b", "P2", "S1")
    studies, quarantined = index(tmp_path)
    assert [study.patient_id for study in studies] == ["P9"]
    assert [item.path.name for item in quarantined] == ["a.dcm", "b.dcm"]
    assert all("stands under 2 different PatientIDs" in item.reason for item in quarantined)


def test_one_image_in_two_studies_is_in_neither(tmp_path: Path) -> None:
    write(tmp_path / "good.dcm", "good", "P9", "S9")
    write(tmp_path / "a.dcm", "same", "P1", "S1")
    write(tmp_path / "b.dcm", "same", "P2", "S2")
    studies, quarantined = index(tmp_path)
    assert [study.patient_id for study in studies] == ["P9"]
    assert all("stands in two studies" in item.reason for item in quarantined)


def test_a_message_names_no_patient(tmp_path: Path) -> None:
    write(tmp_path / "a.dcm", "a", "SECRET-1", "S1")
    write(tmp_path / "b.dcm", "b", "SECRET-2", "S1")
    with pytest.raises(EmptyCommons) as caught:
        index(tmp_path)
    assert "SECRET" not in str(caught.value)


def test_an_empty_folder_says_so(tmp_path: Path) -> None:
    with pytest.raises(EmptyCommons, match="is an empty folder; expected DICOM files"):
        index(tmp_path)


def test_a_folder_that_is_not_there_says_so(tmp_path: Path) -> None:
    with pytest.raises(EmptyCommons, match="is not there; give the folder"):
        index(tmp_path / "nowhere")


def test_an_undecodable_transfer_syntax_is_kept_out(tmp_path: Path) -> None:
    path = write(tmp_path / "bad.dcm")
    data = pydicom.dcmread(path)
    assert data.file_meta.TransferSyntaxUID != ImplicitVRLittleEndian
    content = path.read_bytes()
    # MPEG2 main profile, written over the explicit little endian UID of the same field.
    mpeg = b"1.2.840.10008.1.2.4.100\0"
    at = content.index(b"1.2.840.10008.1.2.1\0", 128)
    grown = content[: at - 2] + len(mpeg).to_bytes(2, "little") + mpeg + content[at + 20 :]
    path.write_bytes(grown)
    assert only_reason(tmp_path).startswith("no decoder here for its transfer syntax (MPEG2")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("052Y", 52),
        ("62", 62),
        ("018M", 1),
        ("006M", 0),
        ("104W", 2),
        ("400D", 1),
        ("000Y", 0),
        ("", None),
        ("999Y", None),
        ("old", None),
    ],
)
def test_dicom_ages_are_whole_years(text: str, expected: int | None) -> None:
    assert years(text) == expected


def test_files_are_counted_as_they_are_listed(tmp_path: Path) -> None:
    """Three files in folders, a link to one, a link to nothing; no pipe, no litter, no folder."""
    (tmp_path / "a" / "b").mkdir(parents=True)
    for name in ("one", "a/two", "a/b/three", "a/.hidden", "Thumbs.db"):
        (tmp_path / name).write_text("x")
    (tmp_path / "link").symlink_to(tmp_path / "one")
    (tmp_path / "lost").symlink_to(tmp_path / "nothing")
    (tmp_path / "folder").symlink_to(tmp_path / "a")
    os.mkfifo(tmp_path / "pipe")
    listed = list(files_below(tmp_path))
    assert [str(file.path.relative_to(tmp_path)) for file in listed] == [
        "a/b/three", "a/two", "link", "lost", "one",
    ]  # fmt: skip
    assert [file.problem for file in listed if file.problem] == [
        "cannot be read: No such file or directory"
    ]
    assert count_below(tmp_path) == 5
