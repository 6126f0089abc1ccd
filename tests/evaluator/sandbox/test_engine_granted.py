"""A flag that an engine takes without complaint and does not keep stops the run."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from evaluator.sandbox import runs as runs_module
from evaluator.sandbox.engine import Engine, EngineUnavailable
from evaluator.sandbox.limits import environment, flags, not_granted
from evaluator.sandbox.staging import Staged, stage
from submissions.contract import Contract
from tests.attacks.arena import stage_cases
from tests.attacks.catalogue import MILD
from tests.support.engine import Creating, ImageBuilder, count_containers


def without(name: str) -> list[dict[str, object]]:
    """The limits of one file each, but for one of them."""
    limits = {"fsize": 16 << 20, "nofile": 1024, "core": 0}
    return [
        {"Name": each, "Soft": most, "Hard": most} for each, most in limits.items() if each != name
    ]


def mounts(staged: Staged, *, writable: bool, more: bool) -> list[dict[str, object]]:
    both = [("/input", staged.input, not writable), ("/output/predictions.csv", None, False)]
    both += [("/more", staged.input, True)] if more else []
    return [
        {
            "Type": "bind",
            "Target": target,
            "Source": str(source or staged.predictions),
            "ReadOnly": read_only,
        }
        for target, source, read_only in both
    ]


Refused = Callable[[str], None]


@pytest.fixture
def refused(engine: Engine, image_of: ImageBuilder, tmp_path: Path) -> Refused:
    """Run an image, which must be refused with these words, and leaves no container."""

    def run(said: str) -> None:
        cases, root = stage_cases(tmp_path, MILD)
        with stage(cases, MILD, root) as staged, pytest.raises(EngineUnavailable, match=said):
            engine.run(image_of(), staged, MILD, submission_id="test-flag")
        assert count_containers(engine, "test-flag") == 0

    return run


LIMITS = "limits of file size, open files and core dumps"
OTHERWISE: list[tuple[dict[str, Any], str]] = [
    ({"network_mode": "bridge"}, "no network"),
    ({"read_only": False}, "a read-only root"),
    ({"privileged": True, "security_opt": ["no-new-privileges"]}, "no privileges"),
    ({"mem_limit": 2**28, "memswap_limit": 2**28}, "a memory limit"),
    ({"memswap_limit": 2**28}, "no swap"),
    ({"pids_limit": 64}, "a limit of processes"),
    ({"nano_cpus": 0}, "a CPU limit"),
    ({"cpuset_cpus": "0"}, "its own processors"),
    ({"cap_drop": None}, "no capabilities"),
    ({"cap_add": ["NET_RAW"]}, "no capabilities"),
    ({"cap_drop": ["NET_RAW"]}, "no capability at all"),
    ({"security_opt": []}, "no-new-privileges"),
    ({"security_opt": ["no-new-privileges", "seccomp=unconfined"]}, "its seccomp profile"),
    ({"security_opt": ["no-new-privileges"]}, "its seccomp profile"),
    ({"ulimits": without("fsize")}, LIMITS),
    ({"ulimits": without("nofile")}, LIMITS),
    ({"ulimits": [*without("nofile"), {"Name": "nofile", "Soft": 1024, "Hard": 4096}]}, LIMITS),
    ({"ulimits": [*without("core"), {"Name": "core", "Soft": 1, "Hard": 1}]}, LIMITS),
    ({"tmpfs": {"/tmp": "rw,exec,nosuid,nodev,size=17m,mode=1777"}}, "a bounded /tmp"),
    ({"tmpfs": {"/tmp": "rw,exec,size=16m,mode=1777"}}, "a /tmp without devices and setuid"),
    ({"shm_size": 2**26}, "a bounded /dev/shm"),
    ({"ipc_mode": "host"}, "memory shared with nobody"),
    ({"ipc_mode": "shareable"}, "memory of its own"),
    ({"pid_mode": "host"}, "processes of its own"),
    ({"mounts": {"writable": True, "more": False}}, "the input read-only"),
    ({"mounts": {"writable": False, "more": True}}, "no other mount"),
    ({"log_config": {"Type": "json-file", "Config": {}}}, "a bounded log"),
    ({"log_config": {"Type": "none", "Config": {}}}, "a bounded log"),
    ({"device_requests": [{"Count": 1, "Capabilities": [["gpu"]]}]}, "no device but its GPUs"),
    (
        {"device_requests": [{"DeviceIDs": ["0"], "Capabilities": [["gpu"]]}]},
        "no device but its GPUs",
    ),
    ({"devices": ["/dev/null:/dev/more:r"]}, "no device but its GPUs"),
    ({"restart_policy": {"Name": "always"}}, "no second start"),
    ({"dns": ["192.0.2.1"]}, "no name server"),
]


@pytest.mark.engine
@pytest.mark.parametrize(("kept", "named"), OTHERWISE, ids=str)
def test_a_flag_that_the_engine_kept_otherwise_is_named(
    kept: dict[str, Any],
    named: str,
    engine: Engine,
    refused: Refused,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if engine.connection.podman:
        pytest.skip("Podman's words are tried below")

    def otherwise(staged: Staged, contract: Contract) -> dict[str, Any]:
        given = {"mounts": mounts(staged, **kept["mounts"])} if "mounts" in kept else kept
        return {**flags(staged, contract), **given}

    monkeypatch.setattr(runs_module, "flags", otherwise)
    refused(f"does not grant what the contract asks: {named}")


@pytest.mark.engine
@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"healthcheck": None}, "no health check"),
        ({"healthcheck": {"test": ["CMD", "true"]}}, "no health check"),
        ({"user": "0:0"}, "a numeric user of its own"),
        ({"user": "60705:60705"}, "a numeric user of its own"),
        ({"environment": {"HOME": "/tmp"}}, "its environment"),
    ],
    ids=str,
)
def test_what_stands_beside_the_flags_is_looked_at_too(
    given: dict[str, Any], named: str, refused: Refused, creating: Creating
) -> None:
    creating(given)
    refused(named)


@pytest.mark.engine
def test_the_images_words_for_gpus_give_way_to_what_is_granted(
    engine: Engine, image_of: ImageBuilder
) -> None:
    asks = "ENV NVIDIA_VISIBLE_DEVICES=all NVIDIA_DRIVER_CAPABILITIES=all NVIDIA_MOFED=enabled\n"
    image = image_of(extra=asks)
    for gpus, seen in (
        ((), {"NVIDIA_VISIBLE_DEVICES": "void"}),
        (
            ("1", "GPU-8932f937"),
            {
                "NVIDIA_VISIBLE_DEVICES": "1,GPU-8932f937",
                "NVIDIA_DRIVER_CAPABILITIES": "compute,utility",
                "NVIDIA_MOFED": "disabled",
            },
        ),
    ):
        made = engine.client.api.create_container(
            image, environment=environment(MILD, gpus), use_config_proxy=False
        )
        told = engine.client.api.inspect_container(made["Id"])["Config"]["Env"]
        engine.client.api.remove_container(made["Id"])
        pairs = [word.split("=", 1) for word in told]
        assert len(dict(pairs)) == len(pairs)
        assert dict(pairs).items() >= seen.items()


STAGED = Staged(
    *(Path("/run"), Path("/run/input"), Path("/run/predictions.csv")), 5, uid=60_606, cores=("1",)
)
PODMAN: dict[str, Any] = {
    "Config": {
        "User": "60606:60606",
        "Env": [
            *("PATH=/bin", "container=podman", "TMPDIR=/tmp", "HOME=/tmp", "LANG=C.UTF-8"),
            *("OMP_NUM_THREADS=1", "OPENBLAS_NUM_THREADS=1", "MKL_NUM_THREADS=1"),
            *("NUMBA_NUM_THREADS=1", "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS=1"),
            *("ORT_INTRA_OP_NUM_THREADS=1", "ORT_INTER_OP_NUM_THREADS=1"),
            *("ORT_DISABLE_TELEMETRY=1", "USER=submission", "LOGNAME=submission"),
            "NVIDIA_VISIBLE_DEVICES=void",
        ],
    },
    "Mounts": [
        {"Type": "bind", "Destination": "/input", "RW": False},
        {"Type": "bind", "Destination": "/output/predictions.csv", "RW": True},
    ],
    "HostConfig": {
        "NetworkMode": "none",
        "ReadonlyRootfs": True,
        "Privileged": False,
        "Memory": 2**27,
        "MemorySwap": 2**27,
        "PidsLimit": 32,
        "NanoCpus": 0,
        "CpusetCpus": "1",
        "CpuQuota": 100_000,
        "CpuPeriod": 100_000,
        "CapDrop": ["CAP_CHOWN", "CAP_KILL", "CAP_SETUID"],
        "CapAdd": [],
        "SecurityOpt": ["no-new-privileges", "seccomp=/cache/seccomp.json"],
        "Ulimits": [
            {"Name": "RLIMIT_CORE", "Soft": 0, "Hard": 0},
            {"Name": "RLIMIT_FSIZE", "Soft": 2**24, "Hard": 2**24},
            {"Name": "RLIMIT_NOFILE", "Soft": 1024, "Hard": 1024},
            {"Name": "RLIMIT_NPROC", "Soft": 32_768, "Hard": 32_768},
        ],
        "Tmpfs": {"/tmp": "rw,exec,nosuid,nodev,size=16m,mode=1777,rprivate"},
        "ShmSize": 8 * 2**20,
        "IpcMode": "shareable",
        "LogConfig": {"Type": "k8s-file", "Config": None, "Size": "262.1kB"},
        "Devices": [],
    },
}
"""As its inspection words what it was asked for (libpod/container_inspect.go)."""


def test_podmans_words_for_the_same_are_understood() -> None:
    assert not_granted(PODMAN, STAGED, MILD, podman=True) == []


@pytest.mark.parametrize(
    ("place", "value", "named"),
    [
        ("CapDrop", [], "no capabilities"),
        ("ShmSize", 65_536_000, "a bounded /dev/shm"),
        ("CpusetCpus", "", "its own processors"),
        ("CpusetCpus", "0-1", "its own processors"),
        ("IpcMode", "host", "memory shared with nobody"),
        ("IpcMode", "container:1234", "memory shared with nobody"),
        ("Ulimits", [{"Name": "RLIMIT_NOFILE", "Soft": 2**20, "Hard": 2**20}], LIMITS),
    ],
)
def test_what_podman_did_not_keep_is_named(place: str, value: object, named: str) -> None:
    attributes = deepcopy(PODMAN)
    attributes["HostConfig"][place] = value
    assert not_granted(attributes, STAGED, MILD, podman=True) == [named]


@pytest.mark.parametrize("test", [None, ["NONE"], ["CMD-SHELL", "NONE"], ["CMD", "NONE"]])
def test_podman_may_take_none_for_a_command(test: list[str] | None) -> None:
    attributes = deepcopy(PODMAN)
    attributes["Config"]["Healthcheck"] = {"Test": test}
    assert not_granted(attributes, STAGED, MILD, podman=True) == []


@pytest.mark.parametrize("test", [["CMD", "touch"], ["CMD-SHELL", "touch NONE"], ["NONE", "x"]])
def test_a_health_check_of_the_images_own_is_named(test: list[str]) -> None:
    attributes = deepcopy(PODMAN)
    attributes["Config"]["Healthcheck"] = {"Test": test}
    assert not_granted(attributes, STAGED, MILD, podman=True) == ["no health check"]


ONE_GPU = replace(STAGED, gpus=("1",))
NO_OTHER = "no device but its GPUs"


@pytest.mark.parametrize(
    ("kept", "names"),
    [
        ([(0, ["1"])], []),
        ([(0, ["0"])], [NO_OTHER]),
        ([(0, ["1", "0"])], [NO_OTHER]),
        ([(0, ["1"]), (0, ["0"])], [NO_OTHER]),
        ([(1, ["1"])], [NO_OTHER]),
        ([(1, None)], [NO_OTHER]),
        ([(-1, None)], [NO_OTHER]),
        ([(0, None)], [NO_OTHER]),
        ([], [NO_OTHER]),
    ],
    ids=str,
)
def test_other_gpus_than_those_held_are_named(
    kept: list[tuple[int, list[str] | None]], names: list[str]
) -> None:
    attributes = deepcopy(PODMAN)
    attributes["HostConfig"]["DeviceRequests"] = [
        {"Count": count, "DeviceIDs": gpus, "Capabilities": [["gpu"]]} for count, gpus in kept
    ]
    lost = not_granted(attributes, ONE_GPU, replace(MILD, gpus=1), podman=False)
    assert [each for each in lost if each == NO_OTHER] == names


@pytest.mark.parametrize("podman", [True, False])
def test_fewer_gpus_held_than_granted_are_named(podman: bool) -> None:
    lost = not_granted(PODMAN, STAGED, replace(MILD, gpus=1), podman=podman)
    assert NO_OTHER in lost


def test_the_gpus_that_are_held_are_asked_for_by_their_names() -> None:
    assert flags(ONE_GPU, MILD)["device_requests"] == [
        {"DeviceIDs": ["1"], "Capabilities": [["gpu"]]}
    ]
    assert flags(STAGED, MILD)["device_requests"] == []
