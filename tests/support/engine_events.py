"""What the engine itself tells of the containers of submissions: when each started and died."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from evaluator.sandbox.engine import LABEL
from submissions.host.base_image import docker
from tests.support.installation import process, until

START, DIE = "start", "die"


@dataclass(frozen=True, slots=True)
class Told:
    """A container started or died, at so many seconds of the engine's clock."""

    at: float
    action: str
    submission: str
    container: str


@dataclass(frozen=True, slots=True)
class EngineEvents:
    """What the engine has told since it was first listened to."""

    written: Path

    def of(self, submission: str) -> list[Told]:
        """Starts and deaths of a submission's containers, in the order that they came in."""
        until(lambda: self._hears(5.0))  # whatever was before that has come in
        lines = self.written.read_text().splitlines()
        found = (_told(json.loads(line)) for line in lines if LABEL in line)
        return [
            each for each in found if each.submission == submission and each.action in (START, DIE)
        ]

    def starts(self, submission: str) -> int:
        """How many containers of a submission started."""
        return [each.action for each in self.of(submission)].count(START)

    def _hears(self, seconds: float) -> bool:
        """Whether something done now comes in, which it does after all that was before it."""
        mark = f"sequestra-test-{uuid4().hex}"
        docker("volume", "create", mark)
        docker("volume", "rm", mark)
        deadline = time.monotonic() + seconds
        while mark not in self.written.read_text():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.02)
        return True


def _told(event: dict[str, Any]) -> Told:
    actor = event["Actor"]
    label = actor["Attributes"].get(LABEL, "")
    return Told(event["timeNano"] / 1e9, event["Action"], label, actor["ID"])


@contextmanager
def engine_events(folder: Path) -> Iterator[EngineEvents]:
    """Listen to the engine from here on."""
    written = folder / "events"
    written.touch()
    listen = 'exec docker events --format "{{json .}}" > "$0"'
    with process("sh", "-c", listen, str(written)):
        events = EngineEvents(written)
        until(lambda: events._hears(1.0))
        yield events
