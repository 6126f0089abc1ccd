"""Practice cases as one tar: what is in it, read by another program, and what is never taken."""

from __future__ import annotations

import hashlib
import io
import os
import subprocess
import tarfile
from pathlib import Path

import pytest

from submissions.practice_archive import PracticeArchiveError, is_whole, pack, unpack
from tests.support.practice_files import FILES, LIST, practice_cases

ROW = "case_id,patient_id,label,files\nc,p,0,{}\n"


@pytest.fixture
def packed(tmp_path: Path) -> Path:
    file = tmp_path / "practice.tar"
    file.write_bytes(b"".join(pack(practice_cases(tmp_path / "practice")).pieces()))
    return file


def test_another_program_finds_the_list_and_its_files_alone(packed: Path, tmp_path: Path) -> None:
    told = pack(tmp_path / "practice")
    assert told.n_cases == 2
    assert told.size == packed.stat().st_size
    assert told.sha256 == hashlib.sha256(packed.read_bytes()).hexdigest()
    out = tmp_path / "out"
    out.mkdir()
    subprocess.run(["tar", "-xf", packed, "-C", out], check=True)
    found = {str(f.relative_to(out)): f.read_bytes() for f in out.rglob("*") if f.is_file()}
    assert found == {**FILES, "open.csv": LIST.encode()}


def test_the_same_cases_give_the_same_bytes(packed: Path, tmp_path: Path) -> None:
    again = practice_cases(tmp_path / "again")
    os.utime(again / "open.csv", (1, 1))
    assert b"".join(pack(again).pieces()) == packed.read_bytes()


def test_what_was_packed_is_unpacked(packed: Path, tmp_path: Path) -> None:
    new = tmp_path / "new"
    new.mkdir()
    assert unpack(packed, new) == new / "open.csv"
    assert {str(f.relative_to(new)) for f in new.rglob("*") if f.is_file()} == {*FILES, "open.csv"}
    assert all((new / name).read_bytes() == content for name, content in FILES.items())
    assert is_whole(new)
    (new / "images/case-000001/0001.dcm").unlink()
    assert not is_whole(new)


@pytest.mark.parametrize(
    "named",
    ["/etc/hostname", "../hidden", "images/../../hidden", "images/c/../x", "hidden", "images/c/.x"],
)
def test_a_list_that_names_another_place_is_not_packed(tmp_path: Path, named: str) -> None:
    folder = practice_cases(tmp_path / "practice")
    (tmp_path / "hidden").write_text("hidden")
    (folder / "open.csv").write_text(ROW.format(named))
    with pytest.raises(PracticeArchiveError, match="where images/CASE/FILE was expected"):
        pack(folder)


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    folder = practice_cases(tmp_path / "practice")
    file = folder / "images/case-000001/0001.dcm"
    (tmp_path / "hidden").write_text("hidden")
    file.unlink()
    file.symlink_to(tmp_path / "hidden")
    with pytest.raises(PracticeArchiveError, match="is a link"):
        pack(folder)
    folder = practice_cases(tmp_path / "second")
    (folder / "images/case-000001").rename(tmp_path / "elsewhere")
    (folder / "images/case-000001").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(PracticeArchiveError, match="is a link"):
        pack(folder)


def tar(tmp_path: Path, *members: tuple[tarfile.TarInfo, bytes]) -> Path:
    file = tmp_path / "made.tar"
    with tarfile.open(file, "w") as made:
        for header, content in members:
            header.size = len(content)
            made.addfile(header, io.BytesIO(content))
    return file


def plain(name: str, content: bytes = b"x") -> tuple[tarfile.TarInfo, bytes]:
    return tarfile.TarInfo(name), content


def special(name: str, kind: bytes, link: str = "") -> tuple[tarfile.TarInfo, bytes]:
    header = tarfile.TarInfo(name)
    header.type, header.linkname = kind, link
    return header, b""


GOOD = (plain("open.csv", ROW.format("images/c/1").encode()), plain("images/c/1"))


@pytest.mark.parametrize(
    ("members", "told"),
    [
        ((plain("/tmp/absolute"),), "no plain file of a practice case"),
        ((plain("../parent"),), "no plain file of a practice case"),
        ((plain("images/../../parent/x"),), "no plain file of a practice case"),
        ((plain("images/c/../../x"),), "no plain file of a practice case"),
        ((plain("elsewhere"),), "no plain file of a practice case"),
        ((special("images/c/2", tarfile.SYMTYPE, "/tmp"),), "no plain file of a practice case"),
        ((special("images/c/2", tarfile.LNKTYPE, "open.csv"),), "no plain file"),
        ((special("images/c/2", tarfile.FIFOTYPE),), "no plain file of a practice case"),
        ((plain("images/c/1"),), "comes twice"),
        ((plain("images/c/2"),), "names other files than those that came"),
    ],
)
def test_a_member_that_is_no_file_of_a_case_is_refused(
    tmp_path: Path, members: tuple[tuple[tarfile.TarInfo, bytes], ...], told: str
) -> None:
    new = tmp_path / "new"
    new.mkdir()
    before = set(tmp_path.iterdir())
    with pytest.raises(PracticeArchiveError, match=told):
        unpack(tar(tmp_path, *GOOD, *members), new)
    assert set(tmp_path.iterdir()) - before == {tmp_path / "made.tar"}
    assert not any(path.is_symlink() for path in new.rglob("*"))


def test_a_list_that_names_a_file_which_did_not_come_is_refused(tmp_path: Path) -> None:
    new = tmp_path / "new"
    new.mkdir()
    with pytest.raises(PracticeArchiveError, match="names other files than those that came"):
        unpack(tar(tmp_path, GOOD[0]), new)
    new = tmp_path / "without-list"
    new.mkdir()
    with pytest.raises(PracticeArchiveError, match=r"has no open\.csv"):
        unpack(tar(tmp_path, GOOD[1]), new)
