"""An image in a registry, pinned by digest: brought as an archive, linted, run as any other."""

from __future__ import annotations

import json
import shutil
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from evaluator.queue.registry import RegistryUnavailable, pulled
from evaluator.sandbox.engine import Engine
from submissions.contract import Contract
from submissions.image.archive import lint_archive
from submissions.submission import ContractBroken, Failure, State
from tests.support.entered import enter
from tests.support.installation import Installed
from tests.support.registry import registry
from tests.support.walkthrough import BENCHMARK

pytestmark = [
    pytest.mark.engine,
    pytest.mark.skipif(shutil.which("skopeo") is None, reason="skopeo is not on this machine"),
]


@pytest.fixture
def archive(engine: Engine, images: dict[str, str], tmp_path: Path) -> Path:
    """An archive of an honest image."""
    path = tmp_path / "image.tar"
    engine.save(images["honest"], path)
    return path


def test_a_reference_becomes_the_archive_of_the_same_image(
    archive: Path, images: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with registry(archive, tmp_path) as there:
        for name, value in there.settings.items():
            monkeypatch.setenv(name, value)
        with pulled(there.reference, Contract()) as brought:
            assert lint_archive(brought, Contract()).digest == images["honest"]
        assert not brought.exists()
        absent = f"{there.address}/team/model@sha256:{'0' * 64}"
        with (
            pytest.raises(ContractBroken, match=r"cannot be pulled .*; see that it is public"),
            pulled(absent, Contract()),
        ):
            pass
        with pytest.raises(ContractBroken) as large, pulled(there.reference, Contract(image_mb=1)):
            pass
        assert large.value.failure is Failure.IMAGE_TOO_LARGE
    with (
        pytest.raises(RegistryUnavailable, match="the registry"),
        pulled(there.reference, Contract()),
    ):
        pass


def test_a_reference_that_was_entered_is_pulled_run_and_released(
    archive: Path, images: dict[str, str], installed: Installed, tmp_path: Path
) -> None:
    with registry(archive, tmp_path) as there:
        submission = enter(installed, BENCHMARK, "Referred", reference=there.reference)
        elsewhere = f"r.example.org/m@sha256:{'0' * 64}"
        refused = enter(installed, BENCHMARK, "Elsewhere", reference=elsewhere)
        Installed(installed.home, there.settings).run()
    assert installed.state(submission) is State.RELEASED
    assert installed.ledger.submission(submission).image_digest == images["honest"]
    assert installed.state(refused) is State.REJECTED
    told = f"'r.example.org', and images are pulled from: {there.address}; send an archive"
    assert told in str(installed.ledger.finding(refused))


def test_a_registry_that_is_silent_lets_its_submission_wait(
    archive: Path, installed: Installed, tmp_path: Path
) -> None:
    with registry(archive, tmp_path) as there:
        submission = enter(installed, BENCHMARK, "Waits", reference=there.reference)
    said = Installed(installed.home, there.settings).refused()
    assert "the registry does not give the image" in said
    assert installed.state(submission) is State.RECEIVED


@pytest.mark.parametrize("allowed", ["", "another.example.org"])
def test_no_registry_is_asked_that_the_steward_did_not_name(
    allowed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEQUESTRA_REGISTRIES", allowed)
    with (
        pytest.raises(
            ContractBroken, match=r"images are pulled from: (none|another\.example\.org);"
        ),
        pulled(f"127.0.0.1:1/m@sha256:{'0' * 64}", Contract()),
    ):
        pass


def test_the_steward_s_own_login_is_never_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str | None] = []

    class Locked(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append(self.headers["Authorization"])
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="team"')
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *arguments: object) -> None:
            """Keep quiet."""

    with HTTPServer(("127.0.0.1", 0), Locked) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        address = f"127.0.0.1:{server.server_port}"
        conf = tmp_path / ".config" / "containers" / "registries.conf"
        conf.parent.mkdir(parents=True)
        conf.write_text(f'[[registry]]\nlocation = "{address}"\ninsecure = true\n')
        login = tmp_path / "auth.json"
        login.write_text(json.dumps({"auths": {address: {"auth": "c3Rld2FyZDp3b3Jk"}}}))
        monkeypatch.setenv("HOME", str(tmp_path))
        monkeypatch.setenv("REGISTRY_AUTH_FILE", str(login))
        monkeypatch.setenv("SEQUESTRA_REGISTRIES", address)
        with pytest.raises(ContractBroken), pulled(f"{address}/m@sha256:{'0' * 64}", Contract()):
            pass
        server.shutdown()
        thread.join()
    assert seen
    assert set(seen) <= {None, "Basic Og=="}  # the latter is a name and a word without a letter
