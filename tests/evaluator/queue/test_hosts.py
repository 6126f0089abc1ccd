"""Hosts of their own, each a network namespace: one is cut off in the middle of its work."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from submissions.stage_times import Stage
from submissions.submission import State
from tests.support.engine_events import engine_events
from tests.support.installation import (
    PATIENCE,
    Installed,
    assert_true_state,
    folder_of,
    mark,
    released_figures,
    until,
)
from tests.support.services import (
    AGAIN,
    IMPATIENT,
    Scheduler,
    Worker,
    documented,
    run_as_root,
    started,
)

pytestmark = [pytest.mark.engine, pytest.mark.faults]

HEARD_SECONDS = 60.0
"""How soon the loss of a host must be heard of with the settings of docs/queue.md."""

STOPPED_SECONDS = 45.0
"""How soon a dispatcher must stop that is cut off, with those of tests/support/services.py."""


@dataclass(frozen=True, slots=True)
class Host:
    """A network namespace, and a name, that reaches the scheduler over a cable to be cut."""

    name: str
    cable: str

    @property
    def within(self) -> tuple[str, ...]:
        return ("ip", "netns", "exec", self.name)

    @property
    def as_itself(self) -> tuple[str, ...]:
        """Before a command that is to know the host's name too."""
        named = ("sh", "-c", 'hostname "$0" && exec "$@"', self.name)
        return (*self.within, "unshare", "--uts", *named)

    def is_that_of(self, container: str) -> bool:
        """Whether a process of this host holds the lock of a container's run."""
        lock = str(folder_of(container) / "lock")
        found = subprocess.run(
            ["ip", "netns", "pids", self.name], capture_output=True, text=True, check=True
        )
        return any(
            os.path.realpath(file) == lock
            for process in found.stdout.split()
            for file in Path(f"/proc/{process}/fd").glob("*")
        )

    def cut_off(self) -> None:
        run_as_root("ip", "link", "set", self.cable, "down")

    def bring_back(self) -> None:
        run_as_root("ip", "link", "set", self.cable, "up")


@contextmanager
def network() -> Iterator[tuple[str, Host, Host]]:
    """A bridge with an address for the scheduler, and two hosts on it."""
    if not may_make_networks():
        pytest.skip("only root with iproute2 can make test hosts of network namespaces")
    mark = f"{os.getpid() % 10_000:04d}"
    net = f"10.{os.getpid() % 200 + 20}.{os.getpid() // 200 % 250}"
    bridge = f"sqb{mark}"
    hosts = [Host(f"sq{mark}-{n}", f"sqv{mark}-{n}") for n in (1, 2)]
    try:
        run_as_root("ip", "link", "add", bridge, "type", "bridge")
        run_as_root("ip", "addr", "add", f"{net}.1/24", "dev", bridge)
        run_as_root("ip", "link", "set", bridge, "up")
        for number, host in enumerate(hosts, start=2):
            run_as_root("ip", "netns", "add", host.name)
            peer = ("peer", "name", "eth0", "netns", host.name)
            run_as_root("ip", "link", "add", host.cable, "type", "veth", *peer)
            run_as_root("ip", "link", "set", host.cable, "master", bridge, "up")
            run_as_root(*host.within, "ip", "addr", "add", f"{net}.{number}/24", "dev", "eth0")
            run_as_root(*host.within, "ip", "link", "set", "eth0", "up")
            run_as_root(*host.within, "ip", "link", "set", "lo", "up")
        yield f"{net}.1", hosts[0], hosts[1]
    finally:
        for command in (
            *(("ip", "netns", "delete", host.name) for host in hosts),
            *(("ip", "link", "delete", host.cable) for host in hosts),
            ("ip", "link", "delete", bridge),
        ):
            subprocess.run(command, capture_output=True, check=False)


def may_make_networks() -> bool:
    """Whether this user may make network namespaces here."""
    if os.geteuid() != 0 or shutil.which("ip") is None:
        return False
    name = f"sqtry{os.getpid()}"
    made = subprocess.run(["ip", "netns", "add", name], capture_output=True, check=False)
    subprocess.run(["ip", "netns", "delete", name], capture_output=True, check=False)
    return made.returncode == 0


@pytest.mark.parametrize("ended", [True, False], ids=["it ends unheard", "it still runs"])
def test_of_two_hosts_at_work_one_is_cut_off_and_the_other_does_its_shards_again(
    installed: Installed,
    another: Callable[[str], Installed],
    images: dict[str, str],
    tmp_path: Path,
    ended: bool,
) -> None:
    """The container that is cut off predicts otherwise, or would: it would be found out."""
    shards = ("--shards", "2")
    parted = installed.submit(images["waiting"], "Parted")
    behind = [installed.submit(images[image], image) for image in ("honest", "other")]
    with network() as (address, first, second), engine_events(tmp_path) as engine:
        scheduler = Scheduler(address, env=documented())
        workers = [
            Worker(
                scheduler,
                tmp_path / host.name,
                slots=1,
                before=(*AGAIN, *host.as_itself),
                nanny=True,
                env=documented(),
            )
            for host in (first, second)
        ]
        away = ("--scheduler", scheduler.address, *shards)
        with started(scheduler, *workers):
            with installed.running(*away) as dispatcher:
                until(
                    lambda: len(installed.running_containers(parted)) == 2, while_lives=dispatcher
                )
                kept, cut = sorted(installed.running_containers(parted), key=first.is_that_of)
                assert [first.is_that_of(each) for each in (kept, cut)] == [False, True]
                assert second.is_that_of(kept)
                first.cut_off()
                mark(cut, "otherwise")
                mark(kept, "go")
                if ended:
                    mark(cut, "go")
                    until(lambda: not installed.containers(parted), while_lives=dispatcher)
                until(lambda: engine.starts(parted) == 3, HEARD_SECONDS, while_lives=dispatcher)
                again = engine.of(parted)[-1].container
                assert second.is_that_of(again)
                # It is heard again while its shard is under way elsewhere.
                first.bring_back()
                until(lambda: installed.containers(parted) == [again], while_lives=dispatcher)
                until(lambda: scheduler.workers() == 2, while_lives=dispatcher)
                mark(again, "go")
                said = dispatcher.communicate(timeout=PATIENCE)[0]
                assert dispatcher.returncode == 0, said
            further = installed.submit(images["waiting, another"], "Further", "Another team")
            with installed.running(*away) as dispatcher:
                until(
                    lambda: len(installed.running_containers(further)) == 2, while_lives=dispatcher
                )
                for each in installed.running_containers(further):
                    mark(each, "go")
                said = dispatcher.communicate(timeout=PATIENCE)[0]
                assert dispatcher.returncode == 0, said
            starts = [engine.starts(each) for each in (parted, *behind, further)]
    # The next in the queue may have been handed to the host before it was cut off.
    assert starts in ([3, 2, 2, 2], [3, 3, 2, 2])
    assert hosts(installed, parted) == [second.name, second.name]
    assert sorted(hosts(installed, further)) == sorted([first.name, second.name])
    assert_true_state(installed)
    undisturbed = another("undisturbed")
    alone = undisturbed.submit(images["honest"], "Alone")
    undisturbed.run(*shards)
    for each in (parted, *behind, further):
        assert installed.predicted(each) == undisturbed.predicted(alone)
        assert released_figures(installed, each) == released_figures(undisturbed, alone)


def hosts(installed: Installed, submission: str) -> list[str]:
    """Where the shards ran of which a submission's predictions are made."""
    return [each.host for each in installed.enclave.stages(submission) if each.stage is Stage.INFER]


def test_a_dispatcher_that_is_cut_off_stops_and_the_next_ends_what_it_left_running(
    installed: Installed, images: dict[str, str], tmp_path: Path
) -> None:
    impatient = Installed(installed.home, IMPATIENT)
    submission = installed.submit(images["waiting"], "Waits")
    with network() as (address, first, second), engine_events(tmp_path) as engine:
        scheduler = Scheduler(address)
        worker = Worker(scheduler, tmp_path / "worker", slots=1, before=second.within)
        away = ("--scheduler", scheduler.address)
        with started(scheduler, worker):
            with impatient.running(*away, before=first.within) as dispatcher:
                until(lambda: installed.runs(submission), while_lives=dispatcher)
                (left,) = installed.running_containers(submission)
                first.cut_off()
                cut = time.monotonic()
                said = dispatcher.communicate(timeout=PATIENCE)[0]
                assert time.monotonic() - cut < STOPPED_SECONDS
                assert dispatcher.returncode == 2, said
                assert "the Dask scheduler is lost" in said
                assert "Traceback" not in said
            assert installed.state(submission) is State.QUEUED
            first.bring_back()
            assert installed.running_containers(submission) == [left]
            with impatient.running(*away, before=first.within) as dispatcher:
                until(lambda: engine.starts(submission) == 2, 30, while_lives=dispatcher)
                assert left not in installed.running_containers(submission)
                (again,) = installed.running_containers(submission)
                mark(again, "go")
                said = dispatcher.communicate(timeout=PATIENCE)[0]
                assert dispatcher.returncode == 0, said
    assert_true_state(installed)
