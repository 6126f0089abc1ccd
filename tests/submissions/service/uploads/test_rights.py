"""Rights, looks and room are decided before a byte is taken."""

from __future__ import annotations

import asyncio
import hashlib
import os
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from sqlalchemy import update

from submissions.drop import Drop
from submissions.service.principal import Scope
from submissions.service.upload_tables import UPLOADS as TABLE
from submissions.service.uploads.store import UploadStore
from tests.support.upload_server import TUS, UPLOADS, Served, append, create, metadata, served


def test_of_fifty_requests_for_one_look_one_gets_it(tmp_path: Path) -> None:
    with served(tmp_path, per_team=1) as service:
        headers = {
            **TUS,
            **service.ada.headers,
            "Upload-Length": "1000",
            "Upload-Metadata": metadata(),
        }

        async def all_at_once() -> list[httpx.Response]:
            limits = httpx.Limits(max_connections=50)
            async with httpx.AsyncClient(limits=limits, timeout=60) as client:
                posts = [client.post(service.url + UPLOADS, headers=headers) for _ in range(50)]
                return await asyncio.gather(*posts)

        answers = asyncio.run(all_at_once())
        statuses = sorted(answer.status_code for answer in answers)
        assert statuses == [201] + [429] * 49
        refused = next(answer for answer in answers if answer.status_code == 429)
        assert refused.json()["type"] == "quota-used"
        held = next(answer for answer in answers if answer.status_code == 201)
        assert held.json()["upload_id"] in refused.json()["detail"]
        with service.client() as client:
            assert client.delete(held.headers["location"]).status_code == 204
            assert create(client, 1_000).status_code == 201


def test_teams_of_one_person_share_their_looks(tmp_path: Path) -> None:
    with served(tmp_path, per_team=1) as service:
        other = service.store.people.add_team("east")
        service.store.people.join(service.ada.person_id, other)
        with service.client() as client:
            assert create(client, 1_000, team="north").status_code == 201
            assert create(client, 1_000, team="east").status_code == 429
        with service.client(service.ben) as client:
            assert create(client, 1_000, team="south").status_code == 201


def test_a_complete_archive_holds_its_look_until_it_is_entered(tmp_path: Path) -> None:
    content = os.urandom(1_000)
    with served(tmp_path, per_team=2) as service, service.client() as client:
        place = create(client, 1_000).headers["location"]
        append(client, place, 0, content)
        assert create(client, 1_000).status_code == 201
        assert create(client, 1_000).status_code == 429
        asked = {"benchmark": "chest", "team": "north", "model": "densenet"}
        by_digest = {**asked, "sha256": hashlib.sha256(content).hexdigest()}
        entered = client.post("/api/v1/submissions", json=by_digest)
        assert entered.status_code == 201, entered.text
        upload_id = place.rpartition("/")[2]
        again = client.post("/api/v1/submissions", json={**asked, "upload_id": upload_id})
        assert again.json()["submission_id"] == entered.json()["submission_id"]
        assert client.head(place).status_code == 410  # so no client takes it for a new archive
        assert client.delete(place).status_code == 410
        assert service.archive(by_digest["sha256"]) == content
        assert create(client, 1_000).status_code == 429


@pytest.mark.parametrize(
    ("values", "length", "status"),
    [
        ({"team": "south"}, 100, 404),
        ({"team": "nobody"}, 100, 404),
        ({"benchmark": "nothing"}, 100, 404),
        ({"benchmark": "../../etc"}, 100, 404),
        ({}, 4096 * 2**20 + 1, 413),
        ({}, 10**17, 413),
    ],
)
def test_who_may_not_send_is_told_before_a_byte(
    service: Served, values: dict[str, str], length: int, status: int
) -> None:
    with service.client() as client:
        answer = create(client, length, **values)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert "location" not in answer.headers


def test_a_token_that_may_only_read_sends_nothing(service: Served) -> None:
    _, secret = service.store.tokens.new(service.ada.person_id, "reader", [Scope.READ], 30)
    headers = {**TUS, "Authorization": f"Bearer {secret}"}
    with httpx.Client(base_url=service.url, headers=headers) as reader:
        assert create(reader, 100).status_code == 403
    with httpx.Client(base_url=service.url, headers=TUS) as nobody:
        assert create(nobody, 100).status_code == 401


def test_uploads_of_others_cannot_be_told_from_none(service: Served) -> None:
    with service.client() as client:
        place = create(client, 1_000).headers["location"]
    with service.client(service.ben) as other:
        for path in (place, f"{UPLOADS}/000000000000", f"{UPLOADS}/..%2f..%2fetc"):
            assert other.head(path).status_code == 404
            assert other.delete(path).status_code == 404
            assert append(other, path, 0, b"x" * 100).status_code == 404
    with service.client() as client:
        assert client.head(place).headers["upload-offset"] == "0"


def test_an_archive_for_which_the_disk_has_no_room_is_refused(tmp_path: Path) -> None:
    free = os.statvfs(tmp_path).f_bavail * os.statvfs(tmp_path).f_frsize
    with served(tmp_path, spare=free) as service, service.client() as client:
        answer = create(client, 4 * 2**30)
    assert answer.status_code == 507
    assert "no room" in answer.json()["detail"]


def test_what_is_not_finished_is_removed_after_a_while_and_frees_its_look(tmp_path: Path) -> None:
    with served(tmp_path, per_team=1, sweep=0.2) as service, service.client() as client:
        place = create(client, 1_000).headers["location"]
        append(client, place, 0, b"x" * 100)
        upload_id = place.rpartition("/")[2]
        assert upload_id in service.drop.arriving()
        # It is two hours later; the service keeps what is unfinished for one.
        then = datetime.now(UTC) - timedelta(hours=2)
        with service.store.transaction() as connection:
            connection.execute(update(TABLE).values(created=then))
        assert client.head(place).status_code == 200  # its last byte is young
        saved = tmp_path / "drop" / "incoming" / f"{upload_id}.offset"
        os.utime(saved, (then.timestamp(), then.timestamp()))
        while client.head(place).status_code != 410:
            time.sleep(0.05)
        assert append(client, place, 100, b"x" * 900).status_code == 410
        assert upload_id not in service.drop.arriving()
        assert create(client, 1_000).status_code == 201


def test_a_second_upload_of_a_team_leaves_half_of_the_room_to_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Drop, "free_bytes", lambda drop: 10_000)
    with served(tmp_path) as service, service.client() as client:
        first = create(client, 4_000)
        assert first.status_code == 201
        refused = create(client, 1_001)
        assert (refused.status_code, refused.json()["type"]) == (507, "no-room")
        assert "promised 4000 bytes" in refused.json()["detail"]
        assert create(client, 1_000).status_code == 201
        with service.client(service.ben) as other:
            assert create(other, 4_999, team="south").status_code == 201


@pytest.mark.parametrize("upload_id", ["%00", "0123456789ab%00", "'", "0123456789AB"])
def test_an_id_that_is_none_is_not_looked_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, upload_id: str
) -> None:
    monkeypatch.setattr(UploadStore, "upload", None)  # PostgreSQL refuses a zero in a text
    with served(tmp_path) as service, service.client() as client:
        assert client.head(f"{UPLOADS}/{upload_id}", headers=TUS).status_code == 404
