"""A folder or a file appears whole or not at all, even where the machine stops half-way; locks."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from fcntl import LOCK_EX, LOCK_NB, flock
from glob import escape
from pathlib import Path
from threading import get_ident
from typing import IO, Any, BinaryIO


@contextmanager
def replaced(directory: Path, *, durable: bool = True) -> Iterator[Path]:
    """Give a new folder to fill; when the block ends well, it stands in the place of ``directory``.

    Everything is flushed to disk before the name changes, unless ``durable`` is off (for what can
    be written again from a seed).  An error leaves what was there before.
    ``settle`` puts right what a kill between the two renames left.
    """
    directory = directory.absolute()
    directory.parent.mkdir(parents=True, exist_ok=True)
    settle(directory)
    fresh = _fresh(directory)
    shutil.rmtree(fresh, ignore_errors=True)
    with _errors_name(directory, fresh):
        fresh.mkdir()
    try:
        yield fresh
        if durable:
            _flush(fresh)
        previous = _previous(directory)
        if directory.exists():
            directory.rename(previous)
        fresh.rename(directory)
        flush_entry(directory.parent)
        shutil.rmtree(previous, ignore_errors=True)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file beside ``path``, flush it to disk and rename it into place."""
    with written(path) as stream:
        stream.write(content)


@contextmanager
def written(path: Path) -> Iterator[BinaryIO]:
    """Give a file beside ``path`` to fill; when the block ends well, it is flushed and renamed."""
    sweep(path.parent, path.name)
    fresh = _fresh(path)
    try:
        with _errors_name(path, fresh):
            with fresh.open("wb") as stream:
                yield stream
                stream.flush()
                os.fsync(stream.fileno())
            fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)


@contextmanager
def _errors_name(path: Path, fresh: Path) -> Iterator[None]:
    """Let an error of ``fresh`` name ``path``: nobody knows the other."""
    try:
        yield
    except OSError as error:
        if error.filename is None or Path(os.fsdecode(error.filename)) != fresh:
            raise
        raise OSError(error.errno, error.strerror, str(path)) from error


def locked(file: IO[Any] | int, *, wait: bool = True) -> bool:
    """Lock an open file until it is closed, or its process ends in whatever way.

    Without ``wait``, False where another holds it. Raises OSError where it cannot be locked.
    """
    try:
        flock(file, LOCK_EX if wait else LOCK_EX | LOCK_NB)
    except BlockingIOError:
        return False
    return True


def settle(directory: Path) -> None:
    """Bring back the previous folder where a kill fell between the two renames; sweep up."""
    directory = directory.absolute()
    sweep(directory.parent, directory.name)
    previous = _previous(directory)
    if not previous.exists():
        return
    if directory.exists():
        shutil.rmtree(previous, ignore_errors=True)
    else:
        previous.rename(directory)


def sweep(folder: Path, name: str = "") -> None:
    """Remove what processes that were killed had begun to write in a folder, of all or one name."""
    for fresh in folder.glob(f".{escape(name) or '*'}.new-*"):
        owner = fresh.name.rpartition("-")[2]
        if owner.isdecimal() and not _alive(int(owner)):
            if fresh.is_dir():
                shutil.rmtree(fresh, ignore_errors=True)
            else:
                fresh.unlink(missing_ok=True)


def _fresh(path: Path) -> Path:
    """Where this thread begins to write what is to stand at ``path``; ``sweep`` reads the owner."""
    return path.with_name(f".{path.name}.new-{get_ident()}-{os.getpid()}")


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def _previous(directory: Path) -> Path:
    return directory.with_name(f".{directory.name}.previous")


def _flush(root: Path) -> None:
    for folder, _, names in os.walk(root):
        for name in names:
            flush_entry(Path(folder, name))
        flush_entry(Path(folder))


def flush_entry(path: Path) -> None:
    """Flush a file, or the names in a folder, to disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
