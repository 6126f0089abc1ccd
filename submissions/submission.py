"""What a team sends, the states it passes through, and the closed list of ways it can fail."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType

from submissions.stage_times import Stage


class State(StrEnum):
    """Life of a submission; each change is one transaction in the ledger."""

    RECEIVED = "received"
    LINTED = "linted"
    DRY_RUN = "dry-run"
    QUEUED = "queued"
    RUNNING = "running"
    SCORING = "scoring"
    HELD = "held"
    RELEASED = "released"
    REJECTED = "rejected"
    FAILED = "failed"


UNDER_WAY = frozenset({State.DRY_RUN, State.RUNNING, State.SCORING})
"""States in which a dispatcher works on a submission."""

WAITING = frozenset({State.RECEIVED, State.LINTED, State.DRY_RUN, State.QUEUED})
"""States before the sequestered run: a submission that is withdrawn in one is not charged."""

ENDED = frozenset({State.REJECTED, State.RELEASED, State.FAILED})
"""States that a submission does not leave."""


class Failure(StrEnum):
    """The only words a team gets about a run that failed; nothing a container prints is shown."""

    IMAGE_INVALID = "image-invalid"
    IMAGE_TOO_LARGE = "image-too-large"
    START_FAILED = "start-failed"
    CRASHED = "crashed"
    OUT_OF_MEMORY = "out-of-memory"
    TIMED_OUT = "timed-out"
    NO_PREDICTIONS = "no-predictions"
    PREDICTIONS_MALFORMED = "predictions-malformed"
    PREDICTIONS_INCOMPLETE = "predictions-incomplete"
    PREDICTIONS_UNKNOWN_CASE = "predictions-unknown-case"
    PREDICTIONS_OUT_OF_RANGE = "predictions-out-of-range"
    CANCELLED = "cancelled"
    HARNESS_ERROR = "harness-error"

    @property
    def meaning(self) -> str:
        """One line for the team: what happened and what to do."""
        return _MEANING[self]

    @property
    def advice(self) -> str:
        """What a team can do about it, in one or two sentences; no part of any run's own words."""
        return _ADVICE[self]


_MEANING = {
    Failure.IMAGE_INVALID: "The image breaks the contract; run `sequestra check` on it.",
    Failure.IMAGE_TOO_LARGE: "The image is over the benchmark's size limit; make it smaller.",
    Failure.START_FAILED: "The container could not be started; check its ENTRYPOINT and platform.",
    Failure.CRASHED: "The container ended with a non-zero exit code; run `sequestra check`.",
    Failure.OUT_OF_MEMORY: "The container was ended at its memory limit; use less memory.",
    Failure.TIMED_OUT: "The container was ended at its time limit; make it faster.",
    Failure.NO_PREDICTIONS: "The container wrote nothing to /output/predictions.csv.",
    Failure.PREDICTIONS_MALFORMED: "predictions.csv is not UTF-8 CSV with the declared header.",
    Failure.PREDICTIONS_INCOMPLETE: "predictions.csv lacks cases that were given.",
    Failure.PREDICTIONS_UNKNOWN_CASE: "predictions.csv has a case not given, or a case twice.",
    Failure.PREDICTIONS_OUT_OF_RANGE: "A prediction is not a finite number in the declared range.",
    Failure.CANCELLED: "The submission was cancelled.",
    Failure.HARNESS_ERROR: "The harness failed; the steward is told and nothing is charged.",
}

_ADVICE = {
    Failure.IMAGE_INVALID: "Read the finding, change the image as it says, and send it again. "
    "Nothing was charged.",
    Failure.IMAGE_TOO_LARGE: "Leave build tools and caches out of the image: install in one stage "
    "of the Dockerfile and copy the result into another. Nothing was charged.",
    Failure.START_FAILED: "Name the program in ENTRYPOINT by its whole path, make it executable, "
    "and build for linux/amd64.",
    Failure.CRASHED: "Only /tmp and /output/predictions.csv are writable, and the network is off. "
    "Load every file that the model needs when the image is built.",
    Failure.OUT_OF_MEMORY: "Read one case at a time and use smaller batches. /tmp and /dev/shm are "
    "in memory and count too.",
    Failure.TIMED_OUT: "Compare the seconds a case of the dry run with the benchmark's "
    "case_seconds. Use as many threads as the benchmark grants processors.",
    Failure.NO_PREDICTIONS: "Write /output/predictions.csv itself: no other file is read, and the "
    "file cannot be replaced by another of the same name.",
    Failure.PREDICTIONS_MALFORMED: "Write UTF-8 text without a byte order mark, with the header "
    "case_id and the benchmark's outputs, separated by commas.",
    Failure.PREDICTIONS_INCOMPLETE: "Write one row for every case of /input/cases.csv, also for an "
    "image that cannot be read.",
    Failure.PREDICTIONS_UNKNOWN_CASE: "Copy each case_id of /input/cases.csv once; ids are new in "
    "every run.",
    Failure.PREDICTIONS_OUT_OF_RANGE: "Write decimal numbers from 0 to 1. Catch NaN before it is "
    "written: it usually comes from a division by zero in the scaling of an image.",
    Failure.CANCELLED: "Enter the image again if you want it to run.",
    Failure.HARNESS_ERROR: "Nothing is to be changed in the image. Enter it again, or ask the "
    "steward.",
}


class ContractBroken(Exception):
    """A submission broke the contract: ``failure`` is for the team, the rest for the steward."""

    def __init__(
        self,
        failure: Failure,
        detail: str,
        log_tail: str = "",
        seconds: Mapping[Stage, float] = MappingProxyType({}),
    ) -> None:
        """Keep ``detail`` and the container's ``log_tail`` from the team.

        ``seconds`` are those of the stages of its run that it reached.
        """
        super().__init__(f"{failure.value}: {detail}")
        self.failure = failure
        self.detail = detail
        self.log_tail = log_tail
        self.seconds = seconds


NEXT: Mapping[State, frozenset[State]] = {
    State.RECEIVED: frozenset({State.LINTED, State.REJECTED, State.FAILED}),
    # Without practice cases an image goes straight on to the queue.
    State.LINTED: frozenset({State.DRY_RUN, State.QUEUED, State.REJECTED, State.FAILED}),
    # A dry run that was cut off is done again: it read no sequestered case.
    State.DRY_RUN: frozenset(
        {State.DRY_RUN, State.LINTED, State.QUEUED, State.REJECTED, State.FAILED}
    ),
    # What the same image predicted on the same cohort goes straight on to scoring.
    State.QUEUED: frozenset({State.RUNNING, State.SCORING, State.FAILED}),
    # A run that was cut off goes back to the queue, or to running where nobody could say so.
    State.RUNNING: frozenset({State.RUNNING, State.QUEUED, State.SCORING, State.FAILED}),
    # An enclave that was restored from a copy may lack what was predicted.
    State.SCORING: frozenset(
        {State.SCORING, State.RUNNING, State.HELD, State.RELEASED, State.FAILED}
    ),
    State.HELD: frozenset({State.RELEASED}),
    State.RELEASED: frozenset({State.RELEASED}),  # scored again
    State.REJECTED: frozenset(),
    State.FAILED: frozenset(),
}
"""The life cycle: what may follow each state."""


@dataclass(frozen=True, slots=True)
class Submission:
    """One image, by content digest, entered by one team for one benchmark."""

    submission_id: str
    team: str
    model: str
    benchmark: str
    image_digest: str
    threshold: float
    state: State
    received: datetime
    failure: Failure | None = None
