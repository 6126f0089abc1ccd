"""The client's Python API against the real service over HTTP."""

from __future__ import annotations

import hashlib
import os
import threading
import time
import tomllib
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from submissions.client import connection
from submissions.client.address import server_address
from submissions.client.client import Client
from submissions.client.problems import ClientError, Refused, Unreachable
from submissions.client.upload import Hashed, Pace, digest
from submissions.notices.channels import Hook, NoticeError
from submissions.service.settings import ServiceSettings, SettingsError, read_agreement
from submissions.submission import Failure, State
from tests.support.running_service import Service, Wire, stopped

CHUNK = 2**20
QUICK = Pace(chunk=CHUNK, sleep=lambda seconds: None)
SIZE = 5 * 2**20 + 12_345
NORTH: dict[str, Any] = {"benchmark": "opacity", "team": "North", "pace": QUICK}


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    file = tmp_path / "image.tar"
    file.write_bytes(os.urandom(SIZE))
    return file


@pytest.fixture
def token(service: Service) -> str:
    return service.person("Ada", service.team("North"))


@pytest.fixture
def client(service: Service, token: str) -> Iterator[Client]:
    with Client(service.address, token) as made:
        yield made


@pytest.fixture
def through(wire: Wire, token: str) -> Iterator[Client]:
    """The same person's client over a wire that can be cut."""
    with Client(wire.address, token) as made:
        yield made


def sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def arrived(service: Service) -> list[Path]:
    return [path for path in (service.folder / "drop" / "archives").rglob("*") if path.is_file()]


def test_it_knows_who_it_is_and_what_is_offered(client: Client) -> None:
    assert client.me()["name"] == "Ada"
    assert [team["team"] for team in client.me()["teams"]] == ["North"]
    (offered,) = client.benchmarks()
    assert offered == client.benchmark("opacity")
    assert offered["contract"]["image_mb"] == 512
    file = tomllib.loads(client.benchmark_file("opacity").decode())
    assert file["benchmark"]["title"] == "Airspace opacity"
    looks = client.quota("opacity", "North")
    assert (looks.per_team, looks.days, looks.remaining, looks.renews) == (2, 7, 2, None)


def test_a_whole_way_from_archive_to_withdrawal(
    client: Client, service: Service, archive: Path
) -> None:
    moved: list[tuple[int, int]] = []
    entered = client.submit_archive(
        archive,
        benchmark="opacity",
        team="North",
        model="Dense",
        threshold=0.25,
        progress=lambda done, total: moved.append((done, total)),
        pace=QUICK,
    )
    assert entered["state"] == "received"
    assert entered["threshold"] == 0.25
    assert moved[0] == (0, SIZE)
    assert moved[-1] == (SIZE, SIZE)
    assert [done for done, _ in moved] == sorted(done for done, _ in moved)
    (kept,) = arrived(service)
    assert kept.read_bytes() == archive.read_bytes()
    (listed,) = client.submissions(benchmark="opacity", team="North")
    assert listed["submission_id"] == entered["submission_id"]
    withdrawn = client.withdraw(entered["submission_id"])
    assert withdrawn["failure"]["code"] == "cancelled"
    with pytest.raises(Refused, match="only one without a result can be withdrawn") as refused:
        client.withdraw(entered["submission_id"])
    assert (refused.value.status, refused.value.kind) == (409, "submission-ended")


def test_an_archive_that_the_team_sent_before_is_not_sent_again(
    client: Client, through: Client, service: Service, archive: Path, wire: Wire
) -> None:
    first = client.submit_archive(archive, model="One", **NORTH)
    again = through.submit_archive(archive, model="Two", **NORTH)
    assert wire.carried < 5_000
    assert first["image_digest"] == again["image_digest"]
    assert first["submission_id"] != again["submission_id"]
    with Client(service.address, service.person("Bea", service.team("South"))) as other:
        # A digest is no proof of having the image.
        assert not other.has_archive(sha256(archive), "South")


@pytest.mark.parametrize("at", [3_000, 700_000, 1_500_000, 4_000_000])
def test_an_upload_goes_on_after_a_cut(
    through: Client, service: Service, archive: Path, wire: Wire, at: int
) -> None:
    wire.cuts = [at, at + 900_000]
    through.submit_archive(archive, model="Dense", **NORTH)
    assert wire.cuts == []
    assert wire.carried < SIZE + 2 * CHUNK + 2 * 65_536 + 20_000  # no more than two chunks again
    (kept,) = arrived(service)
    assert kept.name == sha256(archive)


def test_another_process_goes_on_after_a_restart_of_both(
    through: Client, token: str, service: Service, archive: Path, wire: Wire
) -> None:
    wire.cuts = [3 * CHUNK, *range(3 * CHUNK + 1, 3 * CHUNK + 40)]
    given_up = Pace(CHUNK, 2, lambda seconds: None)
    with pytest.raises(Unreachable, match="run the command again"):
        through.upload(archive, benchmark="opacity", team="North", pace=given_up)
    with stopped(service):
        pass
    wire.cuts, wire.carried = [], 0
    moved: list[int] = []
    with Client(wire.address, token) as later:
        assert later.is_under_way("opacity", "North", digest(archive))
        # Its look is held since the beginning.
        assert later.quota("opacity", "North").held == 1
        entered = later.submit_archive(
            archive,
            model="Dense",
            progress=lambda done, total: moved.append(done),
            **NORTH,
        )
        assert not later.is_under_way("opacity", "North", digest(archive))
    assert entered["state"] == "received"
    assert moved[0] >= CHUNK
    assert wire.carried < SIZE - CHUNK + 65_536
    (kept,) = arrived(service)
    assert kept.name == sha256(archive)


def test_a_server_that_restarts_meanwhile_loses_nothing(
    client: Client, service: Service, archive: Path
) -> None:
    restarted = threading.Event()

    def restart_once(done: int, total: int) -> None:
        if done >= 2 * CHUNK and not restarted.is_set():
            restarted.set()
            with stopped(service):
                pass

    client.submit_archive(
        archive,
        benchmark="opacity",
        team="North",
        model="Dense",
        progress=restart_once,
        pace=Pace(CHUNK),
    )
    assert restarted.is_set()
    (kept,) = arrived(service)
    assert kept.name == sha256(archive)


def test_a_finished_upload_that_was_not_entered_is_entered_without_a_byte(
    through: Client, archive: Path, wire: Wire
) -> None:
    through.upload(archive, **NORTH)
    wire.carried = 0
    assert through.quota("opacity", "North").held == 1
    through.submit_archive(archive, model="Dense", **NORTH)
    assert wire.carried < 5_000
    assert through.quota("opacity", "North").held == 0


def test_a_second_command_is_told_that_a_first_one_sends(
    client: Client, token: str, service: Service, archive: Path
) -> None:
    refused: list[str] = []

    def run_again(done: int, total: int) -> None:
        if done < CHUNK // 2 or refused:
            return
        assert service.app is not None
        store, arrivals = service.app.state.uploads.store, service.app.state.uploads.arrivals
        (upload,) = store.holding()
        while upload.upload_id not in arrivals:
            time.sleep(0.01)
        with Client(service.address, token) as second, pytest.raises(Refused) as found:
            second.upload(archive, **{**NORTH, "pace": Pace(CHUNK, 1, lambda seconds: None)})
        refused.append(str(found.value))

    client.submit_archive(archive, model="Dense", progress=run_again, **NORTH)
    assert len(refused) == 1
    assert "another command sends this upload now" in refused[0]
    (kept,) = arrived(service)
    assert kept.name == sha256(archive)


def test_two_files_of_one_size_and_beginning_are_two_uploads(
    client: Client, service: Service, archive: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other.tar"
    other.write_bytes(archive.read_bytes()[:-1] + b"\0")
    archive.write_bytes(archive.read_bytes()[:-1] + b"\1")
    for file in (archive, other):
        client.upload(file, **NORTH)
    assert {path.name for path in arrived(service)} == {sha256(archive), sha256(other)}


def test_a_file_that_changed_after_it_was_read_is_refused_by_its_digest(
    client: Client, service: Service, archive: Path
) -> None:
    known = digest(archive)
    archive.write_bytes(archive.read_bytes()[:-1] + b"\0")
    with pytest.raises(Refused, match="was announced") as refused:
        client.upload(archive, known=known, **NORTH)
    assert refused.value.status == 460
    assert arrived(service) == []
    archive.write_bytes(archive.read_bytes()[:-100])
    with pytest.raises(ClientError, match="became shorter"):
        client.upload(archive, known=Hashed("0" * 64, SIZE), **NORTH)


def test_nothing_is_sent_without_a_look(client: Client, service: Service, archive: Path) -> None:
    for model in ("One", "Two"):
        sent = client.submit_archive(archive, model=model, **NORTH)
        charge(service, sent["submission_id"])
    looks = client.quota("opacity", "North")
    assert (looks.used, looks.remaining) == (2, 0)
    assert looks.renews is not None
    assert datetime.fromisoformat(looks.renews).tzinfo is not None
    archive.write_bytes(b"another")
    moved: list[int] = []
    with pytest.raises(Refused, match="has used its 2 submissions of 7 days") as refused:
        client.upload(archive, progress=lambda done, total: moved.append(done), **NORTH)
    assert refused.value.kind == "quota-used"
    assert moved == []


def charge(service: Service, submission_id: str) -> None:
    """Let a submission read sequestered cases, as the queue would."""
    for state in (State.LINTED, State.QUEUED, State.RUNNING):
        service.ledger.move(submission_id, state)
    service.ledger.move(submission_id, State.FAILED, Failure.CRASHED)


def test_a_submission_is_watched_to_its_end(
    client: Client, service: Service, archive: Path
) -> None:
    submission_id = client.submit_archive(archive, model="Dense", **NORTH)["submission_id"]
    steps = iter([State.LINTED, State.QUEUED, None, State.RUNNING, None])

    def next_step(seconds: float) -> None:
        state = next(steps, None)
        if state is not None:
            service.ledger.move(submission_id, state)
        elif service.ledger.submission(submission_id).state is State.RUNNING:
            service.ledger.move(submission_id, State.FAILED, Failure.OUT_OF_MEMORY)
        else:
            with stopped(service), pytest.raises(Unreachable, match="cannot be reached"):
                client.status(submission_id)

    seen = list(client.watch(submission_id, sleep=next_step))
    states = [each["state"] for each in seen]
    assert states == ["received", "linted", "queued", "running", "failed"]
    assert seen[-1]["failure"]["code"] == "out-of-memory"
    assert "smaller batches" in seen[-1]["failure"]["advice"]


def test_what_belongs_to_others_is_not_found(
    client: Client, service: Service, archive: Path
) -> None:
    entered = client.submit_archive(archive, model="Dense", **NORTH)
    with Client(service.address, service.person("Bea", service.team("South"))) as other:
        for ask in (other.status, other.withdraw, other.release, other.report, other.practice):
            with pytest.raises(Refused) as refused:
                ask(entered["submission_id"])
            assert refused.value.status == 404
        with pytest.raises(Refused, match="No team of this name or id is visible"):
            other.upload(archive, **NORTH)


def test_the_agreement_comes_first(service: Service, archive: Path) -> None:
    token = service.person("Cleo", service.team("West"), agreed=False)
    with Client(service.address, token) as client:
        assert client.me()["agreed"] is False
        with pytest.raises(Refused, match="agreement is not accepted") as refused:
            client.upload(archive, benchmark="opacity", team="West", pace=QUICK)
        assert refused.value.kind == "agreement-missing"
        told = client.agreement()
        assert told["accepted"] is False
        client.accept_agreement(told["version"])
        assert client.me()["agreed"] is True
        client.upload(archive, benchmark="opacity", team="West", pace=QUICK)


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("sequestra.example", "is not the address of a server"),
        ("ftp://sequestra.example", "is not the address of a server"),
        ("https://user:secret@sequestra.example", "is not the address of a server"),
        ("https://sequestra.example:99999", "is not the address of a server"),
        ("https://sequestra.example?a=b", "is not the address of a server"),
    ],
)
def test_an_address_is_scheme_and_host(address: str, told: str) -> None:
    with pytest.raises(ClientError, match=told):
        Client(address)


@pytest.mark.parametrize(
    ("token", "told"),
    [
        ("", "does not begin with 'sqst_'"),
        ("ghp_123", "does not begin with 'sqst_'"),
        ("sqst_a b", "has a space in it"),
        ("sqst_a\u00e9", "does not begin with 'sqst_'"),
    ],
)
def test_a_token_is_looked_at_before_it_is_sent(token: str, told: str) -> None:
    with pytest.raises(ClientError, match=told):
        Client("https://sequestra.example", token)


def test_an_address_with_the_path_of_the_api_is_the_same_server() -> None:
    for address in ("https://a.example/", "https://a.example/api/v1", " https://a.example "):
        with Client(address) as client:
            assert client.connection.address == "https://a.example"


def test_a_wrong_token_ends_in_the_servers_sentence(service: Service) -> None:
    with (
        Client(service.address, "sqst_" + "a" * 38) as client,
        pytest.raises(Refused, match="unknown, expired or revoked") as refused,
    ):
        client.me()
    assert (refused.value.status, refused.value.kind) == (401, "not-signed-in")


def test_an_answer_without_an_end_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "LONGEST_PAGE", 10_000)
    given: list[int] = []

    def endless() -> Iterator[bytes]:
        while len(given) < 1_000:
            given.append(1)
            yield bytes(1_000)

    transport = httpx.MockTransport(lambda request: httpx.Response(200, content=endless()))
    with (
        Client("https://sequestra.example", transport=transport) as client,
        pytest.raises(ClientError, match="more than 10000 bytes"),
    ):
        client.benchmark_file("chest")
    assert len(given) == 11


@pytest.mark.parametrize("text", ["http://[::1", "http://[", "https://]", "http://x:port", "x"])
def test_what_is_no_address_of_a_server_is_refused_in_one_sentence(text: str) -> None:
    with pytest.raises(ClientError, match="is not the address of a server"):
        server_address(text)
    with pytest.raises(NoticeError, match="give an https address"):
        Hook.checked(text)
    with pytest.raises(SettingsError, match="the public address is"):
        ServiceSettings(text, agreement=read_agreement())
