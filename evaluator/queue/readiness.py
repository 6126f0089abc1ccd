"""What a queue can work on: benchmarks as sealed, with a worker for what they grant; images."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from cohort_selection.sealing.cohort import Cohort, CohortError
from evaluator.benchmark.about import SpecificationError
from evaluator.benchmark.specification import Benchmark
from evaluator.host.resources import WorkersError
from evaluator.stores.enclave import EnclaveError
from evaluator.stores.installation import Installation, InstallationError
from submissions.submission import Submission

if TYPE_CHECKING:
    from evaluator.workers.workers import Workers

ASK_SECONDS = 10.0
"""How often a queue that watches looks for an image that was lost."""

_LOG = logging.getLogger(__name__)


class ImageLost(ValueError):
    """An image that was entered is nowhere any more."""


class Fitness:
    """Remembers which benchmarks and images cannot be run now, so that other submissions go on.

    Each problem is logged once, when it is found; the first is raised at the end.
    """

    def __init__(self, installation: Installation) -> None:
        """Nothing has been looked at yet."""
        self._installation = installation
        self._sealed: dict[str, tuple[Benchmark, Cohort]] = {}
        self._fit: set[str] = set()
        self._unfit: dict[str, ValueError] = {}
        self._benchmarks: dict[str, Benchmark] = {}
        self._held: dict[str, ValueError] = {}
        self._no_engine: Exception | None = None
        self._asked = 0.0
        self._told: set[str] = set()

    def sealed(self, workers: Workers, name: str) -> tuple[Benchmark, Cohort] | None:
        """A benchmark and its cohort, None where it is unfit; each is examined one time."""
        if name not in self._fit and name not in self._unfit:
            self._look(workers, name)
        return self._sealed[name] if name in self._fit else None

    def benchmark(self, name: str) -> Benchmark | None:
        """A benchmark as it is installed, None where its file is unfit."""
        if name not in self._benchmarks and name not in self._unfit:
            try:
                self._benchmarks[name] = self._installation.benchmark(name)
            except ValueError as error:  # of whichever table
                self._refuse(name, error)
        return self._benchmarks.get(name)

    @property
    def can_admit(self) -> bool:
        """Whether this machine has an engine that can look at images, as far as is known."""
        return self._no_engine is None

    def waits(self, submission: Submission) -> bool:
        """Whether something is known to be wrong with a submission's benchmark or image."""
        return submission.benchmark in self._unfit or submission.submission_id in self._held

    def ask_again(self) -> None:
        """Forget what no worker could run, and now and then which images were lost."""
        if time.monotonic() - self._asked > ASK_SECONDS:
            self._asked = time.monotonic()
            self._held.clear()
            self._no_engine = None
        self._unfit = {
            name: error
            for name, error in self._unfit.items()
            if not isinstance(error, WorkersError)
        }

    def lose(self, name: str, error: WorkersError) -> None:
        """The workers that could run a benchmark are gone."""
        self._fit.discard(name)
        self._refuse(name, error)

    def lose_engine(self, error: Exception) -> None:
        """This machine's engine is gone: nothing can be admitted."""
        self._no_engine = error
        self._tell("", f"submissions that were received wait: {error}")

    def hold(self, submission: Submission, error: ValueError) -> None:
        """Let one submission wait for what its steward has to mend."""
        self._held[submission.submission_id] = error
        self._tell(
            submission.submission_id, f"submission {submission.submission_id} waits: {error}"
        )

    def lose_image(self, submission: Submission) -> None:
        """No engine has a submission's image, and there is no archive of it."""
        name = submission.submission_id
        self._held[name] = lost = ImageLost(
            f"submission {name} waits: its image {submission.image_digest} is in no engine any "
            f"more; load it again, then `sequestra run` goes on, or end it with `sequestra cancel "
            f"{name}`"
        )
        self._tell(name, str(lost))

    def find_image(self, submission: Submission) -> None:
        """A submission's image is there."""
        self._told.discard(submission.submission_id)

    def refuse_unfit(self) -> None:
        """Raise what is wrong with a benchmark or an image, if anything is."""
        for error in (*self._unfit.values(), *self._held.values()):
            raise error
        if self._no_engine is not None:
            raise self._no_engine

    def _look(self, workers: Workers, name: str) -> None:
        try:
            if name not in self._sealed:
                self._sealed[name] = self._installation.sealed(name)
            workers.refuse_unfit(self._sealed[name][0].contract)
        except (CohortError, EnclaveError, InstallationError, SpecificationError) as error:
            self._refuse(name, error)
        except WorkersError as error:
            workers.refuse_lost()
            self._refuse(name, error)
        else:
            self._fit.add(name)
            self._told.discard(name)

    def _refuse(self, name: str, error: ValueError) -> None:
        self._unfit[name] = error
        self._tell(name, f"the submissions for {name} wait: {error}")

    def _tell(self, name: str, sentence: str) -> None:
        if name not in self._told:
            self._told.add(name)
            _LOG.warning(sentence)
