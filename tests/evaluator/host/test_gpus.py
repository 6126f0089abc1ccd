"""Each GPU of a host is held by one run at a time, whoever runs it and however it ends.

The GPUs are pretended by empty device files; the processes that take them are real.
"""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from queue import SimpleQueue
from select import select
from threading import Event, Thread

import pytest

from evaluator.host.gpus import taken_gpus, visible_gpus
from submissions.addresses.engine import EngineUnavailable
from tests.support.repository import REPOSITORY

PROGRAM = """
import os, sys, time
from pathlib import Path
from evaluator.host.gpus import taken_gpus
host = Path(sys.argv[1])
os.umask(0o077)
print("asks", flush=True)
with taken_gpus(int(sys.argv[2]), devices=host, locks=host) as gpus:
    print(*gpus, flush=True)
    sys.stdin.read()
"""

Process = subprocess.Popen[bytes]
Takes = Callable[..., Process]


@pytest.fixture(autouse=True)
def not_narrowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)


def with_gpus(folder: Path, *numbers: int) -> Path:
    for name in (*(f"nvidia{number}" for number in numbers), "nvidiactl", "nvidia-uvm"):
        (folder / name).touch()
    return folder


@pytest.fixture
def takes(tmp_path: Path) -> Iterator[Takes]:
    """Start a process that takes GPUs of a host with two, says which, and keeps them."""
    host = with_gpus(tmp_path, 0, 1)
    with ExitStack() as started:

        def start(count: int, *more: str, visible: str | None = None) -> Process:
            narrowed = {} if visible is None else {"CUDA_VISIBLE_DEVICES": visible}
            process = subprocess.Popen(
                [sys.executable, "-c", PROGRAM, str(host), str(count), *more],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,  # what was not asked for stays in the pipe
                cwd=REPOSITORY,
                env={**os.environ, **narrowed},
            )
            started.callback(process.communicate)
            started.callback(process.kill)
            assert said(process) == "asks"
            return process

        yield start


def says(process: Process, seconds: float) -> bool:
    assert process.stdout is not None
    return bool(select([process.stdout], [], [], seconds)[0])


def said(process: Process) -> str:
    assert process.stdout is not None
    assert says(process, 30)
    return process.stdout.readline().decode().strip()


@pytest.mark.parametrize(
    ("narrowed", "left"),
    [
        (None, ("0", "1", "10")),
        ("1", ("1",)),
        ("10,0", ("10", "0")),
        (" 1 , 1", ("1",)),
        ("", ()),
        ("-1", ()),
        ("NoDevFiles", ()),
        ("0,-1,1", ("0",)),
        ("0,7,1", ("0",)),
        ("GPU-8932f937-d72c,MIG-55ab/1/0", ("GPU-8932f937-d72c", "MIG-55ab/1/0")),
    ],
)
def test_a_process_hands_out_what_its_environment_leaves_of_the_device_files(
    narrowed: str | None, left: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if narrowed is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", narrowed)
    assert visible_gpus(with_gpus(tmp_path, 0, 1, 10)) == left


def test_a_host_without_device_files_has_none(tmp_path: Path) -> None:
    assert visible_gpus(with_gpus(tmp_path)) == ()


def test_two_processes_have_different_gpus_and_a_third_waits_for_one(takes: Takes) -> None:
    first, second = takes(1), takes(1)
    assert {said(first), said(second)} == {"0", "1"}
    third = takes(1)
    assert not says(third, 0.6)
    second.communicate()
    assert said(third) in {"0", "1"}


def test_what_a_killed_process_held_is_free(takes: Takes) -> None:
    first = takes(2)
    assert said(first) == "0 1"
    second = takes(2)
    assert not says(second, 0.5)
    first.kill()
    assert said(second) == "0 1"


def test_one_that_waits_for_two_keeps_none_from_others(takes: Takes) -> None:
    first = takes(1)
    assert said(first) == "0"
    both = takes(2)
    assert not says(both, 0.6)
    other = takes(1)
    assert said(other) == "1"
    first.communicate()
    assert not says(both, 0.6)
    other.communicate()
    assert said(both) == "0 1"


def test_narrowed_processes_keep_to_their_own(takes: Takes) -> None:
    first, second = takes(1, visible="1"), takes(1, visible="0")
    assert (said(first), said(second)) == ("1", "0")


def test_more_than_the_host_has_is_refused_at_once(takes: Takes) -> None:
    _, told = takes(3).communicate()
    assert b"the benchmark grants 3 GPUs but this host has 2 to hand out (0, 1)" in told
    _, told = takes(1, visible="").communicate()
    assert b"the benchmark grants 1 GPUs but this host has 0 to hand out, by" in told


def test_threads_of_one_process_have_different_gpus(tmp_path: Path) -> None:
    host, have, end = with_gpus(tmp_path, 0, 1), SimpleQueue[str](), Event()

    def take() -> None:
        with taken_gpus(1, devices=host, locks=host) as gpus:
            have.put(gpus[0])
            end.wait(30)

    threads = [Thread(target=take) for _ in range(2)]
    for thread in threads:
        thread.start()
    assert {have.get(timeout=30), have.get(timeout=30)} == {"0", "1"}
    end.set()
    for thread in threads:
        thread.join()
    with taken_gpus(2, devices=host, locks=host) as both:
        assert both == ("0", "1")


def test_one_that_waits_may_give_up(tmp_path: Path) -> None:
    host = with_gpus(tmp_path, 0)

    def give_up() -> None:
        raise InterruptedError

    with taken_gpus(1, devices=host, locks=host):
        again = taken_gpus(1, waiting=give_up, devices=host, locks=host)
        with pytest.raises(InterruptedError), again:
            pass


def test_a_run_that_fails_gives_its_gpu_back(tmp_path: Path) -> None:
    host = with_gpus(tmp_path, 0)
    with pytest.raises(EngineUnavailable), taken_gpus(1, devices=host, locks=host):
        raise EngineUnavailable
    with taken_gpus(1, devices=host, locks=host) as gpus:
        assert gpus == ("0",)


def test_every_user_may_lock_what_another_has_made(takes: Takes, tmp_path: Path) -> None:
    assert said(takes(2)) == "0 1"  # under a umask that closes files to others
    made = sorted(tmp_path.glob("*sequestra*"))
    assert [path.name for path in made] == ["sequestra-gpu-0", "sequestra-gpu-1"]
    assert {stat.S_IMODE(path.stat().st_mode) for path in made} == {0o444}


def test_no_gpu_costs_nothing(tmp_path: Path) -> None:
    nowhere = tmp_path / "nowhere"
    with taken_gpus(0, devices=nowhere, locks=nowhere) as gpus:
        assert gpus == ()
