"""Reads from the engine how a container ended, as one cause."""

from __future__ import annotations

import re
import signal
from collections.abc import Mapping
from typing import Any

from submissions.submission import Failure

KILLED = 128 + signal.SIGKILL

_CONTROL = re.compile(r"[^\t\n\x20-\x7e\u00a0-\ud7ff\ue000-\ufdcf\ufdf0-\ufffd]")


def broken(state: Mapping[str, Any], *, limit: float, in_time: bool) -> tuple[Failure, str] | None:
    """The team's failure and a detail for the steward; None where the container ended well."""
    code = state.get("ExitCode")
    if not in_time:
        return Failure.TIMED_OUT, f"killed at its limit of {limit:g} s"
    if code == 0:
        return None
    # We did not kill it, and nothing within can kill its first process: the kernel did. Not every
    # engine notices.
    if state.get("OOMKilled") or code == KILLED:
        return Failure.OUT_OF_MEMORY, f"killed at its memory limit, exit code {code}"
    return Failure.CRASHED, f"exit code {code} {printable(str(state.get('Error') or ''))}".strip()


def is_unexplained(state: Mapping[str, Any]) -> bool:
    """Whether somebody killed it, and the engine does not say that its memory limit did."""
    return state.get("ExitCode") == KILLED and not state.get("OOMKilled")


def printable(text: str) -> str:
    """Text of a container without what could steer a terminal."""
    return _CONTROL.sub("\ufffd", text)
