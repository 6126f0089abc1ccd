"""Storage folders of archives: known by their layout, what is no image told by what it is."""

from __future__ import annotations

import shutil
from pathlib import Path

import httpx
import pydicom
import pytest

from cohort_selection.sources.archives import Archive, opened, recognised
from cohort_selection.sources.source import SourceError
from tests.support.commands import sequestra
from tests.support.dicom_files import write
from tests.support.orthanc import orthanc


def files_of(folder: Path) -> set[str]:
    return {path.name for path in folder.rglob("*") if path.is_file() and path.name[0] != "."}


def test_any_other_folder_is_indexed_as_it_is(tmp_path: Path) -> None:
    folder = tmp_path / "commons"
    write(folder / "site" / "2021" / "03" / "a.dcm")
    write(folder / "00" / "01" / "b.dcm", name="b")
    found = opened(folder, tmp_path / "links")
    assert (found.folder, found.notes) == (folder, ())
    assert not (tmp_path / "links").exists()


def test_orthanc_keeps_attachments_that_are_no_images(tmp_path: Path) -> None:
    (tmp_path / "orthanc").mkdir()
    with orthanc(tmp_path / "orthanc") as server:
        for number in range(5):
            own = server.store(write(tmp_path / f"{number}.dcm", name=f"i{number}", study="S"))
        place = f"{server.base}/instances/{own}/attachments"
        assert httpx.put(f"{place}/1024", content=b'{"finding": 1}').status_code == 200
        assert httpx.put(f"{place}/1025", content=b"%PDF-1.4 a letter").status_code == 200
        assert recognised(server.storage) is Archive.ORTHANC
        found = opened(server.storage, tmp_path / "links")
    assert "Orthanc's storage: 5 files to index" in found.notes[0]
    assert "1 attachments in JSON" in found.notes[1]
    assert "1 other attachments" in found.notes[1]
    links = [path for path in found.folder.rglob("*") if path.is_symlink()]
    uids = {str(pydicom.dcmread(path).SOPInstanceUID) for path in links}
    made = {str(pydicom.dcmread(path).SOPInstanceUID) for path in tmp_path.glob("*.dcm")}
    assert (len(links), uids) == (5, made)


def test_orthancs_compression_is_told_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "orthanc").mkdir()
    with orthanc(tmp_path / "orthanc", StorageCompression=True) as server:
        server.store(write(tmp_path / "a.dcm"))
        with pytest.raises(SourceError) as refused:
            opened(server.storage, tmp_path / "links")
    said = str(refused.value)
    assert "2 files that Orthanc compressed (StorageCompression)" in said  # image and its header
    assert "DICOMweb address" in said
    assert "\n" not in said


def test_dcm4chees_folders_have_images_alone(tmp_path: Path) -> None:
    folder = tmp_path / "fs1"
    for number in range(3):
        write(folder / f"2021/03/04/0A1B2C3D/4E5F6A7B/{number:08X}", name=f"i{number}")
    found = opened(folder, tmp_path / "links")
    assert found.folder == folder
    assert "dcm4chee's storage" in found.notes[0]


def test_ctps_folders_have_lists_and_previews(tmp_path: Path) -> None:
    study = tmp_path / "root" / "__default" / "ST-3141"
    for number in range(3):
        write(study / f"FO-{number}.dcm", name=f"i{number}")
    (study / "__index.xml").write_text("<index/>")
    (study.parent / "__index.xml").write_text("<index/>")
    (study / "FO-0.dcm[256;64;-1].jpeg").write_bytes(b"\xff\xd8\xff")
    (study / "FO-9.xml").write_text("<manifest/>")
    found = opened(tmp_path / "root", tmp_path / "links")
    assert files_of(found.folder) == {"FO-0.dcm", "FO-1.dcm", "FO-2.dcm"}
    assert found.notes[0].endswith("the storage of RSNA's CTP: 3 files to index")
    assert "2 lists of CTP's own" in found.notes[1]
    assert "1 previews" in found.notes[1]
    assert "1 objects that are no DICOM" in found.notes[1]


def test_xnats_archive_has_catalogs_previews_and_resources(tmp_path: Path) -> None:
    session = tmp_path / "archive" / "PROJECT" / "arc001" / "SESSION"
    for number in range(4):
        write(session / "SCANS" / "1" / "DICOM" / f"{number}.dcm", name=f"i{number}")
    (session / "SCANS" / "1" / "DICOM" / "scan_1_catalog.xml").write_text("<cat:DCMCatalog/>")
    (session / "SCANS" / "1" / "SNAPSHOTS").mkdir()
    (session / "SCANS" / "1" / "SNAPSHOTS" / "SESSION_1_t.gif").write_bytes(b"GIF89a")
    (session / "RESOURCES" / "notes").mkdir(parents=True)
    (session / "RESOURCES" / "notes" / "read.txt").write_text("a note of a hundred words " * 10)
    write(session / "ASSESSORS" / "A1" / "SEG" / "seg.dcm", name="of an assessor")
    found = opened(tmp_path / "archive", tmp_path / "links")
    assert files_of(found.folder) == {"0.dcm", "1.dcm", "2.dcm", "3.dcm", "seg.dcm"}
    assert "XNAT's archive: 5 files" in found.notes[0]
    for said in ("1 catalogs of XNAT's own", "1 previews", "1 resources that are no DICOM"):
        assert said in found.notes[1]


def test_a_medium_is_read_by_its_dicomdir(tmp_path: Path) -> None:
    made = Path(pydicom.data.__file__).parent / "test_files" / "dicomdirtests"
    medium = tmp_path / "cd"
    medium.mkdir()
    for name in ("DICOMDIR", "77654033", "98892001", "98892003"):
        (shutil.copytree if (made / name).is_dir() else shutil.copy)(made / name, medium / name)
    (medium / "VIEWER.EXE").write_bytes(b"MZ" + bytes(300))
    (medium / "77654033" / "CR1" / "6154").unlink()
    found = opened(medium, tmp_path / "links")
    assert "a DICOM medium with its DICOMDIR: 30 files to index" in found.notes[0]  # of 31
    assert "1 file of the 31 that DICOMDIR lists not there, as 77654033/CR1/6154" in found.notes[1]
    assert "1 files that are no DICOM and not listed, as a viewer's" in found.notes[2]
    assert opened(medium / "DICOMDIR", tmp_path / "links") == found
    (medium / "DICOMDIR").write_bytes(b"DICOMDIR")
    with pytest.raises(SourceError, match="cannot be read as a DICOMDIR"):
        opened(medium, tmp_path / "links")


def test_links_never_replace_files_of_others(tmp_path: Path) -> None:
    (tmp_path / "links").mkdir()
    (tmp_path / "links" / "mine.txt").touch()
    study = tmp_path / "root" / "ST-1"
    write(study / "FO-1.dcm")
    (study / "__index.xml").touch()
    with pytest.raises(ValueError, match="holds files that are no links"):
        opened(tmp_path / "root", tmp_path / "links")
    assert (tmp_path / "links" / "mine.txt").exists()


def test_index_names_the_archive(tmp_path: Path) -> None:
    study = tmp_path / "root" / "ST-1"
    for number in range(3):
        write(study / f"FO-{number}.dcm", name=f"i{number}", patient="P", study="S")
    (study / "__index.xml").write_text("<index/>")
    (tmp_path / "patients.csv").write_text("patient_id,sex\nP,F\n")
    arguments = (
        *("index", tmp_path / "root", "--clinical", tmp_path / "patients.csv"),
        *("--output", tmp_path / "catalog", "--home", tmp_path / "home"),
    )
    first, second = sequestra(*arguments), sequestra(*arguments)
    assert first.code == 0, first.complained
    assert "RSNA's CTP: 3 files to index" in first.printed
    assert "1 lists of CTP's own" in first.printed
    assert "3 files, 3 read, 0 unchanged" in first.printed
    assert "3 files, 0 read, 3 unchanged" in second.printed
