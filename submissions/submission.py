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
    QUEUED = "queued"
    RUNNING = "running"
    SCORING = "scoring"
    HELD = "held"
    RELEASED = "released"
    REJECTED = "rejected"
    FAILED = "failed"


UNDER_WAY = frozenset({State.RUNNING, State.SCORING})
"""States in which a dispatcher works on a submission."""

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
    State.LINTED: frozenset({State.QUEUED, State.REJECTED, State.FAILED}),
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
