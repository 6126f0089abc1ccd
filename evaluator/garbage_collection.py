"""How a process of ours lets Python collect garbage: rarely, and not as it ends."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

COLLECT_AFTER = 100_000
"""Objects made and not freed before Python looks for cycles; its own 700 has it look through all
that the imports of MLflow or Dask make a hundred times, a tenth of their time."""


@contextmanager
def few_collections() -> Iterator[None]:
    """Collect rarely for the rest of the process, which ends with this."""
    gc.set_threshold(COLLECT_AFTER)
    try:
        yield
    finally:
        # Else Python looks through every object once more before it gives all memory back.
        gc.freeze()
