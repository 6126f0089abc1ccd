"""Addresses of the tracker, the ledger and the scheduler that lead nowhere: one sentence each."""

from __future__ import annotations

import http.server
import json
import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from mlflow.utils.uri import is_databricks_uri

from evaluator.host.resources import WorkersError
from evaluator.workers.scheduler_address import refuse_scheduler
from submissions.addresses.database import address_fault, connection_fault, without_password
from submissions.addresses.engine import EngineUnavailable, engine_address
from submissions.addresses.tracker import configured_tracker, tracker_fault
from submissions.ledger.ledger import Ledger, LedgerError
from tests.support.commands import refused, sequestra
from tests.support.services import Scheduler, free_port, started

NOWHERE = "name-that-nobody-has.invalid"


@contextmanager
def silent() -> Iterator[int]:
    """A port that takes every connection and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@contextmanager
def talking(status: int, body: bytes, kind: str = "text/html") -> Iterator[int]:
    """A server that answers everything alike."""

    class Answers(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None: ...

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """An installation without a submission."""
    (tmp_path / "home").mkdir()
    (tmp_path / "file").write_text("no database")
    return tmp_path / "home"


@pytest.mark.parametrize(
    ("uri", "said"),
    [
        ("htp://127.0.0.1:5000", "no tracker of the kind 'htp'"),
        ("http://", "names no host"),
        ("http:///runs", "names no host"),
        ("http://127.0.0.1:port", "cannot be read"),
        ("./mlruns", "a folder, which cannot keep the figures of groups"),
        ("file:///tmp/mlruns", "a folder, which cannot keep the figures of groups"),
        ("sqlite:///{here}", "it is a folder"),
        ("sqlite:///{here}/file/mlflow.db", "is not a folder"),
        ("sqlite://", "in memory"),
        ("mongodb://127.0.0.1/runs", "no tracker of the kind 'mongodb'"),
        ("oracle://127.0.0.1/runs", "no tracker of the kind 'oracle'"),
        ("postgresql+nothing://127.0.0.1/runs", "no database of the kind 'postgresql+nothing'"),
        ("postgresql://u:secret@127.0.0.1:x/runs", "its port is not a number"),
    ],
)
def test_a_tracker_that_cannot_be_there_is_refused_before_anything_is_run(
    uri: str, said: str, home: Path
) -> None:
    address = uri.format(here=home.parent)
    sentence = refused("run", "--home", home, env={"MLFLOW_TRACKING_URI": address})
    assert said in sentence
    assert "secret" not in sentence
    assert list(home.iterdir()) in ([], [home / "public"])


@pytest.mark.parametrize(
    ("status", "body", "said", "lasting"),
    [
        (200, b"<html>a page</html>", "what answers there is no MLflow server", True),
        (404, b"no", "what answers there is no MLflow server", True),
        (401, b"who?", "refuses the name and password", True),
        (403, b"{}", "refuses the name and password", True),
        (503, b"soon", "has an error (503", False),
    ],
)
def test_what_answers_at_the_trackers_address_is_looked_at(
    status: int,
    body: bytes,
    said: str,
    lasting: bool,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    with talking(status, body) as port:
        fault = tracker_fault(f"http://user:secret@127.0.0.1:{port}")
    assert fault is not None
    assert said in fault.sentence
    assert fault.lasting is lasting
    assert "secret" not in fault.sentence
    assert f"http://user:***@127.0.0.1:{port}, " in fault.sentence


def test_an_mlflow_server_is_taken_for_one() -> None:
    experiments = json.dumps({"experiments": []}).encode()
    with talking(200, experiments, "application/json") as port:
        assert tracker_fault(f"http://127.0.0.1:{port}") is None
        assert tracker_fault(f"http://127.0.0.1:{port}/") is None


@pytest.mark.parametrize("uri", ["databricks", "databricks://profile"])
def test_a_name_that_stands_for_a_tracker_is_no_folder(uri: str) -> None:
    """MLflow takes `databricks` alone as an address."""
    assert is_databricks_uri(uri)
    assert tracker_fault(uri) is None


def test_a_tracker_that_is_gone_or_silent_is_told_and_the_queue_goes_on(home: Path) -> None:
    with silent() as port:
        places = {
            f"http://127.0.0.1:{free_port()}": "connection refused",
            f"http://127.0.0.1:{port}": "timed out",
            f"http://{NOWHERE}": NOWHERE,
            f"postgresql+psycopg://u:secret@127.0.0.1:{free_port()}/runs": "Connection refused",
            f"postgresql+psycopg://u:secret@127.0.0.1:{port}/runs": "refuses the connection",
        }
        for address, said in places.items():
            ended = sequestra("run", "--home", home, env={"MLFLOW_TRACKING_URI": address})
            assert ended.code == 0, ended.complained
            assert said in ended.complained
            assert "the queue goes on" in ended.complained
            assert len(ended.complained.strip().splitlines()) == 1
            assert "secret" not in ended.complained


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("nonsense", "it is not the address of a database"),
        ("sqlite://", "a database in memory"),
        ("sqlite:///{here}", "it is a folder"),
        ("sqlite:///{here}/file/ledger.sqlite", "is not a folder"),
        ("sqlite:///{here}/file", "file is not a database"),
        ("mongodb://127.0.0.1/x", "no database of the kind 'mongodb'"),
        ("http://127.0.0.1:5000", "no database of the kind 'http'"),
        ("mysql://u:secret@127.0.0.1/x", "give a writable SQLite file or a running PostgreSQL"),
        ("postgresql+psycopg2://u:secret@127.0.0.1/x", "'psycopg2' is not installed"),
        ("postgresql+psycopg://u:secret@127.0.0.1:x/x", "its port is not a number"),
        ("postgresql+psycopg://u:secret@127.0.0.1:{closed}/x", "refused"),
        ("postgresql+psycopg://u:secret@127.0.0.1:{silent}/x", "does not open"),
        (f"postgresql+psycopg://u:secret@{NOWHERE}/x", "does not open"),
    ],
)
def test_a_ledger_that_does_not_open_is_told_in_one_sentence(
    url: str, said: str, home: Path
) -> None:
    with silent() as port:
        address = url.format(here=home.parent, closed=free_port(), silent=port)
        sentence = refused("status", "--home", home, env={"SEQUESTRA_LEDGER": address})
    assert said in sentence
    assert sentence.count("error:") == 1
    assert len(sentence.strip().splitlines()) == 1
    assert "secret" not in sentence


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("http://127.0.0.1:8786", "Dask does not know 'http'"),
        ("tcp://127.0.0.1", "names no port"),
        ("127.0.0.1", "names no port"),
        ("tcp://:8786", "names no host"),
        ("tcp://127.0.0.1:port", "the scheduler's address is"),
        ("tcp://127.0.0.1:99999", "the scheduler's address is"),
        ("tcp://127.0.0.1:{closed}", "connection refused"),
        ("127.0.0.1:{closed}", "connection refused"),
        (f"tcp://{NOWHERE}:8786", "no Dask scheduler answers"),
    ],
)
def test_a_scheduler_that_is_not_there_is_told_before_anything_is_run(
    address: str, said: str, home: Path
) -> None:
    given = address.format(closed=free_port())
    sentence = refused("run", "--scheduler", given, "--home", home)
    assert said in sentence
    assert "leave --scheduler out" in sentence
    assert list(home.iterdir()) == []


@contextmanager
def greeting(words: bytes) -> Iterator[int]:
    """A server that greets each client with a few words, as a mail or SSH server does."""

    class Greets(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request.sendall(words)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Greets) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


def test_what_listens_and_is_no_scheduler_is_told(home: Path) -> None:
    with silent() as nobody, talking(200, b"a page") as page, greeting(b"SSH-2.0-x\r\n") as other:
        for port in (nobody, page, other):
            with pytest.raises(WorkersError, match="what listens there is no Dask scheduler"):
                refuse_scheduler(f"tcp://127.0.0.1:{port}")
        said = refused("run", "--scheduler", f"tcp://127.0.0.1:{nobody}", "--home", home)
    assert "what listens there is no Dask scheduler" in said
    assert list(home.iterdir()) == []


def test_a_scheduler_is_taken_for_one() -> None:
    scheduler = Scheduler()
    with started(scheduler):
        refuse_scheduler(scheduler.address)
        refuse_scheduler(scheduler.address.removeprefix("tcp://"))


def test_what_is_set_and_empty_is_unset(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    empty = {
        "MLFLOW_TRACKING_URI": "",
        "SEQUESTRA_LEDGER": "",
        "SEQUESTRA_RUNTIME": "",
        "SEQUESTRA_ENCLAVE_KEY": "",
        "DOCKER_HOST": "",
    }
    ended = sequestra("run", "--home", home, env=empty)
    assert (ended.code, ended.complained) == (0, "")
    assert (home / "public" / "ledger.sqlite").is_file()
    # An empty SEQUESTRA_HOME is the folder that is taken where none is named.
    assert "no installation in sequestra-home" in refused("status", env={"SEQUESTRA_HOME": ""})
    for blank in ("", "  "):
        monkeypatch.setenv("MLFLOW_TRACKING_URI", blank)
        assert configured_tracker() is None


def test_an_address_is_shown_without_its_password() -> None:
    assert without_password("postgresql://u:p@h/x") == "postgresql://u:***@h/x"
    assert "pw" not in without_password("http://user:pw@host:notaport/x")
    assert address_fault("sqlite:////tmp/somewhere/new.sqlite", ("sqlite",)) is None
    assert connection_fault("sqlite:////nowhere/at/all.sqlite") is not None
    with pytest.raises(LedgerError):
        Ledger("sqlite:////dev/null/x.sqlite")


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("nonsense", "is no address of a container engine"),
        ("htp://127.0.0.1:2375", "is no address of a container engine"),
        ("unix:///nowhere/docker.sock", "no container engine answers there"),
        ("unix://{here}", "no container engine answers there"),
        ("tcp://127.0.0.1", "no container engine answers there"),
        ("tcp://127.0.0.1:port", "no container engine answers there"),
        ("tcp://127.0.0.1:{closed}", "no container engine answers there"),
        ("tcp://127.0.0.1:{silent}", "no container engine answers there"),
        ("tcp://127.0.0.1:{page}", "no container engine answers there"),
        (f"tcp://{NOWHERE}:2375", "no container engine answers there"),
    ],
)
def test_an_engine_that_is_not_there_is_told(
    address: str, said: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with silent() as nobody, talking(404, b"a page") as page:
        given = address.format(here=tmp_path, closed=free_port(), silent=nobody, page=page)
        monkeypatch.setenv("DOCKER_HOST", given)
        with pytest.raises(EngineUnavailable, match=said):
            engine_address()
    with talking(200, b"OK", "text/plain") as engine:
        monkeypatch.setenv("DOCKER_HOST", f" tcp://127.0.0.1:{engine} ")
        assert engine_address() == f"tcp://127.0.0.1:{engine}"
