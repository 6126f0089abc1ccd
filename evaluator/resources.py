"""What a container takes of a worker, and a worker has for containers."""

from __future__ import annotations

import math

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
