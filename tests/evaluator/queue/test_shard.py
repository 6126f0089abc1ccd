"""A container that fails where the disk has no room for its answer, and one that fails anyhow."""

from __future__ import annotations

import errno
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from evaluator.workers.shard import Ended, Shard, run_shard, wait_for_shards
from submissions.contract import Contract
from submissions.submission import Failure
from tests.attacks.arena import stage_cases
from tests.attacks.catalogue import MILD, PRELUDE
from tests.support.engine import ImageBuilder
from tests.support.small_disk import fill, small_file_system

pytestmark = pytest.mark.engine

LARGE = replace(MILD, output_bytes=1 << 20)
WAITS = f"{PRELUDE}\nwhile not os.path.exists('/input/go'): time.sleep(0.02)\n"
ANSWERS = f"{WAITS}answer()\n"
CRASHES = f"{WAITS}sys.exit(3)\n"
CRASHES_LATE = f"{WAITS}open('/output/predictions.csv', 'w').write('x' * 900_000)\nsys.exit(3)\n"


def run(image: str, disk: Path, contract: Contract, then: Callable[[], object]) -> Ended:
    """Run an image over cases on a small disk; it goes on after ``then``."""
    cases, staging = stage_cases(disk, contract)
    shard = Shard("test-disk", image, tuple(cases), contract, staging)
    with ThreadPoolExecutor(1) as thread:
        ended = thread.submit(run_shard, shard)
        while not (found := list(staging.glob("run-*/input/cases.csv"))):
            assert not ended.done(), ended.result()
            time.sleep(0.02)
        then()
        (found[0].parent / "go").touch()
        return ended.result()


def test_an_answer_that_the_disk_had_no_room_for_is_not_the_teams_failure(
    image_of: ImageBuilder, tmp_path: Path
) -> None:
    image = image_of(ANSWERS)
    with small_file_system(tmp_path / "disk", 4) as disk:
        with pytest.raises(OSError, match="No space left") as full:
            run(image, disk, MILD, lambda: fill(disk))
        assert full.value.errno == errno.ENOSPC
        (disk / "filling").unlink()
        ended = run(image, disk / "again", MILD, lambda: None)
        assert ended.predictions is not None, ended


@pytest.mark.parametrize(
    ("script", "free"),
    [(CRASHES, 2 << 20), (CRASHES_LATE, (1 << 20) + (64 << 10))],
    ids=["before it wrote", "after it wrote most of what it may"],
)
def test_a_crash_on_a_disk_with_room_for_the_answer_is_the_teams(
    script: str, free: int, image_of: ImageBuilder, tmp_path: Path
) -> None:
    image = image_of(script)
    with small_file_system(tmp_path / "disk", 4) as disk:
        ended = run(image, disk, LARGE, lambda: fill(disk, but=free))
        assert ended.failure is Failure.CRASHED, ended


def test_the_end_waits_for_a_shard_at_work(image_of: ImageBuilder, tmp_path: Path) -> None:
    waited = []
    ended = run(image_of(ANSWERS), tmp_path, MILD, lambda: waited.append(wait_for_shards(0.2)))
    assert waited == [False]
    assert ended.predictions is not None, ended
    assert wait_for_shards(0.2)
