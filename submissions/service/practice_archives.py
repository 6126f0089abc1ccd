"""Practice cases that the service offers: each benchmark's are read once, for their digest."""

from __future__ import annotations

import logging
import threading
from pathlib import Path

from submissions.practice_archive import TABLE, Packed, PracticeArchiveError, pack
from submissions.service.offered import Offered

_LOG = logging.getLogger(__name__)


class PracticeArchives:
    """What is offered of each folder of practice cases, until the folder is another."""

    def __init__(self) -> None:
        """Remember nothing yet."""
        self._kept: dict[Path, tuple[tuple[int, ...], Packed | None]] = {}
        self._one_at_a_time = threading.Lock()

    def of(self, benchmark: Offered) -> Packed | None:
        """The archive of a benchmark; None where it has no practice cases that can be read."""
        folder = benchmark.practice_folder
        if folder is None:
            return None
        with self._one_at_a_time:
            try:
                told = (folder / TABLE).lstat()
            except OSError:
                return None
            now = (told.st_dev, told.st_ino, told.st_size, told.st_mtime_ns)
            kept = self._kept.get(folder)
            if kept is None or kept[0] != now:
                kept = self._kept[folder] = (now, _packed(folder, benchmark.name))
            return kept[1]


def _packed(folder: Path, name: str) -> Packed | None:
    try:
        return pack(folder)
    except (PracticeArchiveError, OSError, ValueError) as error:
        _LOG.error("practice cases of %s are not offered: %s", name, error)
        return None
