"""Remembers uploads that are under way, so that another command goes on where one was cut off."""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from submissions.client.logins import replace_private, state_folder


@dataclass(frozen=True, slots=True)
class Wanted:
    """An upload by what it is: the same file for the same team and benchmark goes on.

    ``sha256`` is that of the whole file: size and first bytes are alike in two builds of an image.
    """

    address: str
    team: str
    benchmark: str
    sha256: str

    @property
    def file(self) -> Path:
        """Where the upload's place on the server is kept."""
        identity = json.dumps([self.address, self.team, self.benchmark, self.sha256])
        name = hashlib.sha256(identity.encode()).hexdigest()[:32]
        return state_folder() / "uploads" / f"{name}.json"


def place_of(wanted: Wanted) -> str | None:
    """The path of an upload on its server; None where none is under way."""
    try:
        record = json.loads(wanted.file.read_text(encoding="utf-8"))
        return str(record["place"])
    except (OSError, ValueError, KeyError, TypeError):
        return None  # what cannot be read is sent again


def keep(wanted: Wanted, place: str) -> None:
    """Remember where an upload lies; a folder that cannot be written costs the resuming alone."""
    with suppress(OSError):
        wanted.file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        replace_private(wanted.file, json.dumps({"place": place}) + "\n")


def forget(wanted: Wanted) -> None:
    """Forget an upload that has ended."""
    with suppress(OSError):
        wanted.file.unlink()
