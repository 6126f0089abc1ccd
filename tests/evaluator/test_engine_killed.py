"""An engine that dies in the middle of a run: our fault, told at once, and nothing stays."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from evaluator.engine import Engine
from submissions.base_image import docker
from submissions.engine_address import answers
from tests.engine import ImageBuilder

pytestmark = pytest.mark.engine


class OwnDocker:
    """A Docker of the test's own, beside the machine's, that may be killed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.socket = folder / "docker.sock"
        self.daemon: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        (self.folder / "pid").unlink(missing_ok=True)
        with (self.folder / "log").open("ab") as log:
            self.daemon = subprocess.Popen(
                [
                    "dockerd",
                    *("--data-root", str(self.folder / "data")),
                    *("--exec-root", str(self.folder / "exec")),
                    *("--pidfile", str(self.folder / "pid")),
                    *("--host", f"unix://{self.socket}"),
                    *("--bridge", "none", "--iptables=false", "--ip6tables=false"),
                ],
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + 60
        while not answers(self.socket):
            assert self.daemon.poll() is None, (self.folder / "log").read_text()[-2000:]
            assert time.monotonic() < deadline
            time.sleep(0.1)

    def kill(self) -> None:
        assert self.daemon is not None
        self.daemon.kill()
        self.daemon.wait()

    def stop(self) -> None:
        assert self.daemon is not None
        self.daemon.terminate()
        self.daemon.wait(timeout=60)
        # The one that was killed left its data folder mounted on itself.
        while subprocess.run(["umount", self.folder / "data"], capture_output=True).returncode == 0:
            pass
        shutil.rmtree(self.folder, ignore_errors=True)


@pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("dockerd") is None, reason="needs root and dockerd"
)
def test_an_engine_killed_in_a_run_is_our_fault_and_leaves_nothing(
    image_of: ImageBuilder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = tmp_path / "image.tar"
    image = image_of("import time\ntime.sleep(600)\n")
    assert docker("save", "-o", str(archive), image).returncode == 0
    # A Unix socket's path may have 107 characters at most.
    own = OwnDocker(Path(tmp_path.parents[1] / f"d{os.getpid()}"))
    own.folder.mkdir()
    own.start()
    monkeypatch.setenv("DOCKER_HOST", f"unix://{own.socket}")
    try:
        assert docker("load", "-i", str(archive)).returncode == 0
        program = (
            "from pathlib import Path\nfrom evaluator.engine import Engine\n"
            "from evaluator.staging import stage\nfrom tests.attacks.arena import stage_cases\n"
            "from tests.attacks.catalogue import MILD\n"
            f"cases, root = stage_cases(Path({str(tmp_path)!r}), MILD)\n"
            "with stage(cases, MILD, root) as staged:\n"
            f"    Engine.connect().run({image!r}, staged, MILD, submission_id='test-cut-off')\n"
        )
        with subprocess.Popen(
            [sys.executable, "-c", program],
            cwd=Path(__file__).resolve().parents[2],
            stderr=subprocess.PIPE,
            text=True,
        ) as run:
            while not docker("ps", "-q").stdout:
                assert run.poll() is None
                time.sleep(0.05)
            own.kill()
            killed = time.monotonic()
            said = run.communicate(timeout=60)[1].strip().splitlines()[-1]
        assert time.monotonic() - killed < 30
        assert said.startswith("submissions.engine_address.EngineUnavailable: the container engine")
        assert list((tmp_path / "staging").glob("run-*")) == []
        own.start()
        again = Engine.connect()
        assert again.remove_orphans("test-cut-off") == 1
        assert again.client.containers.list(all=True) == []
        again.client.close()
    finally:
        own.stop()
