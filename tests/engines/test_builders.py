"""Archives made for real by the builders of two Debian releases, as docs/archives.md lists them."""

from __future__ import annotations

import json
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from evaluator.sandbox.engine import Engine
from submissions.contract import Contract
from submissions.image.archive import lint_archive
from submissions.submission import ContractBroken
from tests.engines.conftest import Start
from tests.support.builders import CONTAINERIFY, ROWS, SETTING_UP, VERSIONS, Row
from tests.support.machine import KEPT, Machine, podman_options

pytestmark = pytest.mark.engines

CONTRACT = Contract(image_mb=64)
RUNS = [(release, row) for row in ROWS for release in row.releases]


@pytest.fixture
def built(
    machines: Callable[[str], Machine], start: Start, short: Path, context: Path
) -> Callable[[str, str, str], None]:
    """Run a script with a builder of a release, in the folder that has `context`."""

    def run(release: str, builder: str, script: str) -> None:
        host = {}
        if builder in ("docker", "containerd"):
            host = {"DOCKER_HOST": start(release, builder), "DOCKER_BUILDKIT": "1"}
        if release == "bookworm":
            host["DOCKER_BUILDKIT"] = "0"
        storage = short / f"{release[0]}-builders"
        options = podman_options(storage)
        machines(release).run(
            script,
            context,
            **host,
            PODMAN=f"podman {' '.join(options)}",
            BUILDAH=f"buildah {' '.join(options[:4])}",
            BUILDAH_ISOLATION="chroot",
        )

    return run


@pytest.mark.parametrize(
    ("release", "row"),
    [run for run in RUNS if run[1].builder != "containerify"],
    ids=lambda each: each if isinstance(each, str) else each.name,
)
def test_what_a_builder_writes_is_taken_or_mended_as_its_row_says(
    release: str,
    row: Row,
    built: Callable[[str, str, str], None],
    connect: Callable[[str, str], Engine],
    context: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    built(release, row.builder, f"{SETTING_UP[row.builder]}\n{row.command}")
    if row.refused:
        assert_refused(row, context, connect("trixie", "docker"), monkeypatch)
        built(release, row.builder, row.mend)
    archive = context / ("mended.tar" if row.refused else "image.tar")
    assert_accepted(archive, [connect("trixie", each) for each in ("docker", "containerd")])


def assert_refused(row: Row, folder: Path, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    image = "image" if (folder / "image").is_dir() and not Path("image.tar").exists() else None
    with pytest.raises(ContractBroken) as broken, engine.receive(image or "image.tar", CONTRACT):
        pass
    assert row.refused in broken.value.detail, broken.value.detail


def assert_accepted(archive: Path, engines: list[Engine]) -> None:
    """It is taken by both of Docker's stores, under one digest, and leaves nothing."""
    linted = lint_archive(archive, CONTRACT)
    assert linted.entrypoint == ("/ends-well",)
    for engine in engines:
        with engine.receive(str(archive), CONTRACT) as found:
            assert found.digest == linted.digest
            engine.let_in(found, CONTRACT)
        assert not engine.has(linted.digest) or engine.connection.store != "containerd"


@pytest.mark.parametrize("row", [row for row in ROWS if row.builder == "containerify"], ids=str)
def test_what_containerify_writes_is_mended_as_its_row_says(
    row: Row,
    built: Callable[[str, str, str], None],
    connect: Callable[[str, str], Engine],
    context: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    built(
        "trixie",
        "skopeo",
        f"{SETTING_UP['skopeo']}\nskopeo --insecure-policy copy -q "
        "docker-archive:from.tar oci:base",
    )
    containerify(context, row.command.split()[1:])
    engine = "containerd" if "Oci" in row.command else "docker"
    assert_refused(row, context, connect("trixie", "docker"), monkeypatch)
    built("trixie", engine, row.mend)
    both = [connect("trixie", each) for each in ("docker", "containerd")]
    assert_accepted(context / "mended.tar", both)


def containerify(folder: Path, options: list[str]) -> None:
    """Add a layer to the image in the OCI folder `base`, which a registry of the test's offers."""
    if shutil.which("npm") is None:
        pytest.skip("containerify: needs npm")
    home = KEPT / f"containerify-{CONTAINERIFY}"
    if not home.exists():
        fresh = home.with_name(f"{home.name}.new")
        fresh.mkdir(parents=True, exist_ok=True)
        package = f"containerify@{CONTAINERIFY}"
        subprocess.run(["npm", "install", "--silent", "--prefix", fresh, package], check=True)
        fresh.rename(home)
    with registry(folder / "base") as address:
        done = subprocess.run(
            [
                *(home / "node_modules" / ".bin" / "containerify", "--fromRegistry", address),
                *("--fromImage", "base:latest", "--allowInsecureRegistries", "--fromToken", "x"),
                *("--toImage", "t:one", "--folder", "context", "--customContent", "ends-well"),
                *("--entrypoint", "/ends-well", *options),
            ],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"


@contextmanager
def registry(layout: Path) -> Iterator[str]:
    """Serve the one image of an OCI folder as a registry does; the address."""
    (listed,) = json.loads((layout / "index.json").read_text())["manifests"]

    class Registry(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            last = self.path.rpartition("/")[2]
            is_manifest = "/manifests/" in self.path
            told = listed["digest"] if is_manifest else last
            content = (layout / "blobs" / told.replace(":", "/")).read_bytes()
            self.send_response(200)
            kind = listed["mediaType"] if is_manifest else "application/octet-stream"
            self.send_header("Content-Type", kind)
            self.send_header("Docker-Content-Digest", told)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Registry)
    serving = threading.Thread(target=server.serve_forever)
    serving.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v2/"
    finally:
        server.shutdown()
        serving.join()
        server.server_close()


@pytest.mark.parametrize(("package", "release"), VERSIONS, ids=str)
def test_the_versions_in_the_table_are_those_that_were_tried(
    package: str, release: str, machines: Callable[[str], Machine]
) -> None:
    assert machines(release).version(package) == VERSIONS[package, release]
