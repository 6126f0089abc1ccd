"""Which GPUs this process may hand out, and each of them to one run of the host at a time."""

from __future__ import annotations

import os
import stat
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from fcntl import LOCK_EX, LOCK_NB, flock
from pathlib import Path
from typing import BinaryIO

from submissions.engine_address import EngineUnavailable

VISIBLE_VARIABLE = "CUDA_VISIBLE_DEVICES"
PAUSE_SECONDS = 0.2
"""How often a run that waits for a GPU looks for one."""

_DEVICES = Path("/dev")
_OPEN: set[BinaryIO] = set()
_CHANGING = threading.Lock()
"""Held while a lock's file is opened, and while this process forks."""


def visible_gpus(devices: Path = _DEVICES) -> tuple[str, ...]:
    """GPUs by the numbers of their device files, or those that CUDA_VISIBLE_DEVICES leaves of them.

    The variable may name UUIDs as well, which are left to the engine to know. As for CUDA, a
    name that means nothing hides what comes after it.
    """
    found = (path.name.removeprefix("nvidia") for path in devices.glob("nvidia[0-9]*"))
    present = [str(number) for number in sorted(int(name) for name in found if name.isdecimal())]
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
    """Hold so many GPUs, which no other thread, process or user of this host holds; their names.

    Waits until there are so many at once, holding none meanwhile; ``waiting`` is called each time
    there are not, and may raise. The kernel frees them however the process ends.

    Raises EngineUnavailable where this process may not hand out so many.
    """
    if not count:
        yield ()
        return
    visible = visible_gpus(devices)
    if len(visible) < count:
        raise EngineUnavailable(
            f"the benchmark grants {count} GPUs but this host has {len(visible)} to hand out"
            f"{' (' + ', '.join(visible) + ')' if visible else ''}, by {devices}/nvidia* and "
            f"{VISIBLE_VARIABLE}; name more there, or run it on a larger machine"
        )
    folder = locks or _everybodys_folder()
    with ExitStack() as held:
        while not (names := _take(count, visible, folder, held)):
            waiting()
            time.sleep(PAUSE_SECONDS)
        yield names


def _everybodys_folder() -> Path:
    """The folder for locks of this host: a user's home is another's, or on many hosts the same."""
    folder = Path("/run/lock")
    everybodys = folder.is_dir() and folder.stat().st_mode & stat.S_IWOTH
    return folder if everybodys else Path("/tmp")


def _take(count: int, visible: Sequence[str], folder: Path, held: ExitStack) -> tuple[str, ...]:
    """Take so many GPUs into ``held``, or none."""
    names: list[str] = []
    with ExitStack() as tried:
        for name in visible:
            lock = _locked(folder / f"sequestra-gpu-{name.replace('/', '-')}")
            if lock is not None:
                tried.callback(_let_go, lock)
                names.append(name)
            if len(names) == count:
                held.push(tried.pop_all())
                return tuple(names)
    return ()


def _locked(path: Path) -> BinaryIO | None:
    """Lock a file; None where it is locked already."""
    with _CHANGING:
        file = _opened(path)
        _OPEN.add(file)
    try:
        flock(file, LOCK_EX | LOCK_NB)
    except BlockingIOError:
        _let_go(file)
        return None
    return file


def _opened(path: Path) -> BinaryIO:
    """Open a lock's file, which any user of the host may have made; it is never removed."""
    while True:
        try:
            return path.open("rb")
        except FileNotFoundError:
            with (
                tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}-") as made,
                suppress(FileExistsError),
            ):
                os.fchmod(made.fileno(), 0o444)  # for all, whatever the umask, before it is found
                os.link(made.name, path)


def _let_go(file: BinaryIO) -> None:
    with _CHANGING:
        _OPEN.discard(file)
    file.close()


def _keep_nothing() -> None:
    """Runs in a forked child, which would else hold its parent's GPUs when that is killed."""
    for file in _OPEN:
        file.close()
    _OPEN.clear()
    _CHANGING.release()


os.register_at_fork(
    before=_CHANGING.acquire, after_in_parent=_CHANGING.release, after_in_child=_keep_nothing
)
