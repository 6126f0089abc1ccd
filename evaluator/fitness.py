"""Which benchmarks a queue can work for: as sealed, and with a worker for what they grant."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from cohort_selection.cohort import Cohort, CohortError
from evaluator.enclave import EnclaveError
from evaluator.installation import Installation, InstallationError
from evaluator.resources import WorkersError
from evaluator.specification import Benchmark, SpecificationError

if TYPE_CHECKING:
    from evaluator.workers import Workers

_LOG = logging.getLogger(__name__)


class Fitness:
    """What is wrong with one benchmark keeps no other waiting: told at once, again at the end."""

    def __init__(self, installation: Installation) -> None:
        """Nothing has been looked at yet."""
        self._installation = installation
        self._sealed: dict[str, tuple[Benchmark, Cohort]] = {}
        self._fit: set[str] = set()
        self._unfit: dict[str, ValueError] = {}
        self._told: set[str] = set()

    def sealed(self, workers: Workers, name: str) -> tuple[Benchmark, Cohort] | None:
        """A benchmark and its cohort, None where it is unfit; each is looked at once."""
        if name not in self._fit and name not in self._unfit:
            self._look(workers, name)
        return self._sealed[name] if name in self._fit else None

    def is_unfit(self, name: str) -> bool:
        """Whether something is known to be wrong with a benchmark."""
        return name in self._unfit

    def ask_workers_again(self) -> None:
        """Forget what no worker could run: one may have come that can."""
        self._unfit = {
            name: error
            for name, error in self._unfit.items()
            if not isinstance(error, WorkersError)
        }

    def lose(self, name: str, error: WorkersError) -> None:
        """The workers that could run a benchmark are gone."""
        self._fit.discard(name)
        self._refuse(name, error)

    def refuse_unfit(self) -> None:
        """Raise what is wrong with a benchmark, if anything is."""
        for error in self._unfit.values():
            raise error

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
        if name not in self._told:
            self._told.add(name)
            _LOG.warning("the submissions for %s wait: %s", name, error)
