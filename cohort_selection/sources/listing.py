"""Lists every study of a DICOMweb server while studies come and go.

A server tells a long list page by page. What is stored or deleted between two pages moves the rest:
some studies come twice, others never. So the list is cut by date into windows of one page where
that is possible, longer windows are read until nothing new comes, and a list without dates is held
against them. Servers are asked by date alone: of other keywords some find nothing, others are left
out in silence and find everything.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from cohort_selection.sources.listed_studies import ListedStudies, ListedStudy
from cohort_selection.sources.server import Row, Server, is_uid, number, value
from cohort_selection.sources.source import counted

PAGE = 500
"""Rows that are asked for at once; a server may send fewer."""

_STUDY, _DATE = "0020000D", "00080020"
_SERIES_OF_STUDY, _INSTANCES_OF_STUDY = "00201206", "00201208"
_FIRST = date(1960, 1, 1)
_WRITTEN = re.compile(r"[0-9]{8}")
_MOST_READINGS = 6


@dataclass(frozen=True, slots=True)
class Period:
    """Study dates from ``first`` to ``last``, as far as they are bounded.

    Without a bound it is every study, those without a date too.
    """

    first: date | None = None
    last: date | None = None

    @property
    def query(self) -> dict[str, str]:
        """As QIDO-RS asks for these dates (PS3.4 C.2.2.2.5)."""
        if self.first is None and self.last is None:
            return {}
        return {"StudyDate": f"{_digits(self.first)}-{_digits(self.last)}"}

    def has(self, written: str) -> bool:
        """Whether a date of eight digits lies in it."""
        after = self.first is None or _digits(self.first) <= written
        return after and (self.last is None or written <= _digits(self.last))

    def halves(self, today: date) -> tuple[Period, Period] | None:
        """Two periods in its place; None for a single day."""
        last = self.last or today
        first = self.first or min(_FIRST, last)
        if last <= first:
            return None
        middle = first + (last - first) // 2
        return Period(self.first, middle), Period(middle + timedelta(days=1), self.last)


class Listing:
    """The studies of a server in a period, and what was odd about its lists."""

    def __init__(
        self, server: Server, period: Period, studies: ListedStudies, *, page: int = PAGE
    ) -> None:
        """Read all lists into ``studies``, which has none yet.

        Raises ``ServerStopped`` where one cannot be read, ``SourceError`` where none can be kept.
        """
        self.studies = studies
        self.notes: list[str] = []
        self._server, self._period, self._page = server, period, page
        self._reading = 0
        self._moving = False
        self._read_all()
        if unusable := studies.n_unusable():
            self.notes.append(
                f"the server's list has {counted(unusable, 'row')} without a usable study UID"
            )
        if (undated := studies.n_undated()) and self._period.query:
            self.notes.append(
                f"{counted(undated, 'study', 'studies')} without a usable date left "
                "out, since dates were asked for"
            )
        if self._moving:
            self.notes.append(
                f"the server's list changed in each of {_MOST_READINGS} readings; run the same "
                "command again for what came meanwhile"
            )

    def _read_all(self) -> None:
        today = date.today()
        waiting = [self._period]
        window = self._period
        while waiting:
            window = waiting.pop()
            rows = self._asked(window, 0)
            if any(_outside(row, window) for row in rows):
                self.notes.append(
                    "the server does not choose by date: its whole list was read and chosen from"
                )
                self._settle(Period())
                return
            halves = window.halves(today) if len(rows) >= self._page else None
            if halves is None:
                self._settle(window, rows)
            else:
                waiting += reversed(halves)
        self._settle(window)  # what came meanwhile has today's date
        if not self._period.query and window.query:
            first = self._reading + 1
            self._settle(Period())  # with those without a date
            late = self.studies.n_dated(since=first)
            if late:
                self.notes.append(
                    f"{counted(late, 'study', 'studies')} came in the list of all and in none by "
                    "date: stored meanwhile, or with a date that is none"
                )

    def _settle(self, window: Period, rows: Sequence[Row] | None = None) -> None:
        """Read a window; where it has several pages, until a reading brings nothing new."""
        for reading in range(_MOST_READINGS):
            new, pages = self._read(window, rows)
            if pages < 2 or (reading and not new):
                return
            rows = None
        self._moving = True

    def _read(self, window: Period, rows: Sequence[Row] | None) -> tuple[int, int]:
        """Read a window page by page; give the number of new studies, and of pages.

        The list ends at the first page that has no study that this reading has not seen: a server
        may send fewer rows than it was asked for, or leave out from where it was asked.
        """
        self._reading += 1
        before = len(self.studies)
        offset = pages = 0
        rows = self._asked(window, 0) if rows is None else rows
        while sum(map(self._meet, rows)):
            pages += 1
            offset += len(rows)
            rows = self._asked(window, offset)
        return len(self.studies) - before, pages

    def _asked(self, window: Period, offset: int) -> list[Row]:
        return self._server.listed("studies", **window.query, limit=self._page, offset=offset)

    def _meet(self, row: Row) -> bool:
        """Note a row; return whether it names a UID that this reading had not met."""
        study_uid, written = value(row, _STUDY), value(row, _DATE)
        dated = _WRITTEN.fullmatch(written) is not None
        usable = is_uid(study_uid)
        new = self.studies.meet(
            ListedStudy(study_uid, number(row, _SERIES_OF_STUDY), number(row, _INSTANCES_OF_STUDY)),
            self._reading,
            taken=usable and (not self._period.query or (dated and self._period.has(written))),
            undated=usable and not dated,
        )
        return new and bool(study_uid)


def _outside(row: Row, window: Period) -> bool:
    written = value(row, _DATE)
    return _WRITTEN.fullmatch(written) is not None and not window.has(written)


def _digits(day: date | None) -> str:
    return day.strftime("%Y%m%d") if day else ""
