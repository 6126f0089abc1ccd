"""What a container takes of a worker, and a worker has for containers."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from threading import Condition

from submissions.contract import Contract

SLOT = "SLOT"
MEMORY = "MEMORY"
GPU = "GPU"
"""Resources of a worker: processors that containers may use, megabytes, and GPUs."""


class WorkersError(ValueError):
    """There is no scheduler or no worker that could run a shard."""


def needs(contract: Contract) -> dict[str, float]:
    """What one container takes of a worker's resources."""
    taken = {SLOT: float(max(1, math.ceil(contract.cpus))), MEMORY: float(contract.memory_mb)}
    return taken | ({GPU: float(contract.gpus)} if contract.gpus else {})


def fits(contract: Contract, left: Mapping[str, float]) -> bool:
    """Whether one container fits into what is left."""
    return all(left.get(name, 0) >= amount for name, amount in needs(contract).items())


class Room:
    """What this process has for containers, shared out among those that run.

    Dask would hold it for the whole of a shard; only a container that runs takes any of it, so that
    the next can be laid out meanwhile and the last be removed.
    """

    def __init__(self, has: Mapping[str, float]) -> None:
        """Begin with all of what it ``has`` to give."""
        self._left = Counter(has)
        self._held = 0
        self._changed = Condition()

    @contextmanager
    def taken(self, contract: Contract) -> Iterator[None]:
        """Wait for room for one container, and hold it; one that is alone need not wait."""
        wanted = needs(contract)
        with self._changed:
            self._changed.wait_for(lambda: not self._held or fits(contract, self._left))
            self._held += 1
            self._left.subtract(wanted)
        try:
            yield
        finally:
            with self._changed:
                self._held -= 1
                self._left.update(wanted)
                self._changed.notify_all()
