"""A download of gen3-client held against its manifest."""

from __future__ import annotations

import hashlib
import json
import zipfile
from pathlib import Path

import pytest

from cohort_selection.sources.gen3 import opened
from cohort_selection.sources.source import Source, SourceError
from tests.support.commands import sequestra
from tests.support.dicom_files import write


class Download:
    """Files as MIDRC packs them, a zip archive a series, and their manifest."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.files = folder / "downloads"
        self.manifest = folder / "manifest.json"
        self.entries: list[dict[str, object]] = []

    def add(self, path: Path, name: str, place: str = "") -> Path:
        """Put a file where the client would, and list it."""
        own = f"dg.MD1R/{hashlib.sha256(name.encode()).hexdigest()[:32]}"
        there = self.files / (place or name).replace("GUID", own)
        there.parent.mkdir(parents=True, exist_ok=True)
        path.rename(there)
        self.entries.append(
            {
                "object_id": own,
                "file_name": name,
                "md5sum": hashlib.md5(there.read_bytes()).hexdigest(),
                "file_size": there.stat().st_size,
                "commons_url": "data.midrc.org",
            }
        )
        return there

    def series(self, number: int, images: int = 2, place: str = "") -> Path:
        packed = self.folder / "packed.zip"
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            for image in range(images):
                name = f"image {number} {image}"
                path = write(
                    self.folder / "one.dcm", name=name, patient=f"P{number}", study=f"S{number}"
                )
                archive.write(path, f"1.2.{number}/1.2.{number}.{image}.dcm")
            archive.writestr("__MACOSX/._x", b"litter")
        (self.folder / "one.dcm").unlink()
        return self.add(packed, f"case-{number}/1.2.{number}.zip", place)

    def opened(self) -> Source:
        self.manifest.write_text(json.dumps(self.entries))
        return opened(self.manifest, self.files, self.folder / "store")


@pytest.fixture
def download(tmp_path: Path) -> Download:
    return Download(tmp_path)


def images(source: Source) -> int:
    return sum(1 for path in source.folder.rglob("*.dcm"))


def test_a_series_in_an_archive_is_unpacked_under_names_of_ours(download: Download) -> None:
    download.series(1)
    download.series(2, place="GUID_case-2/1.2.2.zip")
    download.series(3, place="GUID")
    found = download.opened()
    assert found.notes == ("manifest.json: 3 files of 3 as listed",)
    assert images(found) == 6


def test_plain_files_are_linked(download: Download) -> None:
    path = download.add(write(download.folder / "a.dcm"), "a.dcm")
    (link,) = (path for path in download.opened().folder.iterdir())
    assert link.resolve() == path


def test_missing_and_differing_files_are_named_and_left_out(download: Download) -> None:
    whole, short, other, missing = (download.series(number) for number in range(4))
    short.write_bytes(short.read_bytes()[:-10])
    data = bytearray(other.read_bytes())
    data[-1] ^= 1
    other.write_bytes(data)
    missing.unlink()
    found = download.opened()
    (note,) = found.notes
    assert note.startswith("manifest.json: 1 file of 4 as listed; ")
    assert "1 of another size, as case-1/1.2.1.zip" in note
    assert "1 with another MD5, as case-2/1.2.2.zip" in note
    assert "1 missing, as case-3/1.2.3.zip" in note
    table = (download.folder / "store" / "left-out.csv").read_text()
    assert table.count("\n") == 4
    assert images(found) == 2
    assert whole.exists()


def test_a_second_run_reads_nothing_that_is_as_it_was(
    download: Download, monkeypatch: pytest.MonkeyPatch
) -> None:
    download.series(1)
    first = {path: path.stat().st_mtime_ns for path in download.opened().folder.rglob("*.dcm")}
    monkeypatch.setattr("cohort_selection.sources.gen3._md5", None)
    found = download.opened()
    assert {path: path.stat().st_mtime_ns for path in found.folder.rglob("*.dcm")} == first


def test_what_a_new_manifest_does_not_list_is_indexed_no_more(download: Download) -> None:
    download.series(1)
    download.series(2)
    assert images(download.opened()) == 4
    del download.entries[0]
    found = download.opened()
    assert images(found) == 2
    assert "1 of an earlier run indexed no more" in found.notes[0]


def test_an_archive_may_go_once_it_is_unpacked(download: Download) -> None:
    path = download.series(1)
    download.opened()
    path.unlink()
    found = download.opened()
    assert found.notes == ("manifest.json: 1 file of 1 as listed",)
    assert images(found) == 2


def test_files_of_one_name_are_told_apart_by_their_digests(download: Download) -> None:
    first = write(download.folder / "a", name="a")
    second = write(download.folder / "b", name="b")
    download.add(first, "image.dcm")
    download.add(second, "image.dcm", place="image_2.dcm")
    download.entries[1]["object_id"] = "another"
    assert download.opened().notes == ("manifest.json: 2 files of 2 as listed",)


@pytest.mark.parametrize("name", ["../../secret.dcm", "/etc/hostname", "a/../../secret.dcm"])
def test_no_name_leads_out_of_the_download(download: Download, name: str) -> None:
    secret = write(download.folder / "secret.dcm")
    download.series(1)
    download.entries.append({"object_id": "x", "file_name": name})
    (note,) = download.opened().notes
    assert "1 missing" in note
    assert secret.exists()


def test_an_archive_that_cannot_be_unpacked_is_told(download: Download) -> None:
    download.series(1)
    broken = download.folder / "broken"
    broken.write_bytes(b"PK\3\4" + b"x" * 100)
    download.add(broken, "broken.zip")
    (note,) = download.opened().notes
    assert "1 zip archives that cannot be unpacked, as broken.zip" in note


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "is no JSON"),
        ("{}", "is no list of files"),
        ("[]", "is no list of files"),
        ('["a"]', "entry 1 is no object"),
        ('[{"file_name": "a"}]', "entry 1 has no object_id"),
        ('[{"object_id": "a", "md5sum": "x"}]', "entry 1: md5sum is 'x'"),
        ('[{"object_id": "a", "file_size": -1}]', "entry 1: file_size is -1"),
        ('[{"object_id": "a", "file_size": 1}, {"object_id": "a"}]', "entry 2: a is listed twice"),
    ],
)
def test_what_is_no_manifest_is_told_in_a_sentence(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "manifest.json"
    path.write_text(text)
    with pytest.raises(SourceError, match=said):
        opened(path, tmp_path, tmp_path / "store")


def test_index_takes_a_manifest_with_node_tables(download: Download) -> None:
    from tests.support.dicom_files import uid

    for number in range(3):
        download.series(number)
    download.manifest.write_text(json.dumps(download.entries))
    nodes = {
        "case": "type\tsubmitter_id\tsex\trace\tage_at_index\n"
        + "".join(f"case\tP{n}\tFemale\tWhite\t{60 + n}\n" for n in range(3)),
        "imaging_study": "type\tsubmitter_id\tcase_ids\tstudy_uid\tstudy_modality\n"
        + "".join(f"imaging_study\tI{n}\tP{n}\t{uid(f'S{n}')}\tDX\n" for n in range(3)),
        "dx_series_file": "type\tsubmitter_id\tcase_ids\tstudy_uid\tseries_uid\tfile_name\n"
        + "".join(f"dx_series_file\tF{n}\tP{n}\t{uid(f'S{n}')}\t1.{n}\tx\n" for n in range(3)),
        "measurement": "type\tsubmitter_id\tcase_ids\ttest_result_text\ttest_days_from_index\n"
        + "measurement\tM\tP1\tPositive\t3\n",
    }
    options: list[str | Path] = []
    for name, text in nodes.items():
        (download.folder / f"{name}.tsv").write_text(text)
        options += ["--clinical", download.folder / f"{name}.tsv"]
    ended = sequestra(
        *("index", download.manifest, "--downloads", download.files, *options),
        *("--output", download.folder / "catalog", "--home", download.folder / "home"),
    )
    assert ended.code == 0, ended.complained
    assert "manifest.json: 3 files of 3 as listed" in ended.printed
    assert "3 studies and" in ended.printed
    assert "6 files, 6 read" in ended.printed
    assert "no clinical record" not in ended.printed
