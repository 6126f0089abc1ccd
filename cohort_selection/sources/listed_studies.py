"""The studies that a server lists, kept on disk: memory holds a page of them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from typing import Self

from cohort_selection.sources.server import is_uid
from cohort_selection.sources.source import SourceError

_BEGIN = """
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
PRAGMA cache_size = -4000;
CREATE TABLE met (
    uid TEXT PRIMARY KEY, reading INTEGER, taken INTEGER, undated INTEGER, n_series INTEGER,
    n_instances INTEGER
) WITHOUT ROWID;
CREATE TABLE here (uid TEXT PRIMARY KEY) WITHOUT ROWID;
BEGIN;
"""
_MEET = """
INSERT INTO met VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (uid) DO UPDATE SET
    reading = excluded.reading, taken = ifnull(taken, excluded.taken),
    undated = undated OR excluded.undated,
    n_series = iif(excluded.taken IS NULL, n_series, excluded.n_series),
    n_instances = iif(excluded.taken IS NULL, n_instances, excluded.n_instances)
"""
_UNUSABLE = "unusable "


@dataclass(frozen=True, slots=True)
class ListedStudy:
    """A study as a list has it; counts are None where the server does not give them."""

    study_uid: str
    n_series: int | None
    n_instances: int | None


class ListedStudies:
    """What the readings of a list met, each UID once; those taken are the studies."""

    def __init__(self, file: Path) -> None:
        """Begin an empty list in a file of its own, which goes when this is closed."""
        self._file = file
        with self._told():
            file.unlink(missing_ok=True)
            self._table = sqlite3.connect(file, isolation_level=None)
            self._table.executescript(_BEGIN)
        self._n_studies = 0

    def __enter__(self) -> Self:
        """Keep the list while the block runs."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Remove the file."""
        self._table.close()
        with suppress(OSError):
            self._file.unlink()

    def meet(self, study: ListedStudy, reading: int, *, taken: bool, undated: bool) -> bool:
        """Note a row of the list; return whether this reading had not met its UID before."""
        uid = study.study_uid
        key = (
            uid
            if is_uid(uid)
            else _UNUSABLE + sha256(uid.encode("utf-8", "surrogatepass")).hexdigest()
        )
        row = (key, reading, reading if taken else None, undated, study.n_series, study.n_instances)
        with self._told():
            known = self._table.execute("SELECT reading, taken FROM met WHERE uid = ?", [key])
            before, first = known.fetchone() or (None, None)
            self._table.execute(_MEET, row)
        self._n_studies += taken and first is None
        return before != reading

    def __len__(self) -> int:
        """Number of studies."""
        return self._n_studies

    def n_dated(self, since: int) -> int:
        """Studies with a usable date that were first taken in this reading or a later one."""
        return self._n("taken >= ? AND NOT undated", since)

    def n_undated(self) -> int:
        """UIDs that stood somewhere without a usable date."""
        return self._n("undated")

    def n_unusable(self) -> int:
        """Texts that stood in the place of a UID."""
        return self._n("uid > ?", _UNUSABLE)

    def __iter__(self) -> Iterator[ListedStudy]:
        """Each study in order of their UIDs."""
        wanted = "SELECT uid, n_series, n_instances FROM met WHERE taken IS NOT NULL ORDER BY uid"
        with self._told():
            for row in self._table.execute(wanted):
                yield ListedStudy(*row)

    def absent(self, uids: Iterable[str]) -> Iterator[str]:
        """Those of ``uids`` that are no study of the list, in order."""
        listed = "SELECT uid FROM met WHERE taken"
        wanted = f"SELECT uid FROM here WHERE uid NOT IN ({listed}) ORDER BY uid"
        with self._told():
            self._table.executemany("INSERT OR IGNORE INTO here VALUES (?)", ([u] for u in uids))
            for (uid,) in self._table.execute(wanted):
                yield uid

    def _n(self, where: str, *values: object) -> int:
        with self._told():
            found = self._table.execute(f"SELECT count(*) FROM met WHERE {where}", values)
            return int(found.fetchone()[0])

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise SourceError(
                f"the list of the server's studies cannot be kept in {self._file} ({error}); free "
                "some space on its disk and run the same command again"
            ) from error
