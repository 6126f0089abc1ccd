"""The official clients of tus, tuspy and tus-js-client, with their defaults."""

from __future__ import annotations

import hashlib
import io
import json
import os
import random
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from tusclient.client import TusClient
from tusclient.exceptions import TusCommunicationError, TusUploadFailed
from tusclient.storage.filestorage import FileStorage

from tests.support.cutting_proxy import Way, cutting
from tests.support.repository import REPOSITORY
from tests.support.upload_server import UPLOADS, Served, served

MIB = 2**20
JS_CLIENT = "tus-js-client@4.3.1"
Send = Callable[[str, Path, dict[str, str]], dict[str, Any]]
"""Sends a file to an endpoint with metadata; gives the URL, or the error and its status."""


@pytest.fixture(scope="module")
def js_client(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of tus-js-client, fetched by npm."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("no Node with npm on this machine: tus-js-client is not tried")
    folder = tmp_path_factory.mktemp("node")
    command = ["npm", "install", "--no-audit", "--no-fund", "--prefix", str(folder), JS_CLIENT]
    try:
        fetched = subprocess.run(command, capture_output=True, timeout=60)
    except subprocess.TimeoutExpired:
        pytest.skip("npm's registry does not answer in a minute: tus-js-client is not tried")
    if fetched.returncode != 0:
        pytest.skip("npm's registry does not answer: tus-js-client is not tried")
    return folder / "node_modules" / "tus-js-client"


class Unclosed(io.BytesIO):
    """A file for tuspy, which closes none that it opens and some that it is given."""

    def close(self) -> None:
        """Stay open."""


def by_js(service: Served, js_client: Path) -> Send:
    """Send with tus-js-client."""
    script = REPOSITORY / "tests" / "submissions" / "service" / "uploads" / "tus_js.cjs"

    def send(endpoint: str, file: Path, metadata: dict[str, str]) -> dict[str, Any]:
        told = [str(js_client), endpoint, service.ada.token, str(file), json.dumps(metadata)]
        done = subprocess.run(["node", str(script), *told], capture_output=True, timeout=120)
        said: dict[str, Any] = json.loads(done.stdout)
        return said

    return send


def by_tuspy(service: Served, **options: Any) -> Send:
    """Send with tuspy."""

    def send(endpoint: str, file: Path, metadata: dict[str, str]) -> dict[str, Any]:
        client = TusClient(endpoint, headers=service.ada.headers)
        try:
            stream = Unclosed(file.read_bytes())
            uploader = client.uploader(file_stream=stream, metadata=metadata, **options)
            uploader.upload()
        except (TusUploadFailed, TusCommunicationError) as error:
            return {"error": str(error), "status": error.status_code}
        return {"url": uploader.url}

    return send


@pytest.fixture(params=["tuspy", "tus-js-client"])
def send(request: pytest.FixtureRequest, service: Served) -> Send:
    if request.param == "tuspy":
        return by_tuspy(service)
    return by_js(service, request.getfixturevalue("js_client"))


def new_file(folder: Path, size: int) -> tuple[Path, str]:
    """A file of random bytes and its SHA-256."""
    content = os.urandom(size)
    path = folder / f"{hashlib.sha256(content).hexdigest()}.tar"
    path.write_bytes(content)
    return path, path.stem


def said(**more: str) -> dict[str, str]:
    return {"benchmark": "chest", "team": "north", "filename": "model.tar", **more}


def test_an_archive_arrives(service: Served, send: Send, tmp_path: Path) -> None:
    file, sha256 = new_file(tmp_path, 3 * MIB)
    answer = send(service.url + UPLOADS, file, said(sha256=sha256))
    assert answer["url"].startswith(service.url + UPLOADS)
    assert service.archive(sha256) == file.read_bytes()


def test_files_of_one_size_and_beginning_are_two(
    service: Served, send: Send, tmp_path: Path
) -> None:
    beginning = os.urandom(65_536)
    for _ in range(2):
        content = beginning + os.urandom(65_536)
        file = tmp_path / "model.tar"
        file.write_bytes(content)
        assert "url" in send(service.url + UPLOADS + "/", file, said())
        assert service.archive(hashlib.sha256(content).hexdigest()) == content


@pytest.mark.parametrize(
    ("metadata", "status"),
    [
        (said(team="south"), 404),
        (said(benchmark="nothing"), 404),
        ({"team": "north"}, 400),
        (said(sha256=hashlib.sha256(b"another").hexdigest()), 460),
    ],
)
def test_a_refusal_reaches_the_client(
    service: Served, send: Send, tmp_path: Path, metadata: dict[str, str], status: int
) -> None:
    file, _ = new_file(tmp_path, 300_000)
    assert send(service.url + UPLOADS, file, metadata)["status"] == status


@pytest.mark.parametrize("way", ["reset", "close", "hold"])
def test_tus_js_goes_on_after_cuts_at_random_bytes(
    service: Served, js_client: Path, tmp_path: Path, way: Way
) -> None:
    file, sha256 = new_file(tmp_path, 4 * MIB)
    cuts = random.Random(f"js {way}").sample(range(MIB // 2, 2 * MIB), k=1 if way == "hold" else 3)
    with cutting(service.port, cuts, way) as proxy:
        answer = by_js(service, js_client)(proxy.url + UPLOADS, file, said(sha256=sha256))
        assert proxy.n_cut >= 1
    assert "url" in answer, answer
    assert service.archive(sha256) == file.read_bytes()


def test_tuspy_goes_on_after_cuts_where_it_is_told_to_retry(
    service: Served, tmp_path: Path
) -> None:
    file, sha256 = new_file(tmp_path, 4 * MIB)
    cuts = random.Random("tuspy").sample(range(MIB // 2, 2 * MIB), k=3)
    with cutting(service.port, cuts) as proxy:
        sending = by_tuspy(service, retries=10, retry_delay=1)
        answer = sending(proxy.url + UPLOADS, file, said(sha256=sha256))
        assert proxy.n_cut >= 1
    assert "url" in answer, answer
    assert service.archive(sha256) == file.read_bytes()


def test_tuspy_sends_pieces_with_checksums(service: Served, tmp_path: Path) -> None:
    file, sha256 = new_file(tmp_path, 3 * MIB)
    sending = by_tuspy(service, chunk_size=MIB, upload_checksum=True)
    assert "url" in sending(service.url + UPLOADS, file, said())
    assert service.archive(sha256) == file.read_bytes()


@pytest.mark.parametrize("by", [signal.SIGTERM, signal.SIGKILL], ids=lambda by: by.name)
def test_tus_js_goes_on_after_a_restart(
    js_client: Path, tmp_path: Path, by: signal.Signals
) -> None:
    file, sha256 = new_file(tmp_path, 64 * MIB)
    with served(tmp_path / "home", process=True) as service:
        answers: list[dict[str, Any]] = []
        sending = threading.Thread(
            target=lambda: answers.append(
                by_js(service, js_client)(service.url + UPLOADS, file, said(sha256=sha256))
            )
        )
        sending.start()
        while not any(service.drop.offset(each) for each in service.drop.arriving()):
            time.sleep(0.005)
        service.end(by)
        service.start()
        sending.join()
        assert "url" in answers[0], answers
        assert service.archive(sha256) == file.read_bytes()


def test_an_entered_archive_is_not_taken_for_a_new_one_by_tuspys_url_storage(
    service: Served, tmp_path: Path
) -> None:
    # tuspy knows a file again by its size and first 64 KiB: a corrected model passes for the old.
    beginning, file = os.urandom(65_536), tmp_path / "model.tar"
    storage = FileStorage(str(tmp_path / "urls.json"))
    sending = by_tuspy(service, store_url=True, url_storage=storage)
    try:
        file.write_bytes(beginning + b"first")
        url = sending(service.url + UPLOADS, file, said())["url"]
        entry = {"benchmark": "chest", "team": "north", "model": "one"}
        with service.client() as client:
            entered = client.post(
                "/api/v1/submissions", json={**entry, "upload_id": url.rpartition("/")[2]}
            )
        assert entered.status_code == 201, entered.text
        file.write_bytes(beginning + b"other")
        with suppress(TusCommunicationError):
            answer = sending(service.url + UPLOADS, file, said())
        assert answer["status"] == 410
    finally:
        storage.close()
