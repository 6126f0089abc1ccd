"""An engine that dies in the middle of a run: our fault, told at once, and nothing stays."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from evaluator.sandbox.engine import Engine
from submissions.host.base_image import docker
from tests.support.engine import ImageBuilder
from tests.support.own_docker import OwnDocker, needs_own_docker
from tests.support.repository import REPOSITORY

pytestmark = pytest.mark.engine


@needs_own_docker
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
            "from pathlib import Path\nfrom evaluator.sandbox.engine import Engine\n"
            "from evaluator.sandbox.staging import stage\n"
            "from tests.attacks.arena import stage_cases\n"
            "from tests.attacks.catalogue import MILD\n"
            f"cases, root = stage_cases(Path({str(tmp_path)!r}), MILD)\n"
            "with stage(cases, MILD, root) as staged:\n"
            f"    Engine.connect().run({image!r}, staged, MILD, submission_id='test-cut-off')\n"
        )
        with subprocess.Popen(
            [sys.executable, "-c", program],
            cwd=REPOSITORY,
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
        assert said.startswith(
            "submissions.addresses.engine.EngineUnavailable: the container engine"
        )
        assert list((tmp_path / "staging").glob("run-*")) == []
        own.start()
        again = Engine.connect()
        assert again.containers.remove_dead(tmp_path / "staging") == 1
        assert again.client.containers.list(all=True) == []
        again.client.close()
    finally:
        own.stop()
