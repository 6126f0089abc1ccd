"""Resources that a container takes and a worker has."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from threading import Condition

from submissions.contract import Contract

SLOT = "SLOT"
MEMORY = "MEMORY"
GPU = "GPU"
"""Resources of a worker: processors that containers may use, megabytes, and GPUs."""


class WorkersError(ValueError):
    """There is no scheduler or no worker that could run a shard."""


def whole_cores(contract: Contract) -> int:
    """How many processors a container computes on; its share of their time may be less."""
    return max(1, math.ceil(contract.cpus))


def needs(contract: Contract) -> dict[str, float]:
    """What one container takes of a worker's resources."""
    taken = {SLOT: float(whole_cores(contract)), MEMORY: float(contract.memory_mb)}
    return taken | ({GPU: float(contract.gpus)} if contract.gpus else {})


def fits(contract: Contract, left: Mapping[str, float]) -> bool:
    """Whether one container fits into what is left."""
    return all(left.get(name, 0) >= amount for name, amount in needs(contract).items())


class Room:
    """What this process has for containers, shared out among those that run.

    Dask would hold resources for the whole of a shard. Here only a running container takes any, so
    that the next one can be laid out and the last one removed meanwhile. A container waits until
    its attempt is admitted, which happens after the ledger has recorded RUNNING.
    """

    def __init__(self, has: Mapping[str, float]) -> None:
        """Begin with all of what it ``has`` to give."""
        self.has = dict(has)
        self._left = Counter(has)
        self._held = 0
        self._admitted: set[str] = set()
        self._changed = Condition()

    def admit(self, attempt: str) -> None:
        """Let the containers of an attempt run; one that was given up learns of that here."""
        with self._changed:
            self._admitted.add(attempt)
            self._changed.notify_all()

    @contextmanager
    def taken(
        self, contract: Contract, attempt: str, given_up: Callable[[], bool] = lambda: False
    ) -> Iterator[None]:
        """Wait for room for one container, and hold it; one that is alone need not wait for others.

        Nor does one whose attempt is ``given_up``: it is not going to run.
        """
        needed = needs(contract)

        def may_go_on() -> bool:
            if given_up():
                return True
            return attempt in self._admitted and (not self._held or fits(contract, self._left))

        with self._changed:
            self._changed.wait_for(may_go_on)
            self._held += 1
            self._left.subtract(needed)
        try:
            yield
        finally:
            with self._changed:
                self._held -= 1
                self._left.update(needed)
                self._changed.notify_all()
