"""Things of which a host has few, each held by one run at a time, whoever runs it."""

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

PAUSE_SECONDS = 0.2
"""How often who waits for one of them looks for it."""

_OPEN: set[BinaryIO] = set()
_CHANGING = threading.Lock()
"""Held while a lock's file is opened, and while this process forks."""


@contextmanager
def held(
    kind: str,
    names: Sequence[str],
    count: int = 1,
    *,
    waiting: Callable[[], None] = lambda: None,
    folder: Path | None = None,
) -> Iterator[tuple[str, ...]]:
    """Hold the first ``count`` of a ``kind`` that nobody else on this host holds; their names.

    Waits until there are so many at once, holding none meanwhile; ``waiting`` is called each time
    there are not, and may raise. The kernel frees them however the process ends.
    """
    here = folder or _everybodys_folder()
    with ExitStack() as taken:
        while len(mine := _take(kind, names, count, here, taken)) < count:
            waiting()
            time.sleep(PAUSE_SECONDS)
        yield mine


def _everybodys_folder() -> Path:
    """The folder for locks of this host: a user's home is another's, or on many hosts the same."""
    folder = Path("/run/lock")
    everybodys = folder.is_dir() and folder.stat().st_mode & stat.S_IWOTH
    return folder if everybodys else Path("/tmp")


def _take(
    kind: str, names: Sequence[str], count: int, folder: Path, taken: ExitStack
) -> tuple[str, ...]:
    """Take so many into ``taken``, or none."""
    mine: list[str] = []
    with ExitStack() as tried:
        for name in names:
            lock = _locked(folder / f"sequestra-{kind}-{name.replace('/', '-')}")
            if lock is not None:
                tried.callback(_let_go, lock)
                mine.append(name)
            if len(mine) == count:
                taken.push(tried.pop_all())
                return tuple(mine)
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
    """Runs in a forked child, which would else hold what its parent held when that is killed."""
    for file in _OPEN:
        file.close()
    _OPEN.clear()
    _CHANGING.release()


os.register_at_fork(
    before=_CHANGING.acquire, after_in_parent=_CHANGING.release, after_in_child=_keep_nothing
)
