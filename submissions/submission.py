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
    REFUSED = "refused"
    REJECTED = "rejected"
    FAILED = "failed"


UNDER_WAY = frozenset({State.DRY_RUN, State.RUNNING, State.SCORING})
"""States in which a dispatcher works on a submission."""

WAITING = frozenset({State.RECEIVED, State.LINTED, State.DRY_RUN, State.QUEUED})
"""States before the sequestered run: a submission that is withdrawn in one is not charged."""

ENDED = frozenset({State.REJECTED, State.RELEASED, State.REFUSED, State.FAILED})
"""States that a submission does not leave."""


class Owner(StrEnum):
    """Who may make a change of state."""

    TEAM = "team"
    QUEUE = "queue"
    REVIEWERS = "reviewers"
    STEWARD = "steward"


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


@dataclass(frozen=True, slots=True)
class Step:
    """A change of state that the life cycle has, who may make it, and when.

    ``before`` is None where a submission is new.
    """

    before: State | None
    after: State
    owners: frozenset[Owner]
    when: str


def _step(before: State | None, after: State, when: str, *owners: Owner) -> Step:
    return Step(before=before, after=after, owners=frozenset(owners or (Owner.QUEUE,)), when=when)


_CANCELLED = (Owner.QUEUE, Owner.TEAM, Owner.STEWARD)


def _given_up(before: State) -> Step:
    return _step(before, State.FAILED, "it is withdrawn, or the harness failed", *_CANCELLED)


STEPS: tuple[Step, ...] = (
    _step(None, State.RECEIVED, "an image is entered", Owner.TEAM, Owner.STEWARD),
    _step(State.RECEIVED, State.LINTED, "the image keeps the contract"),
    _step(State.RECEIVED, State.REJECTED, "the image breaks the contract"),
    _given_up(State.RECEIVED),
    _step(State.LINTED, State.DRY_RUN, "it runs on practice cases"),
    _step(State.LINTED, State.QUEUED, "the benchmark has no practice cases"),
    _step(State.LINTED, State.REJECTED, "the image breaks the contract"),
    _given_up(State.LINTED),
    # It read no sequestered case.
    _step(State.DRY_RUN, State.DRY_RUN, "a dry run that was cut off is done again"),
    _step(State.DRY_RUN, State.LINTED, "a dry run was cut off"),
    _step(State.DRY_RUN, State.QUEUED, "the dry run ended well"),
    _step(State.DRY_RUN, State.REJECTED, "the dry run failed"),
    _given_up(State.DRY_RUN),
    _step(State.QUEUED, State.RUNNING, "its container runs on the sequestered cases"),
    _step(State.QUEUED, State.SCORING, "the same image ran on the same cohort before"),
    _given_up(State.QUEUED),
    _step(State.RUNNING, State.RUNNING, "a run that was cut off begins again"),
    _step(State.RUNNING, State.QUEUED, "the queue ended, or lost the image or the workers"),
    _step(State.RUNNING, State.SCORING, "its predictions are complete"),
    _step(State.RUNNING, State.FAILED, "it is withdrawn, or its run failed", *_CANCELLED),
    _step(State.SCORING, State.SCORING, "scoring that was cut off begins again"),
    # An enclave that was restored from a copy may lack what was predicted.
    _step(State.SCORING, State.RUNNING, "the enclave lacks its predictions"),
    _step(State.SCORING, State.HELD, "the benchmark holds results for a review"),
    _step(State.SCORING, State.RELEASED, "the benchmark releases results at once"),
    _given_up(State.SCORING),
    _step(
        State.HELD,
        State.RELEASED,
        "all reviewers vote `release`; a steward at the shell may release without votes where one "
        "reviewer is enough",
        Owner.REVIEWERS,
        Owner.STEWARD,
    ),
    _step(State.HELD, State.REFUSED, "all reviewers vote `refuse`", Owner.REVIEWERS),
    _step(
        State.RELEASED,
        State.RELEASED,
        "its predictions are scored again (`sequestra rescore`)",
        Owner.QUEUE,
        Owner.STEWARD,
    ),
)
"""The life cycle: every change of state, with those who may make it.

The queue makes the changes of the reviewers for them, once their votes are complete.
"""

NEXT: Mapping[State, frozenset[State]] = {
    state: frozenset(step.after for step in STEPS if step.before is state) for state in State
}
"""What may follow each state."""

_OWNERS = {(step.before, step.after): step.owners for step in STEPS}


def may_make(before: State | None, after: State, owner: Owner) -> bool:
    """Whether ``owner`` may change the state of a submission so."""
    return owner in _OWNERS.get((before, after), frozenset())


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
