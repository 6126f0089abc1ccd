"""Locks of a host for what it has few of: one run holds each at a time."""

from __future__ import annotations

import logging
import os
import stat
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from cohort_selection.atomic_files import locked

PAUSE_SECONDS = 0.2
"""How often a waiting run tries again."""

TELL_SECONDS = 10.0
"""How long a run waits before a warning is logged."""

_LOG = logging.getLogger(__name__)


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
    lock_folder = folder or _everybodys_folder()
    tell = time.monotonic() + TELL_SECONDS
    with ExitStack() as taken:
        while len(names_held := _take(kind, names, count, lock_folder, taken)) < count:
            waiting()
            if time.monotonic() > tell:
                tell = float("inf")
                _LOG.warning("a run waits: no %s is free, by the locks in %s", kind, lock_folder)
            time.sleep(PAUSE_SECONDS)
        yield names_held


def _everybodys_folder() -> Path:
    """Folder for locks of this host. Homes will not do: users differ, and hosts may share one."""
    folder = Path("/run/lock")
    everybodys = folder.is_dir() and folder.stat().st_mode & stat.S_IWOTH
    return folder if everybodys else Path("/tmp")


def _take(
    kind: str, names: Sequence[str], count: int, folder: Path, taken: ExitStack
) -> tuple[str, ...]:
    """Take so many into ``taken``, or none."""
    names_held: list[str] = []
    with ExitStack() as tried:
        for name in names:
            lock = _locked(folder / f"sequestra-{kind}-{name.replace('/', '-')}")
            if lock is not None:
                tried.callback(os.close, lock)
                names_held.append(name)
            if len(names_held) == count:
                taken.push(tried.pop_all())
                return tuple(names_held)
    return ()


def _locked(path: Path) -> int | None:
    """Lock a file, and give its descriptor; None where it is taken, or is no file of ours.

    Any user of this host can create files in this folder. That only makes one lock unusable.
    """
    _make(path)
    try:
        lock = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        status = os.fstat(lock)
        if stat.S_ISREG(status.st_mode):
            ours = locked(lock, wait=False)
            if ours and os.path.samestat(status, path.lstat()):  # not removed meanwhile
                return lock
    except OSError:
        pass
    os.close(lock)
    return None


def _make(path: Path) -> None:
    """Make a lock's file where it is not there; any user of the host may have, and it stays."""
    if os.path.lexists(path):
        return
    with (
        tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}-") as new,
        suppress(FileExistsError),
    ):
        os.fchmod(new.fileno(), 0o444)  # for all, whatever the umask, before it is found
        os.link(new.name, path)
