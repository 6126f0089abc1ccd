from __future__ import annotations

import json
import multiprocessing
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.synchronize import Barrier as ProcessBarrier
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest

from evaluator.seccomp import NAMESPACE_FLAGS, narrowed_profile
from submissions.engine_address import EngineUnavailable

PODMAN: dict[str, Any] = {
    "defaultAction": "SCMP_ACT_ERRNO",
    "syscalls": [
        {"names": ["userfaultfd"], "action": "SCMP_ACT_ERRNO"},
        {"names": ["read", "clone", "clone3", "unshare", "mount"], "action": "SCMP_ACT_ALLOW"},
        {"names": ["bpf"], "action": "SCMP_ACT_ALLOW", "includes": {"caps": ["CAP_SYS_ADMIN"]}},
    ],
}


def allowed(path: Path) -> dict[str, list[dict[str, Any]]]:
    """System calls that a profile lets through, each with the conditions on its arguments."""
    profile = json.loads(path.read_text(encoding="utf-8"))
    assert profile["defaultAction"] == "SCMP_ACT_ERRNO"
    return {
        name: rule.get("args") or []
        for rule in profile["syscalls"]
        if rule["action"] == "SCMP_ACT_ALLOW"
        for name in rule["names"]
    }


def test_what_makes_namespaces_and_mounts_is_shut(tmp_path: Path) -> None:
    source = tmp_path / "seccomp.json"
    source.write_text(json.dumps(PODMAN), encoding="utf-8")
    found = allowed(narrowed_profile(tmp_path, (tmp_path / "none", source)))
    assert set(found) == {"read", "clone"}
    (condition,) = found["clone"]
    assert condition["op"] == "SCMP_CMP_MASKED_EQ"
    assert condition["valueTwo"] == 0


def test_the_flags_are_those_of_the_kernels_header() -> None:
    # include/uapi/linux/sched.h
    flags = {
        "CLONE_NEWNS": 0x00020000,
        "CLONE_NEWCGROUP": 0x02000000,
        "CLONE_NEWUTS": 0x04000000,
        "CLONE_NEWIPC": 0x08000000,
        "CLONE_NEWUSER": 0x10000000,
        "CLONE_NEWPID": 0x20000000,
        "CLONE_NEWNET": 0x40000000,
    }
    assert sum(flags.values()) == NAMESPACE_FLAGS


def test_without_podmans_own_profile_nothing_runs(tmp_path: Path) -> None:
    with pytest.raises(EngineUnavailable, match=r"seccomp profile is neither of .*none; install"):
        narrowed_profile(tmp_path, (tmp_path / "none",))


def long_profile(folder: Path) -> Path:
    """Podman's profile with 5,002 system calls let through, of which none is shut."""
    source = folder / "seccomp.json"
    rule = {"names": ["read", *(f"call{index}" for index in range(5000))]}
    rules = [{**rule, "action": "SCMP_ACT_ALLOW"}]
    source.write_text(json.dumps({**PODMAN, "syscalls": rules}), encoding="utf-8")
    return source


def narrow(folders: list[Path], source: Path, together: ProcessBarrier) -> None:
    """Ask for the profile in one folder after another, each at the same time as others do."""
    for folder in folders:
        together.wait(20)
        if len(allowed(narrowed_profile(folder, (source,)))) != 5002:
            raise SystemExit("the profile is not whole")


def test_slots_that_start_a_container_at_once_each_find_the_whole_profile(tmp_path: Path) -> None:
    source = long_profile(tmp_path)
    slots = 4
    together = Barrier(slots)

    def look(attempt: int) -> int:
        folder = tmp_path / str(attempt)
        together.wait()
        return len(allowed(narrowed_profile(folder, (source,))))

    with ThreadPoolExecutor(slots) as pool:
        for attempt in range(25):
            (tmp_path / str(attempt)).mkdir()
            assert set(pool.map(look, [attempt] * slots)) == {5002}
    assert [path.name for path in (tmp_path / "0").iterdir()] == ["seccomp-podman.json"]


def test_processes_that_start_a_container_at_once_each_find_the_whole_profile(
    tmp_path: Path,
) -> None:
    source = long_profile(tmp_path)
    folders = [tmp_path / str(attempt) for attempt in range(25)]
    for folder in folders:
        folder.mkdir()
    spawn = multiprocessing.get_context("spawn")
    together = spawn.Barrier(2)
    processes = [spawn.Process(target=narrow, args=(folders, source, together)) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)
    assert [process.exitcode for process in processes] == [0, 0]
    assert [path.name for path in folders[0].iterdir()] == ["seccomp-podman.json"]
