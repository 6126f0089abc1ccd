"""What is printed decides over no submission: a poor terminal, a pipe that is gone, a full disk."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from submissions.submission import State
from tests.support.commands import PROGRAM, environment
from tests.support.installation import PATIENCE, Installed, assert_true_state

pytestmark = pytest.mark.engine

TEAM = "Krankenhaus München 日本 [/bold] :x:"


@pytest.mark.parametrize("gone", ["characters", "reader", "disk"])
def test_a_queue_goes_on_whatever_becomes_of_what_it_prints(
    gone: str, installed: Installed, images: dict[str, str]
) -> None:
    first = installed.submit(images["honest"], "Modell Ä", team=TEAM)
    second = installed.submit(images["other"], "Other", team="Another team")
    more = {"PYTHONIOENCODING": "ascii:strict", "LC_ALL": "C"} if gone == "characters" else {}
    reading, writing = os.pipe()
    if gone == "reader":
        os.close(reading)
    printed = writing if gone != "disk" else os.open("/dev/full", os.O_WRONLY)
    with subprocess.Popen(
        [*PROGRAM, "run", "--wait", "--home", str(installed.home)],
        env={**environment(installed.env), **more},
        stdout=printed,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        os.close(writing)
        _, complained = process.communicate(timeout=2 * PATIENCE)
    assert installed.state(first) is State.RELEASED, complained
    assert installed.state(second) is State.RELEASED, complained
    assert_true_state(installed)
    assert "Traceback" not in complained
    if gone == "disk":
        assert process.returncode == 2
        assert "the output of the command could not be written" in complained
        return
    assert (process.returncode, complained) == (0, "")
    if gone == "characters":
        with Path(f"/dev/fd/{reading}").open("rb") as pipe:
            said = pipe.read().decode("ascii")
        assert r"Krankenhaus M\xfcnchen \u65e5\u672c [/bold] :x: / Modell \xc4" in said
