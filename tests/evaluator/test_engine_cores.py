"""What a program sees of the processors, in real containers."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from evaluator.cores import taken_cores
from evaluator.engine import Engine, EngineUnavailable
from evaluator.staging import stage
from submissions.contract import Contract
from tests.attacks.arena import stage_cases
from tests.attacks.catalogue import MILD, PRELUDE
from tests.engine import ImageBuilder, count_containers

pytestmark = pytest.mark.engine

SEEN = f"""{PRELUDE}
print(*sorted(os.sched_getaffinity(0)), sep=",", flush=True)
answer()
"""
N_CORES = len(os.sched_getaffinity(0))


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
    if cores > engine.cpus:
        pytest.skip(f"this machine has {engine.cpus} processors")
    found = seen(engine, image_of(SEEN), replace(MILD, cpus=cpus), tmp_path)
    assert len(found) == cores


def test_a_run_computes_beside_another_and_not_on_its_processor(
    engine: Engine, image_of: ImageBuilder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if N_CORES < 2:
        pytest.skip("this machine has one processor")
    # Runs of other tests take processors of the host as well.
    monkeypatch.setattr("evaluator.host_locks._everybodys_folder", lambda: tmp_path)
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
    if engine.podman:
        pytest.skip("Podman does not say beforehand what it may use")
    monkeypatch.setattr("evaluator.cores.usable_cores", lambda count: ("4095",))
    found = seen(engine, image_of(SEEN), MILD, tmp_path)
    assert len(found) == engine.cpus
    assert any("containers see all CPUs" in said for said in caplog.messages)


def test_an_engine_without_cpu_sets_says_so_and_runs_it(
    engine: Engine, image_of: ImageBuilder, tmp_path: Path
) -> None:
    without = replace(engine, has_cpusets=False)
    assert without.description().endswith("no CPU sets: programs see all CPUs")
    assert "CPU sets" not in engine.description()
    found = seen(without, image_of(SEEN), MILD, tmp_path)
    assert len(found) == engine.cpus


def test_processors_that_the_engine_did_not_give_stop_the_run(
    engine: Engine, image_of: ImageBuilder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if engine.podman:
        pytest.skip("Podman is told as the container is made: test_engine_granted.py")
    monkeypatch.setattr(engine.client.api, "update_container", lambda *given, **asked: {})
    with pytest.raises(EngineUnavailable, match=r"does not grant .*: its own processors"):
        seen(engine, image_of(SEEN), MILD, tmp_path)
    assert count_containers(engine, "test-cores") == 0
