"""The stages of a submission's run, and how coarsely a team is told what they took."""

from __future__ import annotations

import math
from enum import StrEnum


class Stage(StrEnum):
    """What takes time between receipt and release."""

    ADMIT = "admit"
    DRY_RUN = "dry-run"
    QUEUE = "queue"
    LOAD = "load"
    START = "start"
    INFER = "infer"
    SCORE = "score"
    PUBLISH = "publish"


def coarse(seconds: float) -> int:
    """The next power of two in whole seconds, at least 1: exact times could carry a message out."""
    return 1 << max(0, math.ceil(math.log2(max(seconds, 1.0))))
