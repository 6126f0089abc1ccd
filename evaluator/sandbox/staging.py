"""Stages the input of one run: its blinded cases, and nothing of any other run."""

from __future__ import annotations

import csv
import errno
import fcntl
import hashlib
import os
import shutil
import stat
import struct
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Thread

from cohort_selection.atomic_files import locked
from cohort_selection.cases import BlindedCase
from submissions.contract import Contract

MTIME = 946_684_800
"""2000-01-01 00:00 UTC: the one modification time that a container sees."""

REMOVAL_SECONDS = 1.0
"""How long the end of a run waits for its folder to be gone; a large one goes on being removed.
In the queue it does not wait: the next run's container may start meanwhile."""

_PREFIX = "run-"
_NO_LINK = {errno.EXDEV, errno.EPERM, errno.EMLINK, errno.EOPNOTSUPP}
_GET_FLAGS, _SET_FLAGS, _TOP_OF_TREES = 0x80086601, 0x40086602, 0x00020000  # linux/fs.h


@dataclass(frozen=True, slots=True)
class Staged:
    """Where one run's input lies and its predictions go; its user, and what it computes on.

    Without ``cores`` it may use every processor of the engine's machine, in its share of time.
    """

    folder: Path
    input: Path
    predictions: Path
    n_cases: int
    uid: int = 0
    gpus: tuple[str, ...] = ()
    cores: tuple[str, ...] = ()


@contextmanager
def stage(
    cases: Sequence[BlindedCase],
    contract: Contract,
    root: Path,
    *,
    copying: bool = False,
    awaiting: bool = True,
) -> Iterator[Staged]:
    """Lay out ``cases`` under ``root`` for one run; removed again on success and on failure.

    The end waits ``REMOVAL_SECONDS`` at most for that, and not at all without ``awaiting``.

    The input holds ``cases.csv`` (case_id, n_files and the contract's visible attributes, in the
    order given) and ``images/<case_id>/<opaque>.dcm``. A file that everybody may read and that
    bears the constant time ``MTIME`` is linked, costing no copy; any other is copied, and so is
    one that cannot be linked where ``copying`` allows it. The folder is closed to other users of
    the machine; the predictions file lies in it, empty, outside the input, and writable by the
    container's user, who owns nothing.

    Raises OSError where the disk fails, or where files that need no copy cannot be linked.
    """
    with own_folder(root, awaiting=awaiting) as folder:
        yield _lay_out(cases, contract, folder, copying=copying)


@contextmanager
def own_folder(root: Path, *, awaiting: bool = True) -> Iterator[Path]:
    """Give a new folder under ``root`` that is removed again, by another process after a kill.

    Raises OSError where the disk fails.
    """
    root.mkdir(parents=True, exist_ok=True)
    _spread(root)
    held = ExitStack()
    with _creating(root):
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=root))  # mode 0700
        try:
            lock = held.enter_context((folder / "lock").open("w"))
            locked(lock)
        except OSError:
            _remove(folder, held)
            raise
    try:
        yield folder
    finally:
        _remove(folder, held, awaiting=awaiting)


def remove_leftovers(root: Path) -> int:
    """Remove what runs left under ``root`` that were killed before they could; their number."""
    if not root.is_dir():
        return 0
    with _creating(root):
        claimed = [(folder, _claim(folder)) for folder in root.glob(f"{_PREFIX}*")]
    left = [(folder, held) for folder, held in claimed if held is not None]
    for folder, held in left:
        _remove(folder, held)
    return len(left)


def is_alive(folder: Path) -> bool:
    """Whether the process whose run was staged in ``folder`` still lives."""
    held = _claim(folder)
    if held is None:
        return True
    held.close()
    return False


@contextmanager
def _creating(root: Path) -> Iterator[None]:
    """Keep others from taking a folder that is not locked yet for one that was left."""
    with (root / "staging.lock").open("w") as lock:
        locked(lock)
        yield


def _claim(folder: Path) -> ExitStack | None:
    """Take the lock of a run that has ended, so that one alone removes it; None where it lives."""
    held = ExitStack()
    try:
        lock = held.enter_context((folder / "lock").open("r+"))
        is_ours = locked(lock, wait=False)
    except (FileNotFoundError, NotADirectoryError):
        is_ours = True  # killed before it had a lock, or removed in part
    except OSError:  # another user's
        is_ours = False
    if is_ours:
        return held
    held.close()
    return None


def _remove(folder: Path, held: ExitStack, *, awaiting: bool = True) -> None:
    """Remove a run's folder, whose lock is held until it is gone.

    A disk may take milliseconds for each folder that it frees, so nobody waits long for ten
    thousand; the process itself does not end before they are gone.
    """

    def removing() -> None:
        with held:
            shutil.rmtree(folder, ignore_errors=True)

    # A worker's thread is a daemon, and one that it starts would be one too.
    removal = Thread(target=removing, name=f"remove {folder.name}", daemon=False)
    removal.start()
    if awaiting:
        removal.join(REMOVAL_SECONDS)


def _spread(root: Path) -> None:
    """Ask ext4 to start each run in another part of the disk, as for the homes of users.

    Without a journal it searches past every folder deleted lately to find room for a new one,
    which makes one run after another slower. Other file systems do not know the wish.
    """
    with suppress(OSError):
        descriptor = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
        try:
            (flags,) = struct.unpack("q", fcntl.ioctl(descriptor, _GET_FLAGS, bytes(8)))
            fcntl.ioctl(descriptor, _SET_FLAGS, struct.pack("q", flags | _TOP_OF_TREES))
        finally:
            os.close(descriptor)


def _lay_out(
    cases: Sequence[BlindedCase], contract: Contract, folder: Path, *, copying: bool
) -> Staged:
    inputs = folder / "input"
    images = inputs / "images"
    images.mkdir(parents=True)
    # Names relative to an open folder: ten thousand long paths are not walked again and again.
    within = os.open(images, os.O_RDONLY | os.O_DIRECTORY)
    try:
        for case in cases:
            os.mkdir(case.case_id, dir_fd=within)
            for index, file in enumerate(case.files):
                name = f"{case.case_id}/{_opaque(case.case_id, index)}.dcm"
                _place(file, images, name, within, copying=copying)
            os.chmod(case.case_id, 0o755, dir_fd=within)
            os.utime(case.case_id, (MTIME, MTIME), dir_fd=within)
    finally:
        os.close(within)
    table = inputs / "cases.csv"
    with table.open("w", encoding="utf-8", newline="") as written:
        rows = csv.writer(written, lineterminator="\n")
        rows.writerow(["case_id", "n_files", *contract.visible])
        for case in cases:
            shown = (case.attributes.get(name, "") for name in contract.visible)
            rows.writerow([case.case_id, len(case.files), *shown])
    _settle(table, 0o444)
    _settle(images, 0o755)
    _settle(inputs, 0o755)
    predictions = folder / "predictions.csv"
    lay_empty(predictions)
    return Staged(folder=folder, input=inputs, predictions=predictions, n_cases=len(cases))


def lay_empty(predictions: Path) -> None:
    """Lay out an empty predictions file, in the place of any: not even an attribute of it stays.

    The folder above keeps everybody else out; the container's user has no other door than this.
    """
    fresh = predictions.with_suffix(".new")
    fresh.touch()
    fresh.chmod(0o666)
    fresh.replace(predictions)  # the file exists at every moment


def _opaque(case_id: str, index: int) -> str:
    """Name a file after its case and place alone: a rerun finds the same, a new run another."""
    return hashlib.sha256(f"{case_id}/{index}".encode()).hexdigest()[:16]


def _place(source: Path, images: Path, name: str, within: int, *, copying: bool) -> None:
    """Link ``source`` to ``name`` in the folder ``images``, open as ``within``, or copy it."""
    status = source.stat()
    if status.st_mode & stat.S_IROTH and status.st_mtime == MTIME:
        try:
            os.link(source, name, dst_dir_fd=within, follow_symlinks=True)
        except OSError as error:
            if error.errno not in _NO_LINK:
                raise
            if not copying:
                raise OSError(
                    error.errno,
                    f"{source} cannot be linked into {images.parents[1]} ({error.strerror}), and "
                    "sealed images are not copied; keep the whole enclave on one file system "
                    "that has hard links",
                ) from error
        else:
            # When it was last read would tell the order of an earlier run.
            os.utime(name, (MTIME, MTIME), dir_fd=within)
            return
    target = images / name
    shutil.copyfile(source, target)
    _settle(target, 0o444)


def _settle(path: Path, mode: int) -> None:
    path.chmod(mode)
    os.utime(path, (MTIME, MTIME))
