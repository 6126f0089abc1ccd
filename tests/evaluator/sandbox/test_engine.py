from __future__ import annotations

import signal
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from evaluator.sandbox.engine import Engine, EngineUnavailable
from evaluator.sandbox.limits import lacking as lacking_limits
from evaluator.sandbox.staging import stage
from evaluator.setup.engine import ensure_engine
from submissions.contract import Contract
from submissions.predictions import read_predictions
from submissions.stage_times import Stage
from submissions.submission import ContractBroken, Failure
from tests.attacks.arena import CASE_IDS, stage_cases
from tests.attacks.catalogue import MILD, PRELUDE
from tests.support.engine import ImageBuilder, count_containers

ANSWER = f"{PRELUDE}\nprint('hello \\x1b[31mred')\nanswer()\n"
SLEEP = "import time\ntime.sleep(600)\n"


@pytest.mark.engine
def test_a_run_leaves_its_predictions_and_no_container(
    engine: Engine, image_of: ImageBuilder, tmp_path: Path
) -> None:
    cases, root = stage_cases(tmp_path, MILD)
    with stage(cases, MILD, root) as staged:
        outcome = engine.run(image_of(ANSWER), staged, MILD, submission_id="test-run")
        found = read_predictions(staged.predictions, CASE_IDS, MILD)
    assert set(found.values.values()) == {(0.5,)}
    assert count_containers(engine, "test-run") == 0
    assert set(outcome.seconds) == {Stage.START, Stage.INFER}
    assert all(0 < seconds < 60 for seconds in outcome.seconds.values())


@pytest.mark.engine
def test_the_log_is_shown_without_what_steers_a_terminal(
    engine: Engine, image_of: ImageBuilder, tmp_path: Path
) -> None:
    cases, root = stage_cases(tmp_path, MILD)
    with stage(cases, MILD, root) as staged:
        outcome = engine.run(image_of(ANSWER), staged, MILD, submission_id="test-log")
    assert outcome.log_tail == "hello \ufffd[31mred\n"


@pytest.mark.engine
def test_a_failure_brings_the_log_to_the_steward_alone(
    engine: Engine, image_of: ImageBuilder, tmp_path: Path
) -> None:
    cases, root = stage_cases(tmp_path, MILD)
    image = image_of("print('secret', flush=True)\nraise SystemExit(7)\n")
    with stage(cases, MILD, root) as staged, pytest.raises(ContractBroken) as broken:
        engine.run(image, staged, MILD, submission_id="test-crash")
    assert broken.value.failure is Failure.CRASHED
    assert broken.value.detail == "exit code 7"
    assert broken.value.log_tail == "secret\n"
    assert "secret" not in str(broken.value)


@pytest.mark.engine
def test_an_image_that_is_not_there_is_invalid(engine: Engine) -> None:
    with pytest.raises(ContractBroken, match="no image sequestra/never") as broken:
        engine.images.resolve("sequestra/never:built")
    assert broken.value.failure is Failure.IMAGE_INVALID


@pytest.mark.engine
def test_an_image_is_known_by_its_digest(engine: Engine, image_of: ImageBuilder) -> None:
    digest = image_of(ANSWER)
    assert digest.startswith("sha256:")
    assert engine.images.resolve(digest) == digest
    with pytest.raises(ContractBroken) as broken:
        engine.images.resolve(digest, replace(MILD, image_mb=1))
    assert broken.value.failure is Failure.IMAGE_TOO_LARGE


@pytest.mark.engine
@pytest.mark.parametrize(
    ("contract", "said"),
    [
        (replace(MILD, cpus=1000), "grants 1000 CPUs but the engine has"),
        (replace(MILD, memory_mb=4_000_000), "grants 4000000 MB of memory but the engine has"),
    ],
)
def test_more_than_the_machine_has_is_not_promised(
    contract: Contract, said: str, engine: Engine, image_of: ImageBuilder, tmp_path: Path
) -> None:
    cases, root = stage_cases(tmp_path, contract)
    with stage(cases, contract, root) as staged, pytest.raises(EngineUnavailable, match=said):
        engine.run(image_of(ANSWER), staged, contract, submission_id="test-grant")
    assert count_containers(engine, "test-grant") == 0


@pytest.mark.engine
def test_an_interrupted_run_leaves_no_container(
    engine: Engine, image_of: ImageBuilder, tmp_path: Path
) -> None:
    cases, root = stage_cases(tmp_path, MILD)
    main = threading.main_thread().ident
    assert main is not None
    interrupt = threading.Timer(1.5, signal.pthread_kill, (main, signal.SIGINT))
    interrupt.start()
    with stage(cases, MILD, root) as staged, pytest.raises(KeyboardInterrupt):
        engine.run(image_of(SLEEP), staged, MILD, submission_id="test-interrupted")
    interrupt.join()
    assert count_containers(engine, "test-interrupted") == 0


def test_without_an_engine_one_sentence_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/docker.sock")
    with pytest.raises(EngineUnavailable, match=r"DOCKER_HOST is unix://.*, but no container"):
        Engine.connect()


@pytest.mark.parametrize(
    ("info", "lacking"),
    [
        ({"SecurityOptions": ["name=seccomp,profile=default"]}, []),
        ({"SecurityOptions": []}, ["a seccomp profile"]),
        (
            {
                "SecurityOptions": ["name=seccomp,profile=default", "name=rootless"],
                "CgroupVersion": "1",
                "MemoryLimit": True,
            },
            ["memory, CPU and process limits (a rootless engine needs cgroup v2)"],
        ),
        (
            {
                "SecurityOptions": ["name=seccomp,profile=default", "name=rootless"],
                "CgroupVersion": "2",
                "CgroupDriver": "systemd",
            },
            [],
        ),
        (
            {
                "MemoryLimit": False,
                "PidsLimit": False,
                "CpuCfsQuota": False,
                "SecurityOptions": ["name=seccomp,profile=unconfined"],
            },
            [
                "a memory limit",
                "a CPU limit",
                "a limit of processes",
                "a seccomp profile",
            ],
        ),
    ],
)
def test_an_engine_that_cannot_enforce_a_limit_is_named(
    info: dict[str, object], lacking: list[str]
) -> None:
    assert lacking_limits(info) == lacking


@pytest.mark.engine
def test_setting_up_what_is_up_changes_nothing(engine: Engine) -> None:
    assert (
        ensure_engine(lambda _: None)
        == f"Using the container engine at {engine.connection.address}."
    )


@pytest.mark.engine
def test_no_proxy_of_the_steward_reaches_a_container(
    engine: Engine, image_of: ImageBuilder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = tmp_path / "docker"
    settings.mkdir()
    (settings / "config.json").write_text(
        '{"proxies": {"default": {"httpProxy": "http://name:password@proxy.example:3128"}}}'
    )
    monkeypatch.setenv("DOCKER_CONFIG", str(settings))
    cases, root = stage_cases(tmp_path, MILD)
    image = image_of("import os\nprint(sorted(os.environ))\n")
    with stage(cases, MILD, root) as staged:
        outcome = Engine.connect().run(image, staged, MILD, submission_id="test-proxy")
    assert "HOME" in outcome.log_tail
    assert "proxy" not in outcome.log_tail.lower()


@pytest.mark.engine
def test_a_runtime_that_the_engine_does_not_know_is_refused(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEQUESTRA_RUNTIME", "runsd")
    with pytest.raises(
        EngineUnavailable, match=r"SEQUESTRA_RUNTIME is 'runsd', but .* knows .*runc"
    ):
        Engine.connect()


@pytest.mark.engine
def test_the_runtime_asked_for_runs_the_container(
    engine: Engine, image_of: ImageBuilder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEQUESTRA_RUNTIME", "runc")
    cases, root = stage_cases(tmp_path, MILD)
    with stage(cases, MILD, root) as staged:
        Engine.connect().run(image_of(ANSWER), staged, MILD, submission_id="test-runtime")
        assert read_predictions(staged.predictions, CASE_IDS, MILD)


@pytest.mark.engine
def test_a_gpu_that_is_not_there_is_our_fault_not_the_teams(
    engine: Engine, image_of: ImageBuilder, tmp_path: Path
) -> None:
    if Path("/proc/driver/nvidia").exists():
        pytest.skip("this machine has a GPU to grant")
    contract = replace(MILD, gpus=1)
    cases, root = stage_cases(tmp_path, contract)
    with stage(cases, contract, root) as staged, pytest.raises(EngineUnavailable, match=r"gpu|GPU"):
        engine.run(image_of(ANSWER), staged, contract, submission_id="test-gpu")
    assert count_containers(engine, "test-gpu") == 0
