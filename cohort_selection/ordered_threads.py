"""Does one piece of work for each of many files in threads, and gives the results in their order.

Reading, hashing, writing and flushing let other threads run; so do numpy and compiled code.
"""

from __future__ import annotations

import os
import warnings
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from pydicom.config import disable_value_validation

Item = TypeVar("Item")
Result = TypeVar("Result")

MOST_BYTES = 256 << 20
"""Of the files that are in work at a time; a larger one is in work alone."""


def in_order(
    work: Callable[[Item], Result],
    items: Iterable[tuple[Item, int]],
    *,
    workers: int | None = None,
) -> Generator[Result]:
    """Yield ``work(item)`` for each (item, bytes it takes) in their order, several made at a time.

    As many threads as this process may use processors, or ``workers``. No more than two items for
    each thread and ``MOST_BYTES`` are in work or wait to be taken. What ``work`` raises is raised
    in the item's place; then nothing further is begun, and what was begun has ended. pydicom judges
    no value meanwhile, and nothing is warned of: both are settings of the whole process.
    """
    threads = workers or len(os.sched_getaffinity(0))
    begun: deque[tuple[Future[Result], int]] = deque()
    held = 0
    with _unjudged(), ThreadPoolExecutor(threads) as pool:
        try:
            for item, size in items:
                while begun and (len(begun) >= 2 * threads or held + size > MOST_BYTES):
                    done, freed = begun.popleft()
                    held -= freed
                    yield done.result()
                begun.append((pool.submit(work, item), size))
                held += size
            while begun:
                yield begun.popleft()[0].result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def size_of(path: Path) -> int:
    """The bytes of a file; 0 where there is none, which the work on it will say."""
    try:
        return path.stat().st_size
    except OSError:
        return 0


@contextmanager
def _unjudged() -> Iterator[None]:
    """Held by the one who waits: threads that set and restore this by themselves cross each other.

    Those that do so within find and leave it as it is here.
    """
    with warnings.catch_warnings(), disable_value_validation():
        warnings.simplefilter("ignore")
        yield
