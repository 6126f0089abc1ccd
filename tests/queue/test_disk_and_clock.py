"""A disk that is full and a clock that jumps, under a queue at work."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from submissions.submission import State
from tests.queue.installation import (
    PATIENCE,
    Installed,
    assert_true_state,
    copied,
    one_sentence,
    until,
)
from tests.queue.services import run_as_root
from tests.walkthrough import BENCHMARK

pytestmark = [pytest.mark.engine, pytest.mark.faults]

MEGABYTES = 40
DAY = 86_400


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of a few megabytes, in memory."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small file system to fill")
    folder = tmp_path / "disk"
    folder.mkdir()
    run_as_root("mount", "-t", "tmpfs", "-o", f"size={MEGABYTES}m", "tmpfs", str(folder))
    try:
        yield folder
    finally:
        run_as_root("umount", "--lazy", str(folder))


def fill(folder: Path) -> Path:
    """Leave not one byte free on a file system."""
    path = folder / "filling"
    with path.open("wb", buffering=0) as written:
        for size in (1 << 20, 1 << 12, 1):
            try:
                while written.write(bytes(size)):
                    pass
            except OSError:
                continue
    return path


@pytest.mark.parametrize("part", ["enclave", "everything"])
def test_a_full_disk_stops_the_queue_and_nothing_is_lost(
    sealed: Path, images: dict[str, str], small_disk: Path, tmp_path: Path, part: str
) -> None:
    if part == "everything":
        installed = copied(sealed, small_disk / "home")
    else:
        installed = copied(sealed, tmp_path / "home")
        (installed.home / "enclave").rename(tmp_path / "moved")
        copied(tmp_path / "moved", small_disk / "enclave")
        (installed.home / "enclave").symlink_to(small_disk / "enclave")
    submission = installed.submit(images["slow"], "Slow")
    installed.submit(images["honest"], "Honest")
    with installed.running() as dispatcher:
        until(lambda: installed.runs(submission), while_lives=dispatcher)
        filling = fill(small_disk)
        said = dispatcher.communicate(timeout=PATIENCE)[0]
    assert dispatcher.returncode == 2, said
    assert "Traceback" not in said
    assert "full" in said.lower() or "no space" in said.lower()
    assert installed.containers(submission) == []
    one_sentence(installed.command("run"))
    filling.unlink()
    installed.run()
    assert_true_state(installed)


@pytest.fixture
def faketime() -> dict[str, str]:
    """What has a command see another time; its clock of passing seconds stays."""
    for library in Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"):
        return {
            "LD_PRELOAD": str(library),
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }
    if os.environ.get("CI", "").lower() in ("1", "true", "yes"):
        pytest.fail("CI must run the tests of a clock that jumps")
    pytest.skip("no libfaketime on this machine: install the package faketime")


def test_a_clock_that_jumps_in_a_run_changes_no_order_and_no_limit(
    installed: Installed, images: dict[str, str], faketime: dict[str, str], tmp_path: Path
) -> None:
    clock = tmp_path / "clock"
    clock.write_text("+0")
    moved = Installed(installed.home, {**faketime, "FAKETIME_TIMESTAMP_FILE": str(clock)})
    names = []
    for offset, image, model in (
        ("+3d", "slow", "A"),
        ("-3d", "honest", "B"),
        ("+0", "other", "C"),
    ):
        clock.write_text(offset)
        names.append(moved.submit(images[image], model))
    # It jumps between two commands: within one, libfaketime breaks even time.sleep.
    clock.write_text("-3d")
    with moved.running() as dispatcher:
        said = dispatcher.communicate(timeout=PATIENCE)[0]
    assert dispatcher.returncode == 0, said
    taken = [line.split()[0] for line in said.splitlines() if line.endswith("running")]
    assert taken == names
    assert [each.submission_id for each in installed.ledger.submissions()] == names
    received = [each.received.timestamp() for each in installed.ledger.submissions()]
    assert received[0] - received[1] > 5.9 * DAY  # the clock did jump
    assert_true_state(installed)
    # Three in seven days is the quota, wherever the clock stands within them.
    for offset in ("+3d", "-3d", "+0"):
        clock.write_text(offset)
        who = ("--team", "A team", "--model", "D")
        entry = moved.command("submit", images["nan"], "--benchmark", BENCHMARK, *who)
        assert "has used its 3 submissions of 7 days" in one_sentence(entry)
    assert all(each.state is State.RELEASED for each in installed.ledger.submissions())
