"""Reads images ahead of the network, in threads of their own.

While the network counts on a batch, the next one is decoded: decoders and numpy let go of Python's
lock for most of their work. The container image holds a copy of this file; it needs the standard
library alone.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

Made = TypeVar("Made")


def ahead(
    reads: Iterable[Callable[[], Made]], threads: int, most: int
) -> Generator[Made, None, None]:
    """Call each of ``reads`` in its turn and give what it returns, in their order.

    ``threads`` calls run at once, and ``most`` results at the most wait to be taken. What a call
    raises is raised in its place, and no further one is begun.
    """
    waiting: deque[Future[Made]] = deque()
    coming = iter(reads)
    with ThreadPoolExecutor(threads, thread_name_prefix="reading") as pool:
        try:
            waiting.extend(pool.submit(read) for read in islice(coming, max(1, most)))
            while waiting:
                result = waiting.popleft().result()
                waiting.extend(pool.submit(read) for read in islice(coming, 1))
                yield result
        finally:
            for future in waiting:
                future.cancel()
