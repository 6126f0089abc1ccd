"""The quick header parser against pydicom: the same answer, or none of its own."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import ImplicitVRLittleEndian

from cohort_selection.commons.radiograph import Radiograph, uid, write_radiograph
from cohort_selection.dicom import elements
from cohort_selection.dicom.compiled_walk import compiled_values
from cohort_selection.dicom.element_walk import Odd, wanted_values
from cohort_selection.dicom.header import Header, Quarantined, read_header, read_header_with_pydicom


def dataset(path: Path) -> Dataset:
    """A small radiograph, written to ``path`` and read back."""
    write_radiograph(
        path,
        Radiograph(
            pixels=np.arange(24, dtype=np.uint16).reshape(4, 6),
            study_uid=uid("S"),
            series_uid=uid("series"),
            instance_uid=uid("I"),
            patient_id="P",
            sex="Male",
            age=44,
            view="AP",
        ),
        "DX",
    )
    return pydicom.dcmread(path)


def agreed(path: Path) -> Header:
    """The header that both readers give."""
    quick = read_header(path)
    assert quick == read_header_with_pydicom(path)
    assert isinstance(quick, Header)
    return quick


@pytest.mark.realdata
def test_both_readers_agree_on_every_real_file(shared_data: Path) -> None:
    for path in sorted((shared_data / "dicom").iterdir()):
        assert read_header(path) == read_header_with_pydicom(path), path.name


@pytest.mark.parametrize("implicit", [False, True])
@pytest.mark.parametrize("undefined", [False, True])
def test_a_loinc_code_is_found_in_its_sequence(
    tmp_path: Path, implicit: bool, undefined: bool
) -> None:
    path = tmp_path / "a.dcm"
    data = dataset(path)
    local, loinc = Dataset(), Dataset()
    local.CodeValue, local.CodingSchemeDesignator, local.CodeMeaning = "7", "99X", "Chest, local"
    loinc.CodeValue, loinc.CodingSchemeDesignator, loinc.CodeMeaning = "36643-5", "LN", "XR Chest"
    data.ProcedureCodeSequence = [local, loinc]
    data["ProcedureCodeSequence"].is_undefined_length = undefined
    for item in data.ProcedureCodeSequence:
        item.is_undefined_length_sequence_item = undefined
    if implicit:
        data.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
    data.save_as(path, implicit_vr=implicit, little_endian=True)
    assert agreed(path).loinc == "36643-5"


@pytest.mark.parametrize(
    ("character_set", "text"),
    [
        ("ISO_IR 192", "Röntgen des Thorax, 胸部"),
        ("ISO_IR 100", "Röntgen des Thorax"),
        ("ISO_IR 144", "Рентген"),
        (["", "ISO 2022 IR 87"], "胸部"),
    ],
)
def test_text_beyond_ascii_is_read(
    tmp_path: Path, character_set: str | list[str], text: str
) -> None:
    path = tmp_path / "a.dcm"
    data = dataset(path)
    data.SpecificCharacterSet = character_set
    data.StudyDescription = text
    data.save_as(path)
    assert agreed(path).description == text


def test_nested_sequences_and_private_elements_are_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "a.dcm"
    data = dataset(path)
    inner, outer = Dataset(), Dataset()
    inner.PatientID = "NOT ME"
    outer.ReferencedStudySequence = [inner]
    outer["ReferencedStudySequence"].is_undefined_length = True
    data.RequestAttributesSequence = [outer]
    data["RequestAttributesSequence"].is_undefined_length = True
    data.add_new(0x00090010, "LO", "VENDOR")
    data.add_new(0x00091001, "UN", b"\x01\x02" * 9000)  # more than the first read holds
    data.save_as(path)
    assert agreed(path).patient_id == "P"


def test_a_damaged_file_never_gets_two_readings(tmp_path: Path) -> None:
    path = tmp_path / "a.dcm"
    dataset(path)
    whole = path.read_bytes()
    chance = random.Random(20240101)
    read = 0
    for _ in range(400):
        damaged = bytearray(whole)
        for _ in range(chance.choice([1, 1, 2, 5])):
            damaged[chance.randrange(128, len(damaged))] = chance.randrange(256)
        if chance.random() < 0.1:
            del damaged[chance.randrange(1, len(damaged)) :]
        path.write_bytes(damaged)
        quick, sure = read_header(path), read_header_with_pydicom(path)
        # Where pydicom gives a file up, the quick parser may still have read it; never otherwise.
        if isinstance(sure, Header):
            assert quick == sure
            read += 1
        else:
            assert isinstance(quick, Header | Quarantined)
    assert read > 100


def test_a_file_that_may_not_be_read_says_so(tmp_path: Path) -> None:
    found = read_header(tmp_path / "gone.dcm")
    assert isinstance(found, Quarantined)
    assert found.reason == "cannot be read: No such file or directory"


@pytest.mark.parametrize("syntax", [b"1.2.840.10008.1.2.9", b"9.9.9.9.9.9.9.9.9.9"])
def test_a_transfer_syntax_that_nobody_knows_is_kept_out(tmp_path: Path, syntax: bytes) -> None:
    path = tmp_path / "a.dcm"
    dataset(path)
    content = path.read_bytes()
    path.write_bytes(content.replace(b"1.2.840.10008.1.2.1\0", syntax.ljust(20, b"\0"), 1))
    found = read_header(path)
    assert isinstance(found, Quarantined)
    assert found.reason == f"no decoder here for its transfer syntax ({syntax.decode()})"


def walked(
    walk: Callable[..., tuple[dict[int, bytes], int]], content: bytes, explicit: bool
) -> object:
    """What a walk over everything behind group 2 gives, or how it fails."""
    body = 144 + int.from_bytes(content[140:144], "little")
    try:
        found, at = walk(content, body, len(content), explicit=explicit)
    except Odd:
        return "odd"
    except (IndexError, struct.error):
        return "beyond the end"
    return list(found.items()), at


@pytest.mark.parametrize("implicit", [False, True])
def test_the_compiled_walk_gives_the_same_values_and_errors(tmp_path: Path, implicit: bool) -> None:
    """Of sound and damaged headers, with sequences in sequences of undefined length."""
    path = tmp_path / "a.dcm"
    data = dataset(path)
    inner, outer = Dataset(), Dataset()
    inner.PatientID, inner.CodeMeaning = "NOT ME", "Chest"
    outer.ReferencedStudySequence = [inner, inner]
    data.RequestAttributesSequence = [outer, outer]
    for holder in (data["RequestAttributesSequence"], outer["ReferencedStudySequence"]):
        holder.is_undefined_length = True
        for item in holder.value:
            item.is_undefined_length_sequence_item = True
    data.file_meta.TransferSyntaxUID = (
        ImplicitVRLittleEndian if implicit else data.file_meta.TransferSyntaxUID
    )
    data.save_as(path, implicit_vr=implicit, little_endian=True)
    whole, explicit = path.read_bytes(), not implicit
    sound = walked(compiled_values, whole, explicit)
    assert sound == walked(wanted_values, whole, explicit)
    assert isinstance(sound, tuple)
    assert (0x00100020, b"P ") in sound[0]
    chance = random.Random(20240102)
    seen = set()
    for _ in range(1500):
        damaged = bytearray(whole)
        at = chance.randrange(400, len(damaged) - 60)
        damaged[at : at + 1] = chance.choice(
            [b"", b"\xff", b"\xfe\xff\x0d\xe0", b"\0", b"\xff" * 4]
        )
        if chance.random() < 0.2:
            del damaged[chance.randrange(400, len(damaged)) :]
        found = walked(wanted_values, bytes(damaged), explicit)
        assert walked(compiled_values, bytes(damaged), explicit) == found
        seen.add(found if isinstance(found, str) else "values")
    assert seen == {"odd", "beyond the end", "values"}


def test_both_readers_agree_once_the_walk_is_compiled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(elements, "_walk", elements._walk)  # put back afterwards
    elements.compile_walk()
    assert elements._walk is compiled_values
    path = tmp_path / "a.dcm"
    data = dataset(path)
    data.add_new(0x00090010, "LO", "VENDOR")
    data.add_new(0x00091001, "UN", b"\x01\x02" * 9000)
    data.StudyDescription = "CHEST"
    data.save_as(path)
    assert agreed(path).description == "CHEST"


def test_sequences_in_sequences_without_end_stop_nothing(tmp_path: Path) -> None:
    """20,000 levels: more than Python calls functions inside of one another."""
    path = tmp_path / "a.dcm"
    dataset(path)
    content = path.read_bytes()
    at = content.index(b"\x10\x00\x10\x00PN")
    opened = b"\x08\x00\x40\x11SQ\0\0" + b"\xff" * 4 + b"\xfe\xff\0\xe0" + b"\xff" * 4
    closed = b"\xfe\xff\x0d\xe0\0\0\0\0" + b"\xfe\xff\xdd\xe0\0\0\0\0"
    path.write_bytes(content[:at] + opened * 20_000 + closed * 20_000 + content[at:])
    found = read_header(path)
    assert isinstance(found, Header)
    assert found.patient_id == "P"
