"""What a program sees of the processors, in real containers."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest
from docker import DockerClient

from evaluator.host.cores import taken_cores
from evaluator.sandbox.connection import has_cpusets
from evaluator.sandbox.engine import Engine, EngineUnavailable
from evaluator.sandbox.staging import stage
from submissions.contract import Contract
from tests.attacks.arena import stage_cases
from tests.attacks.catalogue import MILD, PRELUDE
from tests.support.engine import ImageBuilder, count_containers

pytestmark = pytest.mark.engine

SEEN = f"""{PRELUDE}
print(*sorted(os.sched_getaffinity(0)), sep=",", flush=True)
answer()
"""
N_CORES = len(os.sched_getaffinity(0))


@pytest.fixture(autouse=True)
def _cpusets(engine: Engine) -> None:
    if not engine.connection.has_cpusets:
        pytest.skip("this engine has no CPU sets, as a rootless one without the controller")


def seen(
    engine: Engine, image: str, contract: Contract, folder: Path, name: str = "test-cores"
) -> set[int]:
    """The processors that a container sees."""
    cases, root = stage_cases(folder, contract)
    with stage(cases, contract, root) as staged:
        outcome = engine.run(image, staged, contract, submission_id=name)
    return set(map(int, outcome.log_tail.split(",")))


@pytest.mark.parametrize(("cpus", "cores"), [(0.5, 1), (1.0, 1), (1.5, 2), (2.0, 2)])
def test_a_program_sees_as_many_processors_as_are_granted(
    cpus: float, cores: int, engine: Engine, image_of: ImageBuilder, tmp_path: Path
) -> None:
    if cores > engine.connection.cpus:
        pytest.skip(f"this machine has {engine.connection.cpus} processors")
    found = seen(engine, image_of(SEEN), replace(MILD, cpus=cpus), tmp_path)
    assert len(found) == cores


def test_a_run_computes_beside_another_and_not_on_its_processor(
    engine: Engine, image_of: ImageBuilder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if N_CORES < 2:
        pytest.skip("this machine has one processor")
    # Runs of other tests take processors of the host as well.
    monkeypatch.setattr("evaluator.host.locks._everybodys_folder", lambda: tmp_path)
    image = image_of(SEEN)
    with taken_cores(N_CORES - 1) as others:
        left = os.sched_getaffinity(0) - set(map(int, others))
        assert seen(engine, image, MILD, tmp_path / "one") == left
    with taken_cores(1) as first:
        assert seen(engine, image, MILD, tmp_path / "two").isdisjoint(map(int, first))


def test_an_engine_held_to_other_processors_runs_it_on_those(
    engine: Engine,
    image_of: ImageBuilder,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    if engine.connection.podman:
        pytest.skip("Podman does not say beforehand what it may use")
    monkeypatch.setattr("evaluator.host.cores.usable_cores", lambda count: ("4095",))
    found = seen(engine, image_of(SEEN), MILD, tmp_path)
    assert len(found) == engine.connection.cpus
    assert any("containers see all CPUs" in said for said in caplog.messages)


def test_an_engine_without_cpu_sets_says_so_and_runs_it(
    engine: Engine, image_of: ImageBuilder, tmp_path: Path
) -> None:
    without = replace(engine, connection=replace(engine.connection, has_cpusets=False))
    assert without.connection.description().endswith("no CPU sets: programs see all CPUs")
    assert "CPU sets" not in engine.connection.description()
    found = seen(without, image_of(SEEN), MILD, tmp_path)
    assert len(found) == engine.connection.cpus


def test_a_program_cannot_take_other_processors(
    engine: Engine, image_of: ImageBuilder, tmp_path: Path
) -> None:
    takes = f"""{PRELUDE}
taken = os.sched_getaffinity(0)
for wanted in [range(1024), *([core] for core in range(1024))]:
    try: os.sched_setaffinity(0, wanted)
    except OSError: continue
    taken |= os.sched_getaffinity(0)
print(*taken, sep=",")
"""
    assert len(seen(engine, image_of(takes), MILD, tmp_path)) == 1


@pytest.mark.parametrize(
    ("controllers", "has"),
    [
        # What systemd hands down to a user by default, and what it is asked to by an administrator.
        (["cpu", "memory", "pids"], False),
        (["cpuset", "cpu", "io", "memory", "pids"], True),
        (None, False),
    ],
)
def test_podman_tells_whether_it_may_hold_containers_to_processors(
    controllers: list[str] | None, has: bool
) -> None:
    class Podman(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            told = {"host": {"cgroupControllers": controllers}}
            answer = json.dumps(told if self.path.endswith("/libpod/info") else {}).encode()
            self.send_response(200)
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *said: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Podman) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        client = DockerClient(f"tcp://127.0.0.1:{server.server_port}", version="1.41")
        try:
            # In Docker's words it says so whatever it may.
            assert has_cpusets(client, {"CPUSet": True}, podman=True) is has
        finally:
            client.close()
            server.shutdown()


@pytest.mark.parametrize(("said", "has"), [(True, True), (False, False)])
def test_docker_tells_whether_it_may(said: bool, has: bool, engine: Engine) -> None:
    assert has_cpusets(engine.client, {"CPUSet": said}, podman=False) is has


def test_processors_that_the_engine_did_not_give_stop_the_run(
    engine: Engine, image_of: ImageBuilder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if engine.connection.podman:
        pytest.skip("Podman is told as the container is made: test_engine_granted.py")
    monkeypatch.setattr(engine.client.api, "update_container", lambda *given, **asked: {})
    with pytest.raises(EngineUnavailable, match=r"does not grant .*: its own processors"):
        seen(engine, image_of(SEEN), MILD, tmp_path)
    assert count_containers(engine, "test-cores") == 0


def test_an_engine_of_another_machine_gets_no_numbers_of_ours(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = {**engine.client.info(), "NCPU": 4096}
    monkeypatch.setattr("docker.DockerClient.info", lambda _: told)
    elsewhere = Engine.connect()
    assert not elsewhere.connection.has_cpusets
    assert "no CPU sets" in elsewhere.connection.description()
    elsewhere.close()
