"""The engine is asked for the very GPUs that are held, and no container is left on them.

The GPUs are pretended by empty device files: the engine, which has none, takes the request and
refuses only the start.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from evaluator.host.gpus import taken_gpus
from evaluator.host.resources import WorkersError
from evaluator.sandbox import containers as containers_module
from evaluator.sandbox import runs as runs_module
from evaluator.sandbox.engine import GPUS_LABEL, RUN_LABEL, Engine, EngineUnavailable
from evaluator.sandbox.limits import flags, not_granted
from evaluator.sandbox.staging import Staged, own_folder, stage
from evaluator.workers.workers import open_workers
from submissions.contract import Contract
from tests.attacks.arena import stage_cases
from tests.attacks.catalogue import MILD
from tests.support.engine import ImageBuilder, count_containers

pytestmark = pytest.mark.engine

ONE = replace(MILD, gpus=1)
SLEEP = "import time\ntime.sleep(600)\n"


@pytest.fixture
def host(engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of two pretended device files, from which runs take their GPUs."""
    if Path("/proc/driver/nvidia").exists():
        pytest.skip("this machine has a GPU to grant")
    if engine.connection.podman:
        pytest.skip("Podman takes no device request")
    folder = tmp_path / "dev"
    folder.mkdir()
    for number in (0, 1):
        (folder / f"nvidia{number}").touch()
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(
        runs_module, "taken_gpus", partial(taken_gpus, devices=folder, locks=folder)
    )
    return folder


def run(engine: Engine, image: str, folder: Path) -> None:
    cases, root = stage_cases(folder, ONE)
    with stage(cases, ONE, root) as staged:
        engine.run(image, staged, ONE, submission_id="test-gpus")


def test_the_engine_keeps_the_gpu_that_nobody_else_holds(
    engine: Engine,
    image_of: ImageBuilder,
    host: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told: list[Mapping[str, Any]] = []

    def looked_at(
        attributes: Mapping[str, Any], staged: Staged, contract: Contract, podman: bool
    ) -> list[str]:
        told.append(attributes)
        return not_granted(attributes, staged, contract, podman)

    monkeypatch.setattr(runs_module, "not_granted", looked_at)
    with (
        taken_gpus(1, devices=host, locks=host) as others,
        pytest.raises(EngineUnavailable, match=r"could not select device driver"),
    ):
        run(engine, image_of(), tmp_path)
    assert others == ("0",)
    assert count_containers(engine, "test-gpus") == 0
    for attributes in told:
        (request,) = attributes["HostConfig"]["DeviceRequests"]
        assert (request["Count"], request["DeviceIDs"]) == (0, ["1"])
        assert request["Capabilities"] == [["gpu"]]
        assert "NVIDIA_VISIBLE_DEVICES=1" in attributes["Config"]["Env"]
        assert attributes["Config"]["Labels"][GPUS_LABEL] == "1"
    assert told
    with taken_gpus(2, devices=host, locks=host) as free:
        assert free == ("0", "1")


@pytest.mark.parametrize(
    "kept",
    [
        {"DeviceIDs": ["1"], "Capabilities": [["gpu"]]},
        {"DeviceIDs": ["0", "1"], "Capabilities": [["gpu"]]},
        {"Count": 1, "Capabilities": [["gpu"]]},
    ],
    ids=str,
)
def test_another_gpu_than_the_one_held_stops_the_run(
    kept: dict[str, Any],
    engine: Engine,
    image_of: ImageBuilder,
    host: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def otherwise(staged: Staged, contract: Contract) -> dict[str, Any]:
        return {**flags(staged, contract), "device_requests": [kept]}

    monkeypatch.setattr(runs_module, "flags", otherwise)
    with pytest.raises(EngineUnavailable, match="asks: no device but its GPUs"):
        run(engine, image_of(), tmp_path)
    assert count_containers(engine, "test-gpus") == 0


def left_running(engine: Engine, image: str, gpus: str, folder: Path) -> str:
    """A container that runs on after its process, which staged it in ``folder``."""
    labels = {GPUS_LABEL: gpus, RUN_LABEL: str(folder.resolve())}
    container = engine.client.containers.run(image, labels=labels, detach=True, network_mode="none")
    return str(container.id)


def running(engine: Engine) -> set[str]:
    found = engine.client.api.containers(filters={"label": GPUS_LABEL})
    return {each["Id"] for each in found}


def test_a_killed_process_container_is_gone_before_its_gpu_is_given_again(
    engine: Engine, image_of: ImageBuilder, host: Path, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "another installation" / "run-1"
    elsewhere.parent.mkdir()
    on_0 = left_running(engine, image_of(SLEEP), "0", elsewhere)
    on_1 = left_running(engine, image_of(SLEEP), "1,10", elsewhere)
    try:
        with pytest.raises(EngineUnavailable, match=r"could not select device driver"):
            run(engine, image_of(), tmp_path)
        assert running(engine) == {on_1}
    finally:
        for left in running(engine) & {on_0, on_1}:
            engine.client.api.remove_container(left, force=True)


@pytest.mark.parametrize("seen", [True, False], ids=["lives", "cannot be seen from here"])
def test_a_container_whose_process_lives_keeps_its_gpu(
    seen: bool,
    engine: Engine,
    image_of: ImageBuilder,
    host: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(containers_module, "VACATE_SECONDS", 0.2)
    with own_folder(tmp_path / "another installation") as folder:
        staged = folder if seen else tmp_path / "another host's" / "run-1"
        lives = left_running(engine, image_of(SLEEP), "0", staged)
        try:
            with pytest.raises(EngineUnavailable, match=f"container {lives[:12]} uses GPU 0, but"):
                run(engine, image_of(), tmp_path)
            assert running(engine) == {lives}
        finally:
            engine.client.api.remove_container(lives, force=True)


@pytest.mark.usefixtures("engine")
def test_the_worker_of_this_process_offers_the_gpus_that_its_environment_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "GPU-8932f937,GPU-1d3e5a2c")
    with open_workers("", tmp_path) as workers:
        workers.refuse_unfit(replace(MILD, gpus=2))
        with pytest.raises(WorkersError, match=r"offers .*GPU=3.*1 workers offer .*GPU=2"):
            workers.refuse_unfit(replace(MILD, gpus=3))
