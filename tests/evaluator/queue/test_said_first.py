"""What the ledger says before a container runs, and of a submission whose image is gone."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest

from evaluator.sandbox.engine import Engine
from evaluator.stores.enclave import Event
from submissions.host.base_image import docker
from submissions.submission import State
from tests.support.commands import environment
from tests.support.engine import ImageBuilder
from tests.support.installation import (
    PATIENCE,
    Installed,
    assert_true_state,
    one_sentence,
    process,
    until,
)
from tests.support.programs import HONEST, READ

pytestmark = pytest.mark.engine

MOVED = "submissions.ledger.ledger:Ledger.move"

SLOW_LEDGER = """
import time
from evaluator.cli import main
from submissions.ledger.ledger import Ledger
from submissions.submission import State
move = Ledger.move
def slowly(ledger, name, state, failure=None):
    if state is State.RUNNING:
        time.sleep(5)
    move(ledger, name, state, failure)
Ledger.move = slowly
main()
"""


def test_no_container_runs_before_the_ledger_says_so(
    installed: Installed, images: dict[str, str]
) -> None:
    submission = installed.submit(images["slow"], "Slow")
    laid_out = False
    command = (sys.executable, "-c", SLOW_LEDGER, "run", "--wait", "--home", str(installed.home))
    with process(*command, env=environment(installed.env), quiet=True) as dispatcher:
        while True:
            there, runs = installed.containers(submission), installed.runs(submission)
            if installed.state(submission) is not State.QUEUED:
                break
            assert dispatcher.poll() is None
            laid_out = laid_out or bool(there)
            assert not runs
            time.sleep(0.2)
        assert dispatcher.wait(PATIENCE) == 0
    assert laid_out  # the container was there, and waited
    assert_true_state(installed)


@pytest.mark.parametrize("before", [State.QUEUED, State.RUNNING])
def test_a_submission_whose_image_is_gone_waits_alone_and_goes_on_when_it_is_back(
    before: State,
    installed: Installed,
    images: dict[str, str],
    image_of: ImageBuilder,
    tmp_path: Path,
) -> None:
    digest = image_of(READ + HONEST + f"# {tmp_path}\n")
    engine = Engine.connect()
    engine.save(digest, tmp_path / "image.tar")
    engine.close()
    waits = installed.submit(digest, "Waits")
    if before is State.RUNNING:
        installed.dies(MOVED, "after")
        for left in installed.containers(waits):
            docker("rm", "--force", left)
    assert installed.state(waits) is before
    goes = installed.submit(images["honest"], "Goes", team="Another team")
    docker("image", "rm", "--force", digest)
    said = one_sentence(installed.command("run"))
    assert f"submission {waits} waits: its image {digest} is in no engine any more" in said
    assert installed.state(goes) is State.RELEASED
    assert installed.state(waits) is State.QUEUED
    assert Event.STARTED not in installed.events(waits)
    until(lambda: not installed.ledger.untracked())  # what was released is none the worse for it
    docker("load", "--input", str(tmp_path / "image.tar"))
    installed.run()
    assert_true_state(installed)
