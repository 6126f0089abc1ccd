"""A submission under way: what of it is out with workers, and what came back."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

from cohort_selection.cases import BlindedCase, Case
from cohort_selection.sealing.cohort import Cohort
from evaluator.benchmark.specification import Benchmark
from evaluator.stores.enclave import StageTime
from evaluator.workers.shard import Ended, Shard
from submissions.predictions import Predictions
from submissions.submission import State, Submission


@dataclass(slots=True)
class Job:
    """A submission under way.

    ``parts`` are the cases of shards that are to be handed out, ``out`` those that workers have, by
    token, ``back`` how the others ended. ``again`` are the cases of the second run, ``repeat`` its
    token and ``repeated`` what it predicted. ``attempt`` names this try, ``queued`` is how many
    seconds it waited, ``archive`` where its image lies for hosts that lack it. ``faults`` counts
    how often an engine refused a shard. ``started``: the ledger says that it is running.
    ``practice`` are the cases of a dry run by the ids that it gives them; None for the run on the
    sequestered cases.
    """

    submission: Submission
    benchmark: Benchmark
    cohort: Cohort
    key: bytes
    attempt: str = field(default_factory=lambda: uuid4().hex)
    parts: deque[tuple[BlindedCase, ...]] = field(default_factory=deque)
    out: dict[str, Shard] = field(default_factory=dict)
    back: list[Ended] = field(default_factory=list)
    again: Mapping[str, BlindedCase] = field(default_factory=dict)
    repeat: str = ""
    repeated: Predictions | None = None
    queued: float = 0.0
    archive: Path | None = None
    faults: dict[str, int] = field(default_factory=dict)
    started: bool = False
    practice: Mapping[str, Case] | None = None

    @property
    def name(self) -> str:
        """The submission's id."""
        return self.submission.submission_id

    @property
    def runs_as(self) -> State:
        """The state in which its containers run."""
        return State.RUNNING if self.practice is None else State.DRY_RUN

    @property
    def waits_as(self) -> State:
        """The state to which it goes back where it is cut off."""
        return State.QUEUED if self.practice is None else State.LINTED

    def predicted(self) -> dict[str, tuple[float, ...]]:
        """What all shards predicted together, by the ids of this submission."""
        return {
            case_id: values
            for ended in self.back
            if ended.predictions is not None
            for case_id, values in ended.predictions.values.items()
        }

    def unblinded(self) -> Predictions:
        """What all shards predicted together, by the ids of the cohort."""
        known = self.cohort.unblind(self.key)
        regions = {
            known[case_id].case_id: text
            for ended in self.back
            if ended.predictions is not None
            for case_id, text in ended.predictions.regions.items()
        }
        return Predictions(
            {known[case_id].case_id: values for case_id, values in self.predicted().items()},
            regions,
        )


def stage_times(back: Iterable[Ended]) -> Iterator[StageTime]:
    """What the stages of shards took, as far as each of them came."""
    for ended in back:
        for stage, seconds in ended.seconds.items():
            yield StageTime(stage, seconds, ended.host)


def shared(cases: tuple[BlindedCase, ...], shards: int) -> Iterator[tuple[BlindedCase, ...]]:
    """The cases in so many parts of nearly the same size, their order kept."""
    parts = min(shards, len(cases))
    for part in range(parts):
        yield cases[part * len(cases) // parts : (part + 1) * len(cases) // parts]
