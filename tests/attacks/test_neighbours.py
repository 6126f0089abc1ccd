"""Two containers at once: what the kernel counts by user, one does not take from the other."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from evaluator.sandbox import runs as runs_module
from evaluator.sandbox.engine import LABEL, Engine
from evaluator.sandbox.staging import stage
from submissions.contract import Contract
from submissions.predictions import read_predictions
from submissions.submission import ContractBroken
from tests.attacks.arena import CASE_IDS, stage_cases
from tests.attacks.catalogue import PRELUDE
from tests.support.engine import ImageBuilder

pytestmark = pytest.mark.engine

CONTRACT = Contract(start_seconds=60, case_seconds=0, memory_mb=128, pids=32)

HOG = f"""{PRELUDE}
import fcntl
watches, pipes = 0, []
while libc.inotify_init() >= 0: watches += 1
while len(pipes) < 400:
    pipes += os.pipe()
    try: fcntl.fcntl(pipes[-1], 1031, 1 << 20)  # F_SETPIPE_SZ
    except OSError: pass
print("took", watches, "watches", flush=True)
time.sleep(12)
answer()
"""

VICTIM = f"""{PRELUDE}
import fcntl
if libc.inotify_init() < 0: breach("there is no watch left for a neighbour")
if fcntl.fcntl(os.pipe()[0], 1032) < 65536: breach("a neighbour's pipes are short")  # F_GETPIPE_SZ
answer()
"""


def said_by_the_victim(engine: Engine, image_of: ImageBuilder, folder: Path) -> str:
    """The log of a container that starts once another has taken all it could."""
    cases, root = stage_cases(folder, CONTRACT)

    def run(program: str, name: str) -> str:
        own = Engine.connect()
        try:
            with stage(cases, CONTRACT, root) as staged:
                ended = own.run(image_of(program), staged, CONTRACT, submission_id=name)
                assert read_predictions(staged.predictions, CASE_IDS, CONTRACT)
                return ended.log_tail
        finally:
            own.close()

    def hog_is_full() -> bool:
        found = engine.client.containers.list(filters={"label": f"{LABEL}=test-hog"})
        return any(b"took" in each.logs() for each in found)

    with ThreadPoolExecutor(1) as beside:
        hog = beside.submit(run, HOG, "test-hog")
        deadline = time.monotonic() + 60
        while not hog_is_full():
            assert time.monotonic() < deadline
            time.sleep(0.1)
        try:
            return run(VICTIM, "test-victim")
        finally:
            assert "took" in hog.result()


def test_one_that_takes_all_it_can_leaves_its_neighbour_what_it_needs(
    engine: Engine, image_of: ImageBuilder, tmp_path: Path
) -> None:
    assert said_by_the_victim(engine, image_of, tmp_path) == ""


def test_under_one_user_the_neighbour_would_go_short(
    engine: Engine,
    image_of: ImageBuilder,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    client = type(engine.client.api)
    create = client.create_container

    def of_one_user(api: Any, image: str, *given: Any, **asked: Any) -> Any:
        return create(api, image, *given, **{**asked, "user": "60606:60606"})

    monkeypatch.setattr(client, "create_container", of_one_user)
    monkeypatch.setattr(runs_module, "not_granted", lambda *_: [])
    with pytest.raises(ContractBroken) as broken:
        said_by_the_victim(engine, image_of, tmp_path)
    assert "BREACH" in broken.value.log_tail
