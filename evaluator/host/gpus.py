"""GPUs that this process may hand out, each to one run of the host at a time."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from evaluator.host.locks import held
from submissions.addresses.engine import EngineSick

VISIBLE_VARIABLE = "CUDA_VISIBLE_DEVICES"

_DEVICES = Path("/dev")


def visible_gpus(devices: Path = _DEVICES) -> tuple[str, ...]:
    """GPUs by the numbers of their device files, or those that CUDA_VISIBLE_DEVICES leaves of them.

    The variable may name UUIDs as well, which are left to the engine to know. As for CUDA, a
    name that means nothing hides what comes after it.
    """
    numbers = (path.name.removeprefix("nvidia") for path in devices.glob("nvidia[0-9]*"))
    present = [str(number) for number in sorted(int(name) for name in numbers if name.isdecimal())]
    narrowed = os.environ.get(VISIBLE_VARIABLE)
    if narrowed is None:
        return tuple(present)
    named: list[str] = []
    for word in map(str.strip, narrowed.split(",")):
        if word not in present and not word.startswith(("GPU-", "MIG-")):
            break
        named.append(word)
    return tuple(dict.fromkeys(named))


@contextmanager
def taken_gpus(
    count: int,
    *,
    waiting: Callable[[], None] = lambda: None,
    devices: Path = _DEVICES,
    locks: Path | None = None,
) -> Iterator[tuple[str, ...]]:
    """Hold so many GPUs, as :func:`evaluator.host.locks.held` does; their names.

    Raises EngineSick where this process may not hand out so many.
    """
    if not count:
        yield ()
        return
    visible = visible_gpus(devices)
    if len(visible) < count:
        raise EngineSick(
            f"the benchmark grants {count} GPUs but this host has {len(visible)} to hand out"
            f"{' (' + ', '.join(visible) + ')' if visible else ''}, by {devices}/nvidia* and "
            f"{VISIBLE_VARIABLE}; name more there, or run it on a larger machine"
        )
    with held("gpu", visible, count, waiting=waiting, folder=locks) as names:
        yield names
