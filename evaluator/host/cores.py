"""Chooses a run's processors: the least shared of those that this process may use."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from evaluator.host.locks import held

SEATS = 100
"""Most runs that may share a processor: the number of users for containers."""

_ONLINE = Path("/sys/devices/system/cpu/online")


def usable_cores(count: int, online: Path = _ONLINE) -> tuple[str, ...]:
    """Processors that containers may be given, by the kernel's numbers.

    Those that this process itself may use, as ``taskset`` or a batch system leaves it; all of the
    machine's where these are fewer than ``count``.
    """
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < count:
        cores = _listed(online.read_text(encoding="ascii"))
    return tuple(map(str, cores))


def has_our_cores(cpus: int, online: Path = _ONLINE) -> bool:
    """Whether an engine that counts so many processors can be on this machine.

    The numbers of another's, or of a virtual machine's, are not known here; to hold all runs to
    those of ours would leave the rest of a larger one idle.
    """
    everyones = len(_listed(online.read_text(encoding="ascii")))
    return cpus in (everyones, len(os.sched_getaffinity(0)))


def _listed(text: str) -> list[int]:
    """Read the kernel's list of processors, such as ``0-3,6``."""
    numbers: list[int] = []
    for part in text.strip().split(","):
        first, _, last = part.partition("-")
        numbers += range(int(first), int(last or first) + 1)
    return numbers


@contextmanager
def taken_cores(
    count: int,
    *,
    waiting: Callable[[], None] = lambda: None,
    cores: tuple[str, ...] | None = None,
    locks: Path | None = None,
) -> Iterator[tuple[str, ...]]:
    """Hold so many processors, those that the fewest runs of the host have; their numbers.

    Each has seats, which are filled one on every processor before two on any. So runs share a
    processor only where more run than the host has room for, and none waits for another.
    """
    usable = usable_cores(count) if cores is None else cores
    chosen: list[str] = []
    with ExitStack() as taken:
        for _ in range(min(count, len(usable))):
            others = [core for core in usable if core not in chosen]
            seats = [f"{core}.{seat}" for seat in range(SEATS) for core in others]
            (seat,) = taken.enter_context(held("core", seats, waiting=waiting, folder=locks))
            chosen.append(seat.partition(".")[0])
        yield tuple(sorted(chosen, key=int))
