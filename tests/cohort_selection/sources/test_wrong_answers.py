"""A server of our own that answers wrongly: each answer is refused and named, the others kept."""

from __future__ import annotations

import json
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pydicom
import pytest

from cohort_selection.sources import server as asked
from cohort_selection.sources.credentials import (
    Credentials,
    checked_address,
    from_environment,
)
from cohort_selection.sources.listed_studies import ListedStudies
from cohort_selection.sources.listing import Listing, Period
from cohort_selection.sources.retrieval import fetch
from cohort_selection.sources.server import Server
from cohort_selection.sources.source import Source, SourceError
from tests.support.dicom_files import write

Answer = tuple[int, dict[str, str], bytes]
MULTIPART = 'multipart/related; type="application/dicom"; boundary=edge'
EVER = Period()


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asked, "WAITS", (0.0, 0.0))


def multipart(content: bytes, *, kind: str = "application/dicom") -> Answer:
    head = f"--edge\r\nContent-Type: {kind}\r\n\r\n".encode()
    return 200, {"Content-Type": MULTIPART}, head + content + b"\r\n--edge--\r\n"


class Pretended:
    """A DICOMweb server with files of ours, whose answers a test may change."""

    def __init__(self) -> None:
        self.files: dict[str, tuple[str, str, bytes]] = {}
        self.retrieved: Callable[[str, bytes], Answer | None] = lambda uid, content: None
        self.lists: Callable[[str, dict[str, list[str]]], Answer | None] = lambda path, query: None
        self.asked: list[str] = []

    def add(self, path: Path) -> str:
        data = pydicom.dcmread(path)
        uid = str(data.SOPInstanceUID)
        place = str(data.StudyInstanceUID), str(data.SeriesInstanceUID)
        self.files[uid] = (*place, path.read_bytes())
        return uid

    def answer(self, path: str, query: dict[str, list[str]]) -> Answer:
        parts = path.strip("/").split("/")
        if len(parts) == 6:
            content = self.files[parts[5]][2]
            return self.retrieved(parts[5], content) or multipart(content)
        changed = self.lists(path, query)
        if changed is not None:
            return changed
        offset, limit = (int(query.get(name, ["0"])[0]) for name in ("offset", "limit"))
        rows = self.rows(parts, query)[offset:]
        return listed(rows[:limit] if limit else rows)

    def rows(self, parts: list[str], query: dict[str, list[str]]) -> list[dict[str, str]]:
        only = query.get("StudyInstanceUID", parts[1:2])
        found = {}
        for uid, (study, series, _) in self.files.items():
            if only and study != only[0]:
                continue
            row = {"0020000D": study, "00080020": "20210304"}
            if len(parts) > 1:
                row["0020000E"] = series
            if len(parts) == 5:
                row["00080018"] = uid
            found[row.get("00080018", row.get("0020000E", study))] = row
        return list(found.values())


def listed(rows: list[dict[str, str]]) -> Answer:
    said = [{tag: {"vr": "UI", "Value": [text]} for tag, text in row.items()} for row in rows]
    return 200, {"Content-Type": "application/dicom+json"}, json.dumps(said).encode()


@contextmanager
def serving(pretended: Pretended, certificate: Path | None = None) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            pretended.asked.append(self.path)
            status, headers, body = pretended.answer(parts.path, parse_qs(parts.query))
            self.send_response(status)
            for name, text in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, text)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        yield f"http{'s' if certificate else ''}://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


@pytest.fixture
def pretended(tmp_path: Path) -> Pretended:
    """A server of four studies with an instance each."""
    made = Pretended()
    for number in range(4):
        made.add(write(tmp_path / f"{number}.dcm", name=f"image {number}", study=f"S{number}"))
    return made


def fetched(pretended: Pretended, folder: Path) -> Source:
    with serving(pretended) as address, Server(address, Credentials()) as server:
        return fetch(server, folder, EVER)


def cut_off(content: bytes) -> Answer:
    """Fewer bytes than the answer says that it has."""
    status, headers, body = multipart(content)
    return status, {**headers, "Content-Length": str(len(body))}, body[: len(body) // 2]


WRONG: dict[str, tuple[Callable[[bytes, bytes], Answer], str]] = {
    "another instance": (lambda own, other: multipart(other), "another object: its SOPInstanceUID"),
    "a page": (
        lambda own, other: (200, {"Content-Type": "text/html"}, b"<html>Log in</html>"),
        "the answer is text/html",
    ),
    "a page in a part": (
        lambda own, other: multipart(b"<html></html>", kind="text/html"),
        "the part is text/html",
    ),
    "a page that says it is DICOM": (
        lambda own, other: multipart(b"<html>" + b" " * 200),
        "no DICOM file",
    ),
    "nothing": (lambda own, other: (200, {"Content-Type": MULTIPART}, b""), "ends before"),
    "an empty part": (lambda own, other: multipart(b""), "an empty answer"),
    "no end": (
        lambda own, other: (200, {"Content-Type": MULTIPART}, multipart(own)[2][:-10]),
        "ends before its last part",
    ),
    "cut off": (lambda own, other: cut_off(own), "cut off"),
    "another length": (
        lambda own, other: (
            200,
            {"Content-Type": MULTIPART},
            multipart(own)[2].replace(b"\r\n\r\n", b"\r\nContent-Length: 7\r\n\r\n", 1),
        ),
        "ends before",
    ),
    "no boundary": (
        lambda own, other: (200, {"Content-Type": "multipart/related"}, multipart(own)[2]),
        "does not say where its parts end",
    ),
    "two parts": (
        lambda own, other: (
            200,
            {"Content-Type": MULTIPART},
            multipart(own)[2].removesuffix(b"--edge--\r\n") + multipart(other)[2],
        ),
        "2 parts",
    ),
    "half a header": (lambda own, other: multipart(own[:300]), "DICOM file"),
    "a failure": (lambda own, other: (500, {}, b"oops"), "the server failed (500)"),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_wrong_answer_is_refused_and_named(
    pretended: Pretended, tmp_path: Path, what: str
) -> None:
    answer, said = WRONG[what]
    bad, *good = pretended.files
    other = pretended.files[good[0]][2]
    pretended.retrieved = lambda uid, own: answer(own, other) if uid == bad else None
    source = fetched(pretended, tmp_path / "store")
    found = {path.stem: path.read_bytes() for path in source.folder.rglob("*.dcm")}
    assert found == {uid: pretended.files[uid][2] for uid in good}
    (note,) = (n for n in source.notes if n.startswith(f"1 instance refused, as {bad}: "))
    assert said in note
    assert bad in (tmp_path / "store" / "refused.csv").read_text()
    # Once the server is mended only the one that was refused is asked for.
    pretended.retrieved = lambda uid, own: None
    pretended.asked.clear()
    mended = fetched_again(pretended, tmp_path / "store")
    assert "1 instance fetched, 3 lay in" in mended.notes[0]
    assert not (tmp_path / "store" / "refused.csv").exists()


def fetched_again(pretended: Pretended, folder: Path) -> Source:
    """The same store from the same server, which now has another port."""
    (folder / "address.txt").unlink()
    with serving(pretended) as address, Server(address, Credentials()) as server:
        (folder / "address.txt").write_text(address)
        return fetch(server, folder, EVER)


def test_an_instance_that_is_there_no_more_is_told(pretended: Pretended, tmp_path: Path) -> None:
    gone = next(iter(pretended.files))
    pretended.retrieved = lambda uid, own: (404, {}, b"") if uid == gone else None
    source = fetched(pretended, tmp_path / "store")
    assert "1 instance left the server before we asked for it" in source.notes


@pytest.mark.parametrize("name", ["../../../../escaped", "1.2/../../../x", "/etc/x", "", "1." * 40])
def test_a_uid_cannot_lead_out_of_the_store(
    pretended: Pretended, tmp_path: Path, name: str
) -> None:
    uid = next(iter(pretended.files))
    study, series, content = pretended.files.pop(uid)
    pretended.files[name] = (study, series, content)
    before = set(tmp_path.rglob("*"))
    source = fetched(pretended, tmp_path / "store")
    assert any("not one of digits and points" in note for note in source.notes)
    new = {path for path in tmp_path.rglob("*") if path not in before}
    assert all(path.is_relative_to(tmp_path / "store") for path in new)
    assert len(list(source.folder.rglob("*.dcm"))) == 3


@pytest.mark.parametrize(
    "answer",
    [
        (200, {"Content-Type": "text/html"}, b"<html>Log in</html>"),
        (200, {"Content-Type": "application/json"}, b'{"error": "none"}'),
        (200, {"Content-Type": "application/json"}, b"[1, 2]"),
        (200, {"Content-Type": "application/json"}, b'[{"0020000D":'),
        (200, {"Content-Type": "application/json"}, b"[" * 100_000),
    ],
)
def test_a_list_that_is_none_stops_with_one_sentence(
    pretended: Pretended, tmp_path: Path, answer: Answer
) -> None:
    pretended.lists = lambda path, query: answer
    with pytest.raises(SourceError, match="does not answer as a DICOMweb server") as stopped:
        fetched(pretended, tmp_path / "store")
    assert "\n" not in str(stopped.value)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ((403, {}, b""), "forbids us without credentials to read"),
        ((401, {"WWW-Authenticate": "Bearer"}, b""), "set SEQUESTRA_DICOMWEB_TOKEN (a bearer"),
        ((302, {"Location": "https://login.example"}, b""), "sends us on to https://login.example"),
        ((503, {"Retry-After": "0"}, b""), "failed (503)"),
        ((400, {}, b""), "answers 400"),
    ],
)
def test_a_refusal_says_what_is_wanted(
    pretended: Pretended, tmp_path: Path, answer: Answer, said: str
) -> None:
    pretended.lists = lambda path, query: answer
    with pytest.raises(SourceError) as stopped:
        fetched(pretended, tmp_path / "store")
    assert said in str(stopped.value)


def test_a_server_that_leaves_out_offset_and_limit_ends(
    pretended: Pretended, tmp_path: Path
) -> None:
    pretended.lists = lambda path, query: listed(pretended.rows(["studies"], {}))
    with (
        serving(pretended) as address,
        Server(address, Credentials()) as server,
        ListedStudies(tmp_path / "listing") as studies,
    ):
        Listing(server, EVER, studies, page=2)
        assert len(studies) == 4


def test_a_server_that_knows_no_dates_is_chosen_from_here(
    pretended: Pretended, tmp_path: Path
) -> None:
    from datetime import date

    year = Period(date(2022, 1, 1), date(2022, 12, 31))
    with (
        serving(pretended) as address,
        Server(address, Credentials()) as server,
        ListedStudies(tmp_path / "listing") as studies,
    ):
        found = Listing(server, year, studies)
        assert len(studies) == 0
    assert found.notes == [
        "the server does not choose by date: its whole list was read and chosen from"
    ]


def test_a_busy_server_is_asked_again(pretended: Pretended, tmp_path: Path) -> None:
    seen = set[str]()

    def busy_once(path: str, query: dict[str, list[str]]) -> Answer | None:
        key = f"{path} {query}"
        if key in seen:
            return None
        seen.add(key)
        return 503, {}, b""

    pretended.lists = busy_once
    assert "4 instances fetched" in fetched(pretended, tmp_path / "store").notes[0]


def test_secrets_come_from_variables_and_files(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("abc\n")
    found = from_environment({"SEQUESTRA_DICOMWEB_TOKEN_FILE": str(file)})
    assert found.token == "abc"
    assert "abc" not in repr(found)
    with pytest.raises(SourceError, match="both set"):
        from_environment({"SEQUESTRA_DICOMWEB_TOKEN": "a", "SEQUESTRA_DICOMWEB_USER": "b"})
    with pytest.raises(SourceError, match="SEQUESTRA_DICOMWEB_PASSWORD is not"):
        from_environment({"SEQUESTRA_DICOMWEB_USER": "b"})


def test_a_token_goes_to_no_server_in_the_clear() -> None:
    token = Credentials(token="abc")
    with pytest.raises(SourceError, match="is not encrypted"):
        checked_address("http://pacs.example/dicom-web", token)
    assert checked_address("http://127.0.0.1:8042/dicom-web/", token).endswith("/dicom-web")
    with pytest.raises(SourceError, match="holds a user or a password") as refused:
        checked_address("https://ann:word@pacs.example/dicom-web", Credentials())
    assert "word@" not in str(refused.value)


def test_a_token_is_sent_and_no_filter_but_dates(pretended: Pretended, tmp_path: Path) -> None:
    with serving(pretended) as address, Server(address, Credentials(token="abc")) as server:
        fetch(server, tmp_path / "store", EVER)
    names = {name for path in pretended.asked for name in parse_qs(urlsplit(path).query)}
    assert names <= {"StudyDate", "StudyInstanceUID", "limit", "offset"}


def test_the_authority_of_a_hospital_is_named_in_a_file(
    pretended: Pretended, tmp_path: Path
) -> None:
    both = tmp_path / "server.pem"
    made = subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=pacs"),
            *("-addext", "subjectAltName=IP:127.0.0.1", "-keyout", "-", "-out", "-"),
        ],
        capture_output=True,
        check=True,
    )
    both.write_bytes(made.stdout)
    with serving(pretended, both) as address:
        with (
            Server(address, Credentials(token="abc")) as server,
            pytest.raises(SourceError, match="signed by no authority that this machine knows"),
        ):
            fetch(server, tmp_path / "store", EVER)
        with Server(address, Credentials(token="abc"), both) as server:
            source = fetch(server, tmp_path / "store", EVER)
    assert "4 instances fetched" in source.notes[0]
    (tmp_path / "none.pem").write_text("no certificate")
    for name in ("none.pem", "missing.pem"):
        with pytest.raises(SourceError, match="or holds no certificate of an authority"):
            Server("https://127.0.0.1", Credentials(), tmp_path / name)
