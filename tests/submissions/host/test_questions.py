"""A container that is asked one thing of its image can do nothing else."""

from __future__ import annotations

import pytest

from submissions.host import base_image as base_images
from tests.support.repository import REPOSITORY

TRIES = """
import os, socket
def fails(act):
    try:
        act()
    except OSError:
        return True
    return False
away = ("192.0.2.1", 9)
with open("/proc/self/status") as file:
    status = dict(line.split(":", 1) for line in file)
print(
    os.getuid(), os.getgid(), fails(lambda: open("/written", "w")),
    fails(lambda: socket.create_connection(away, timeout=2)),
    int(status["CapEff"], 16), int(status["CapBnd"], 16), int(status["NoNewPrivs"]),
)
"""


@pytest.mark.engine
def test_it_is_nobody_without_network_disk_or_rights(base_image: str) -> None:
    answer = base_images.ask(base_image, "python3", "-c", TRIES)
    assert answer.stdout.split() == ["65533", "65533", "True", "True", "0", "0", "1"]


@pytest.mark.engine
def test_a_program_that_is_not_there_is_an_answer_too(base_image: str) -> None:
    assert base_images.ask(base_image, "no-such-program").returncode != 0


def test_the_kit_of_teams_asks_with_the_same_limits() -> None:
    script = REPOSITORY / "submissions" / "starter" / "kit_files" / "build.sh"
    words = script.read_text(encoding="utf-8").replace("\\\n", " ").split()
    at = words.index("--rm")
    limits = base_images.LIMITS_OF_QUESTIONS
    assert tuple(words[at : at + len(limits)]) == limits
