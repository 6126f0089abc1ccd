"""The client fetches practice cases from the real service, believes the digest alone, once."""

from __future__ import annotations

import hashlib
import io
import tarfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from submissions.client.client import Client
from submissions.client.problems import ClientError, Refused, Unreachable
from tests.support.practice_files import FILES, LIST, practice_cases
from tests.support.running_service import Service

LAST = "images/case-000002/0002.dcm"


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    served = Service(tmp_path / "service", practice=practice_cases(tmp_path / "home" / "opacity"))
    served.folder.mkdir()
    served.start()
    yield served
    served.stop()


@pytest.fixture
def client(service: Service) -> Iterator[Client]:
    with Client(service.address, service.person("Ada", service.team("North"))) as made:
        yield made


def test_cases_are_fetched_once_and_a_change_on_the_way_is_found(
    client: Client, service: Service, tmp_path: Path
) -> None:
    assert service.practice is not None
    moved: list[tuple[int, int]] = []
    kept = tmp_path / "kept"
    table = client.practice_cases("opacity", kept, progress=lambda *now: moved.append(now))
    told = client.benchmark("opacity")["practice_archive"]
    assert told["n_cases"] == 2
    assert table == kept / told["sha256"] / "open.csv"
    assert table.read_text() == LIST
    assert all((table.parent / name).read_bytes() == content for name, content in FILES.items())
    assert moved[-1] == (told["size"], told["size"])

    changed = service.practice / LAST
    changed.write_bytes(bytes(len(FILES[LAST])))
    assert client.practice_cases("opacity", kept) == table  # nothing is fetched
    with pytest.raises(ClientError, match="have the digest"):
        client.practice_cases("opacity", tmp_path / "other")
    changed.write_bytes(b"short")
    with pytest.raises((Unreachable, ClientError)):
        client.practice_cases("opacity", tmp_path / "other")
    assert {path.name for path in (tmp_path / "other").iterdir()} == {"lock"}

    changed.write_bytes(FILES[LAST])
    (table.parent / LAST).unlink()
    assert client.practice_cases("opacity", kept) == table
    assert (table.parent / LAST).read_bytes() == FILES[LAST]


def test_other_cases_have_another_digest(client: Client, service: Service, tmp_path: Path) -> None:
    assert service.practice is not None
    first = client.practice_cases("opacity", tmp_path / "kept")
    listed = LIST.replace(",AP", ",LL")
    (service.practice / "open.csv").write_text(listed + "\n")
    second = client.practice_cases("opacity", tmp_path / "kept")
    assert second != first
    assert second.read_text() == listed + "\n"


def test_cases_are_for_people_with_a_token(service: Service, tmp_path: Path) -> None:
    with Client(service.address) as nobody:
        assert nobody.benchmark("opacity")["practice"] is True
        with pytest.raises(Refused) as refused:
            nobody.practice_cases("opacity", tmp_path / "kept")
    assert refused.value.status == 401


def test_a_service_that_sends_a_file_for_another_place_is_not_believed(tmp_path: Path) -> None:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as tar:
        tar.addfile(tarfile.TarInfo("../../escaped"))
    content = made.getvalue()

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/practice"):
            return httpx.Response(200, content=content)
        told = {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content), "n_cases": 1}
        return httpx.Response(200, json={"name": "opacity", "practice_archive": told})

    with (
        Client("https://x.example", transport=httpx.MockTransport(answer)) as client,
        pytest.raises(ClientError, match="were not taken, since the archive has"),
    ):
        client.practice_cases("opacity", tmp_path / "kept")
    assert [path.name for path in tmp_path.rglob("*") if path.name == "escaped"] == []
