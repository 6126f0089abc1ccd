"""Two test hosts, each a network namespace with one worker; one is cut off in the middle."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from submissions.submission import State
from tests.queue.installation import PATIENCE, Installed, assert_true_state, until
from tests.queue.services import Scheduler, Worker, run_as_root, started

pytestmark = [pytest.mark.engine, pytest.mark.faults]


@dataclass(frozen=True, slots=True)
class Host:
    """A network namespace that reaches the scheduler over a cable which can be cut."""

    name: str
    cable: str

    @property
    def within(self) -> tuple[str, ...]:
        return ("ip", "netns", "exec", self.name)

    def cut_off(self) -> None:
        run_as_root("ip", "link", "set", self.cable, "down")

    def bring_back(self) -> None:
        run_as_root("ip", "link", "set", self.cable, "up")


@contextmanager
def network() -> Iterator[tuple[str, Host, Host]]:
    """A bridge with an address for the scheduler, and two hosts on it."""
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


def test_one_host_cut_off_in_the_middle_the_other_finishes_the_queue(
    installed: Installed, images: dict[str, str], tmp_path: Path
) -> None:
    if not may_make_networks():
        pytest.skip("only root with iproute2 can make test hosts of network namespaces")
    slow = installed.submit(images["steady"], "Slow")
    behind = installed.submit(images["other"], "Behind")
    with network() as (address, first, second):
        scheduler = Scheduler(address)
        lost, kept = (
            Worker(scheduler, tmp_path / host.name, slots=1, before=host.within)
            for host in (first, second)
        )
        run = installed.running("--scheduler", scheduler.address)
        with started(scheduler, lost), run as dispatcher:
            until(lambda: installed.runs(slow), while_lives=dispatcher)
            (cut,) = installed.containers(slow)
            first.cut_off()
            with started(kept):
                said = dispatcher.communicate(timeout=PATIENCE)[0]
                assert dispatcher.returncode == 0, said
                assert installed.state(behind) is State.RELEASED
                first.bring_back()
                until(lambda: cut not in installed.containers(slow), 60)
    assert_true_state(installed)
