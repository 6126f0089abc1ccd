"""A real Orthanc: all that stays there comes, each file once and as it was stored."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pydicom
import pytest
from pydicom.data import get_testdata_file

from cohort_selection.sources import server as asked
from cohort_selection.sources.credentials import Credentials
from cohort_selection.sources.listed_studies import ListedStudies
from cohort_selection.sources.listing import Listing, Period
from cohort_selection.sources.retrieval import fetch
from cohort_selection.sources.server import Row, Server
from cohort_selection.sources.source import SourceError
from tests.support.commands import PROGRAM, environment, sequestra
from tests.support.dicom_files import write
from tests.support.installation import kill, process, until
from tests.support.orthanc import Orthanc, needed, orthanc

SYNTAXES = {
    "JPEG2000.dcm": "1.2.840.10008.1.2.4.91",
    "MR_small_RLE.dcm": "1.2.840.10008.1.2.5",
    "SC_rgb_jpeg_gdcm.dcm": "1.2.840.10008.1.2.4.70",
    "SC_rgb_small_odd_big_endian.dcm": "1.2.840.10008.1.2.2",
}
"""Files of pydicom's tests, and how their pixels are stored: 2000, RLE, lossless, big endian."""

EVER = Period()


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Orthanc]:
    folder = tmp_path / "orthanc"
    folder.mkdir()
    with orthanc(folder) as server:
        yield server


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asked, "WAITS", (0.0, 0.0))


def client(running: Orthanc) -> Server:
    return Server(running.address, Credentials())


def made(folder: Path, number: int, images: int = 1, day: str | None = "20210304") -> list[Path]:
    """The files of one study."""
    folder.mkdir(exist_ok=True)
    return [
        write(
            folder / f"{number}-{image}.dcm",
            name=f"image {number} {image}",
            patient=f"P{number}",
            study=f"study {number}",
            StudyDate=day,
        )
        for image in range(images)
    ]


def uid_of(path: Path) -> str:
    return str(pydicom.dcmread(path).StudyInstanceUID)


def fetched(folder: Path) -> dict[str, bytes]:
    return {path.stem: path.read_bytes() for path in folder.rglob("*.dcm")}


def test_each_file_comes_in_its_stored_syntax_byte_for_byte(
    running: Orthanc, tmp_path: Path
) -> None:
    stored = {}
    for name, syntax in SYNTAXES.items():
        path = Path(get_testdata_file(name, download=False) or "")
        data = pydicom.dcmread(path)
        assert data.file_meta.TransferSyntaxUID == syntax
        running.store(path)
        stored[str(data.SOPInstanceUID)] = path.read_bytes()
    with client(running) as server:
        source = fetch(server, tmp_path / "store", EVER)
    assert fetched(source.folder) == stored


def uids(server: Server, period: Period, folder: Path, page: int) -> list[str]:
    """The studies that a server lists, in order."""
    with ListedStudies(folder / "listing") as studies:
        Listing(server, period, studies, page=page)
        return [study.study_uid for study in studies]


class Restless(Server):
    """A client whose server stores and deletes studies between the pages of a list."""

    def __init__(self, running: Orthanc, come: list[Path], go: list[str]) -> None:
        super().__init__(running.address, Credentials())
        self._running, self._come, self._go = running, come, go

    def listed(self, path: str, **query: str | int) -> list[Row]:
        rows = super().listed(path, **query)
        if query.get("offset") and self._come and self._go:
            self._running.store(self._come.pop())
            self._running.delete(self._go.pop())
        return rows


@pytest.mark.parametrize("days", [1, 36])
def test_what_stays_is_listed_while_others_come_and_go(
    running: Orthanc, tmp_path: Path, days: int
) -> None:
    def day(number: int) -> str | None:
        return f"2021{1 + number % days % 12:02d}{1 + number % days // 2:02d}" if number else None

    files = [made(tmp_path / "made", number, day=day(number))[0] for number in range(56)]
    own = [running.store(path) for path in files[:48]]
    going = [each for pair in zip(own[1:5], own[44:], strict=True) for each in pair]
    with Restless(running, files[48:], going) as server:
        found = uids(server, EVER, tmp_path, page=5)
    assert not going  # all of it happened
    assert {uid_of(path) for path in [files[0], *files[5:44]]} <= set(found)


def test_dates_choose_studies_and_leave_those_without_a_date(
    running: Orthanc, tmp_path: Path
) -> None:
    days = ["20201231", "20210101", "20210630", "20210701", None]
    files = [made(tmp_path / "made", number, day=day)[0] for number, day in enumerate(days)]
    for path in files:
        running.store(path)
    with client(running) as server:
        found = uids(server, Period(date(2021, 1, 1), date(2021, 6, 30)), tmp_path, page=1)
        everything = uids(server, EVER, tmp_path, page=1)
    assert found == sorted([uid_of(files[1]), uid_of(files[2])])
    assert everything == sorted(map(uid_of, files))


def test_a_killed_run_goes_on_where_it_stopped(running: Orthanc, tmp_path: Path) -> None:
    stored = {}
    for number in range(40):
        for path in made(tmp_path / "made", number, images=3):
            running.store(path)
            stored[str(pydicom.dcmread(path).SOPInstanceUID)] = path.read_bytes()
    table = tmp_path / "patients.csv"
    table.write_text("patient_id,sex\nP1,F\n")
    store = tmp_path / "store"
    command = (
        *("index", running.address, "--clinical", str(table)),
        *("--output", str(tmp_path / "catalog"), "--store", str(store)),
    )
    with process(*PROGRAM, *command, env=environment(), quiet=True) as run:
        until(lambda: len(fetched(store)) > 10, while_lives=run)
        kill(run)
    before = {path: path.stat().st_mtime_ns for path in (store / "images").rglob("*.dcm")
              if not path.name.startswith(".")}  # fmt: skip
    assert 10 < len(before) < len(stored)
    assert not (tmp_path / "catalog").exists()
    ended = sequestra(*command)
    assert ended.code == 0, ended.complained
    said = f"{len(stored) - len(before)} instances fetched, {len(before)} lay in"
    assert said in ended.printed
    assert "40 studies" in ended.printed
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert fetched(store / "images") == stored


def test_a_server_that_stops_half_way_costs_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "orthanc"
    folder.mkdir()
    server = Orthanc(folder, needed())
    with server.running():
        for number in range(30):
            for path in made(tmp_path / "made", number, images=2):
                server.store(path)

        def stop(done: int, total: int) -> None:
            if done == 5:
                server.kill()

        with client(server) as asking, pytest.raises(SourceError) as stopped:
            fetch(asking, tmp_path / "store", EVER, progress=stop)
    said = str(stopped.value)
    assert "does not answer" in said
    assert "of 30 studies were done" in said
    assert "run the same command again" in said
    kept = fetched(tmp_path / "store" / "images")
    assert 10 <= len(kept) < 60
    with server.running(), client(server) as asking:
        source = fetch(asking, tmp_path / "store", EVER)
    assert f"{60 - len(kept)} instances fetched, {len(kept)} lay in" in source.notes[0]
    assert len(fetched(source.folder)) == 60


def test_what_the_server_deleted_is_told_and_not_indexed(running: Orthanc, tmp_path: Path) -> None:
    own = {}
    for number in range(3):
        for path in made(tmp_path / "made", number, images=2):
            own[path.name] = running.store(path)
    with client(running) as server:
        fetch(server, tmp_path / "store", EVER)
        running.delete(own["0-0.dcm"])  # one of two
        running.delete(own["1-0.dcm"])  # a whole study
        running.delete(own["1-1.dcm"])
        source = fetch(server, tmp_path / "store", EVER)
    assert any(note.startswith("3 instances fetched earlier") for note in source.notes)
    assert len(fetched(source.folder)) == 3
    assert len(fetched(tmp_path / "store" / "withdrawn")) == 3


def test_an_empty_server_takes_nothing_from_the_store(running: Orthanc, tmp_path: Path) -> None:
    (path,) = made(tmp_path / "made", 1)
    own = running.store(path)
    with client(running) as server:
        fetch(server, tmp_path / "store", EVER)
        running.delete(own)
        with pytest.raises(SourceError, match="lists no study"):
            fetch(server, tmp_path / "store", EVER)
    assert len(fetched(tmp_path / "store" / "images")) == 1


def test_a_store_is_of_one_server(running: Orthanc, tmp_path: Path) -> None:
    running.store(made(tmp_path / "made", 1)[0])
    with client(running) as server:
        fetch(server, tmp_path / "store", EVER)
        server.address = f"http://localhost:{running.port}/dicom-web"
        with pytest.raises(SourceError, match=r"has the images of http://127\.0\.0\.1"):
            fetch(server, tmp_path / "store", EVER)


def test_credentials_are_asked_for_and_never_shown(tmp_path: Path) -> None:
    folder = tmp_path / "orthanc"
    folder.mkdir()
    secret = tmp_path / "password"
    secret.write_text("Sesame-31\n")
    table = tmp_path / "patients.csv"
    table.write_text("patient_id,sex\nP1,F\n")
    command = ("--clinical", table, "--output", tmp_path / "catalog", "--home", tmp_path / "home")
    (path,) = made(tmp_path / "made", 1)
    settings = {"AuthenticationEnabled": True, "RegisteredUsers": {"ann": "Sesame-31"}}
    with orthanc(folder, **settings) as server:
        server.base = server.base.replace("://", "://ann:Sesame-31@")
        server.store(path)
        nobody = sequestra("index", server.address, *command)
        assert nobody.code == 2
        assert "asks who we are (401); set SEQUESTRA_DICOMWEB_USER and" in nobody.complained
        given = {"SEQUESTRA_DICOMWEB_USER": "ann", "SEQUESTRA_DICOMWEB_PASSWORD": "wrong-word"}
        wrong = sequestra("index", server.address, *command, env=given)
        assert wrong.code == 2
        assert "does not accept the user and password" in wrong.complained
        given = {"SEQUESTRA_DICOMWEB_USER": "ann", "SEQUESTRA_DICOMWEB_PASSWORD_FILE": str(secret)}
        right = sequestra("index", server.address, *command, env=given)
    assert right.code == 0, right.complained
    assert "1 instance fetched" in right.printed
    words = nobody.complained + wrong.complained + wrong.printed + right.printed
    assert "Sesame-31" not in words
    assert "wrong-word" not in words
    kept = [path for path in (tmp_path / "home").rglob("*") if path.is_file()]
    assert kept
    assert not any(b"Sesame-31" in path.read_bytes() for path in kept)


def test_the_catalog_is_that_of_a_folder_of_the_same_files(
    running: Orthanc, tmp_path: Path
) -> None:
    for number in range(4):
        for path in made(tmp_path / "made", number, images=2):
            running.store(path)
    table = tmp_path / "patients.csv"
    table.write_text("patient_id,sex\n" + "".join(f"P{number},F\n" for number in range(4)))
    for place, name in ((running.address, "one"), (str(tmp_path / "made"), "two")):
        ended = sequestra(
            *("index", place, "--clinical", table, "--output", tmp_path / name),
            *("--home", tmp_path / "home"),
        )
        assert ended.code == 0, ended.complained
        assert "4 studies and 4 clinical records" in ended.printed
        assert "8 files, 8 read, 0 unchanged" in ended.printed
