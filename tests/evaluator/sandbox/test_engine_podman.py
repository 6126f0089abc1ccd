"""The sandbox under Podman's socket; the whole list runs with ``DOCKER_HOST=... make attacks``."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from evaluator.sandbox.engine import Engine
from evaluator.sandbox.staging import stage
from submissions.addresses.engine import answers
from submissions.host.base_image import ensure_base_image
from tests.attacks.arena import breaches, expected, run_attack, stage_cases
from tests.attacks.catalogue import ATTACKS, MILD, PRELUDE, Attack
from tests.support.engine import build_image

pytestmark = pytest.mark.engine

CHOSEN = (
    "network: reach the host and the metadata service",
    "files: write anywhere else",
    "disk: a sparse output of a terabyte",
    "disk: blocks beyond the end of the output",
    "memory: take all",
    "time: ignore every signal",
    "privileges: capabilities, user namespaces and the kernel's rarer doors",
)


@pytest.fixture(scope="module")
def podman(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a Podman service that lasts as long as these tests."""
    if shutil.which("podman") is None or os.geteuid() != 0:
        pytest.skip("Podman: needs the package podman and root")
    path = tmp_path_factory.mktemp("podman") / "podman.sock"
    options = []
    if shutil.which("crun") is None:
        options += ["--runtime", "runc"]
    if not Path("/run/systemd/system").is_dir():
        options += ["--cgroup-manager", "cgroupfs"]
    log = path.with_suffix(".log")
    with (
        log.open("wb") as said,
        subprocess.Popen(
            ["podman", *options, "system", "service", "--time", "0", f"unix://{path}"],
            cwd=path.parent,  # conmon leaves a file where the service was started
            stdout=said,
            stderr=said,
        ) as service,
    ):
        try:
            deadline = time.monotonic() + 30
            while not answers(path):
                assert service.poll() is None, log.read_text(encoding="utf-8")
                assert time.monotonic() < deadline
                time.sleep(0.1)
            yield f"unix://{path}"
        finally:
            service.terminate()


@pytest.fixture
def engine(podman: str, monkeypatch: pytest.MonkeyPatch) -> Engine:
    monkeypatch.setenv("DOCKER_HOST", podman)
    return Engine.connect()


def test_it_is_known_for_what_it_is(engine: Engine) -> None:
    assert engine.connection.podman
    assert engine.connection.description().startswith("Podman ")


def test_a_run_is_held_to_its_own_processors(engine: Engine, tmp_path: Path) -> None:
    assert engine.connection.has_cpusets
    cases, root = stage_cases(tmp_path, MILD)
    image = build_image(ensure_base_image(), f"{PRELUDE}print(len(os.sched_getaffinity(0)))\n")
    with stage(cases, MILD, root) as staged:
        assert engine.run(image, staged, MILD, submission_id="test-cores").log_tail == "1\n"


@pytest.mark.parametrize(
    "attack", [attack for attack in ATTACKS if attack.name in CHOSEN], ids=lambda a: a.name
)
def test_podman_holds_as_docker_does(attack: Attack, engine: Engine, tmp_path: Path) -> None:
    seen = run_attack(attack, engine, ensure_base_image(), tmp_path)
    assert breaches(attack, seen) == []
    assert seen.failure == expected(attack, engine), f"{seen.detail}\n{seen.log}"


def test_the_list_is_of_attacks_that_exist() -> None:
    assert set(CHOSEN) <= {attack.name for attack in ATTACKS}
