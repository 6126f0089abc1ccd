"""What a container sees: the blinded cases of one run, and nothing of any other."""

from __future__ import annotations

import csv
import fcntl
import hashlib
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from cohort_selection.cohort import BlindedCase
from submissions.contract import Contract

MTIME = 946_684_800
"""2000-01-01 00:00 UTC: the one modification time that a container sees."""

_PREFIX = "run-"


@dataclass(frozen=True, slots=True)
class Staged:
    """Where one run's input lies and where its predictions are to be written."""

    input: Path
    predictions: Path
    n_cases: int


@contextmanager
def stage(cases: Sequence[BlindedCase], contract: Contract, root: Path) -> Iterator[Staged]:
    """Lay out ``cases`` under ``root`` for one run; removed again on success and on failure.

    The input holds ``cases.csv`` (case_id, n_files and the contract's visible attributes, in the
    order given) and ``images/<case_id>/<opaque>.dcm``. A file that everybody may read and that
    bears the constant time ``MTIME`` is linked, costing no copy; any other is copied. The folder
    is closed to other users of the machine; the predictions file lies in it, empty, outside the
    input, and writable by the container's user, who owns nothing.

    Raises OSError where the disk fails.
    """
    root.mkdir(parents=True, exist_ok=True)
    with ExitStack() as alive:
        with _creating(root):
            folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=root))  # mode 0700
            alive.callback(shutil.rmtree, folder, ignore_errors=True)
            lock = alive.enter_context((folder / "lock").open("w"))
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield _lay_out(cases, contract, folder)


def remove_leftovers(root: Path) -> int:
    """Remove what runs left under ``root`` that were killed before they could; their number."""
    if not root.is_dir():
        return 0
    with _creating(root):
        left = [folder for folder in root.glob(f"{_PREFIX}*") if not _alive(folder)]
        for folder in left:
            shutil.rmtree(folder, ignore_errors=True)
    return len(left)


@contextmanager
def _creating(root: Path) -> Iterator[None]:
    """Keep others from taking a folder that is not locked yet for one that was left."""
    with (root / "staging.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _alive(folder: Path) -> bool:
    try:
        with (folder / "lock").open("r+") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def _lay_out(cases: Sequence[BlindedCase], contract: Contract, folder: Path) -> Staged:
    given = folder / "input"
    images = given / "images"
    images.mkdir(parents=True)
    for case in cases:
        place = images / case.case_id
        place.mkdir()
        for index, file in enumerate(case.files):
            _place(file, place / f"{_opaque(case.case_id, index)}.dcm")
        _settle(place, 0o755)
    table = given / "cases.csv"
    with table.open("w", encoding="utf-8", newline="") as written:
        rows = csv.writer(written, lineterminator="\n")
        rows.writerow(["case_id", "n_files", *contract.visible])
        for case in cases:
            shown = (case.attributes.get(name, "") for name in contract.visible)
            rows.writerow([case.case_id, len(case.files), *shown])
    _settle(table, 0o444)
    _settle(images, 0o755)
    _settle(given, 0o755)
    predictions = folder / "predictions.csv"
    predictions.touch()
    # The folder above keeps everybody else out; the container's user has no other door than this.
    predictions.chmod(0o666)
    return Staged(given, predictions, len(cases))


def _opaque(case_id: str, index: int) -> str:
    """Name a file after its case and place alone: a rerun finds the same, a new run another."""
    return hashlib.sha256(f"{case_id}/{index}".encode()).hexdigest()[:16]


def _place(source: Path, target: Path) -> None:
    status = source.stat()
    if status.st_mode & stat.S_IROTH and status.st_mtime == MTIME:
        try:
            target.hardlink_to(source.resolve())
        except OSError:  # another file system, or one without hard links
            pass
        else:
            return
    shutil.copyfile(source, target)
    _settle(target, 0o444)


def _settle(path: Path, mode: int) -> None:
    path.chmod(mode)
    os.utime(path, (MTIME, MTIME))
