"""The list of system calls: what it shuts by their arguments, and that engines find it whole."""

from __future__ import annotations

import json
import multiprocessing
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.synchronize import Barrier as ProcessBarrier
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest

from evaluator.sandbox.engine import Engine
from evaluator.sandbox.staging import stage
from evaluator.system_calls import NAMESPACE_FLAGS, profile, profile_file, profile_text
from submissions.contract import Contract
from submissions.predictions import read_predictions
from tests.attacks.arena import CASE_IDS, stage_cases
from tests.attacks.catalogue import PRELUDE
from tests.support.engine import ImageBuilder


def passes(name: str, *arguments: int) -> bool:
    """Whether a call is let through, as seccomp(2) compares: any rule of its name that matches."""
    return any(
        rule["action"] == "SCMP_ACT_ALLOW"
        and name in rule["names"]
        and all(matches(condition, arguments) for condition in rule["args"])
        for rule in profile()["syscalls"]
    )


def matches(condition: dict[str, Any], arguments: tuple[int, ...]) -> bool:
    given = arguments[condition["index"]]
    if condition["op"] == "SCMP_CMP_EQ":
        return bool(given == condition["value"])
    assert condition["op"] == "SCMP_CMP_MASKED_EQ"
    return bool(given & condition["value"] == condition["valueTwo"])


@pytest.mark.parametrize(
    ("name", "number"),
    # As a C program prints them of linux/fs.h, linux/falloc.h and xfs_fs.h.
    [
        ("FS_IOC_RESVSP", 0x40305828),
        ("FS_IOC_RESVSP64", 0x4030582A),
        ("FS_IOC_ZERO_RANGE", 0x40305839),
        ("FIFREEZE", 0xC0045877),
        ("FITRIM", 0xC0185879),
        ("FS_IOC_FSSETXATTR", 0x401C5820),
    ],
)
def test_requests_to_a_file_system_are_shut(name: str, number: int) -> None:
    assert not passes("ioctl", 1, number), name
    assert not passes("ioctl", 1, number | 0xDEAD << 32), name  # the kernel drops the upper half


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("TCGETS", 0x5401),
        ("FIONREAD", 0x541B),
        ("FIONBIO", 0x5421),
        ("FIOCLEX", 0x5451),
        ("SIOCGIFCONF", 0x8912),
        ("NV_ESC_RM_ALLOC of NVIDIA's driver", 0xC020462B),
        ("UVM_INITIALIZE of NVIDIA's driver", 0x30000001),
    ],
)
def test_requests_to_terminals_sockets_and_gpus_pass(name: str, number: int) -> None:
    assert passes("ioctl", 1, number), name


def test_blocks_are_allocated_only_where_the_file_grows() -> None:
    assert passes("fallocate", 3, 0, 0, 4096)
    assert not any(passes("fallocate", 3, mode, 0, 4096) for mode in range(1, 128))


def test_threads_and_processes_are_made_and_namespaces_are_not() -> None:
    # The flags of glibc's pthread_create and fork (sysdeps/unix/sysv/linux).
    assert passes("clone", 0x003D0F00)
    assert passes("clone", 0x01200011)
    for bit in (17, 25, 26, 27, 28, 29, 30):
        assert not passes("clone", 0x01200011 | 1 << bit)
    assert not passes("clone3", 0)


@pytest.mark.parametrize(
    "name",
    """unshare setns mount umount2 fsopen move_mount pivot_root chroot bpf perf_event_open keyctl
    add_key request_key userfaultfd io_uring_setup io_uring_enter ptrace process_vm_writev
    open_by_handle_at name_to_handle_at setxattr fsetxattr fanotify_init quotactl swapon reboot
    kexec_load init_module settimeofday clock_settime adjtimex iopl ioperm modify_ldt""".split(),  # noqa: SIM905 - reads better as one
)
def test_what_no_model_needs_is_shut(name: str) -> None:
    assert not passes(name, 0, 0)


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


ORDINARY = f"""{PRELUDE}
import multiprocessing, subprocess, tempfile, threading
def main():
    lines = []
    threads = [threading.Thread(target=lines.append, args=(n,)) for n in range(4)]
    for each in threads: each.start()
    for each in threads: each.join()
    with multiprocessing.get_context(@METHOD@).Pool(2) as pool: lines += pool.map(abs, range(4))
    said = subprocess.run(["sh", "-c", "echo 1 2 3 4"], capture_output=True, text=True).stdout
    lines += said.split()
    with tempfile.TemporaryFile() as file:
        os.posix_fallocate(file.fileno(), 0, 4096)
        if os.fstat(file.fileno()).st_size != 4096: raise SystemExit("no file of that size")
    server = socket.create_server(("127.0.0.1", 0))
    socket.create_connection(server.getsockname()).close()
    if len(lines) == 12: answer()
# A pool's processes import the program again, by default from Python 3.14 on.
if __name__ == "__main__": main()
"""


@pytest.mark.engine
@pytest.mark.parametrize("method", [None, "fork", "forkserver", "spawn"])
def test_threads_pools_programs_files_and_loopback_work(
    method: str | None, engine: Engine, image_of: ImageBuilder, tmp_path: Path
) -> None:
    contract = Contract(start_seconds=60)
    cases, root = stage_cases(tmp_path, contract)
    image = image_of(ORDINARY.replace("@METHOD@", repr(method)))
    with stage(cases, contract, root) as staged:
        said = engine.run(image, staged, contract, submission_id="test-ordinary")
        assert read_predictions(staged.predictions, CASE_IDS, contract), said.log_tail


def is_whole(path: Path) -> bool:
    return path.read_text(encoding="utf-8") == profile_text()


def find(folders: list[Path], together: ProcessBarrier) -> None:
    """Ask for the profile in one folder after another, each at the same time as others do."""
    for folder in folders:
        together.wait(20)
        if not is_whole(profile_file(folder)):
            raise SystemExit("the profile is not whole")


def test_slots_that_start_a_container_at_once_each_find_the_whole_profile(tmp_path: Path) -> None:
    slots = 4
    together = Barrier(slots)

    def look(attempt: int) -> bool:
        together.wait()
        return is_whole(profile_file(tmp_path / str(attempt)))

    with ThreadPoolExecutor(slots) as pool:
        for attempt in range(25):
            (tmp_path / str(attempt)).mkdir()
            assert all(pool.map(look, [attempt] * slots))
    assert [path.name for path in (tmp_path / "0").iterdir()] == ["seccomp.json"]


def test_processes_that_start_a_container_at_once_each_find_the_whole_profile(
    tmp_path: Path,
) -> None:
    folders = [tmp_path / str(attempt) for attempt in range(25)]
    for folder in folders:
        folder.mkdir()
    spawn = multiprocessing.get_context("spawn")
    together = spawn.Barrier(2)
    processes = [spawn.Process(target=find, args=(folders, together)) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)
    assert [process.exitcode for process in processes] == [0, 0]
    assert [path.name for path in folders[0].iterdir()] == ["seccomp.json"]


def test_one_that_was_cut_short_is_written_anew(tmp_path: Path) -> None:
    (tmp_path / "seccomp.json").write_text(profile_text()[:100])
    path = profile_file(tmp_path)
    assert json.loads(path.read_text())["defaultAction"] == "SCMP_ACT_ERRNO"
