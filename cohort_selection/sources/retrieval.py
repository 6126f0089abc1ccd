"""Copies the instances of a DICOMweb server into a store, each once and as it is stored there."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from threading import Lock

from cohort_selection.atomic_files import written
from cohort_selection.dicom.elements import HEADS, Unfit, pydicom_elements, quick_elements
from cohort_selection.sources.listed_studies import ListedStudies, ListedStudy
from cohort_selection.sources.listing import Listing, Period
from cohort_selection.sources.server import (
    NotThere,
    Refused,
    Row,
    Server,
    ServerStopped,
    is_uid,
    number,
    value,
)
from cohort_selection.sources.source import Source, SourceError, counted
from cohort_selection.sources.store import Refusal, Store

WORKERS = 4
"""Studies that are asked for at the same time."""

_PAGE = 1000
_STUDY, _SERIES, _INSTANCE = "0020000D", "0020000E", "00080018"
_INSTANCES_OF_STUDY, _INSTANCES_OF_SERIES = "00201208", "00201209"
_IN_SUCCESSION = 50
"""Instances refused one after the other, and none taken, at which a server is left."""

_PYDICOM = Lock()  # its warnings are those of the whole process


@dataclass(slots=True)
class _Count:
    """How many, and the first of them."""

    n: int = 0
    first: str = ""

    def add(self, n: int, first: str) -> None:
        self.first = self.first if self.n else first
        self.n += n


@dataclass(slots=True)
class _Done:
    """What became of the instances of one study, or of several."""

    fetched: int = 0
    there: int = 0
    gone: int = 0
    refused: _Count = field(default_factory=_Count)
    withdrawn: _Count = field(default_factory=_Count)
    uneven: _Count = field(default_factory=_Count)
    refusals: list[Refusal] = field(default_factory=list)

    def refuse(self, study: str, series: str, instance: str, why: str) -> None:
        self.refused.add(1, f"{instance}: {why}")
        self.refusals.append((study, series, instance, why))

    def add(self, other: _Done) -> None:
        """Count what another study has, but leave its list of refusals there."""
        self.fetched += other.fetched
        self.there += other.there
        self.gone += other.gone
        for mine, theirs in (
            (self.refused, other.refused),
            (self.withdrawn, other.withdrawn),
            (self.uneven, other.uneven),
        ):
            mine.add(theirs.n, theirs.first)


def fetch(
    server: Server,
    folder: Path,
    period: Period,
    *,
    workers: int = WORKERS,
    progress: Callable[[int, int], None] | None = None,
) -> Source:
    """Bring a store up to date with a server, and give its folder of images.

    An instance that lies there is not fetched again: a name in the store stands for a whole file.
    What the server has no more is moved out of the folder of images. A run that ends before its
    time keeps what it fetched, and the next goes on from there.

    Raises ``SourceError`` where the server stops, refuses us or lists nothing, and where the store
    is not for this server.
    """
    store = Store(folder)
    with store.held(server.address), ListedStudies(store.listing) as studies:
        listing = Listing(server, period, studies)
        total = len(studies)
        if not total:
            when = " in this period" if period.query else ""
            raise SourceError(
                f"{server.address} lists no study{when}; give credentials that may read, or "
                "another address; nothing in the store was changed"
            )
        done, n_studies = _Done(), 0
        try:
            with store.refusals() as refuse:
                for one in _each(server, store, studies, workers):
                    done.add(one)
                    refuse(sorted(one.refusals))
                    n_studies += 1
                    if progress is not None:
                        progress(n_studies, total)
                    _leave_where_all_are_refused(done)
                _withdraw_studies(server, store, studies, done)
        except ServerStopped as error:
            raise SourceError(
                f"{error}; {n_studies:,} of {total:,} studies were done and "
                f"{counted(done.fetched, 'instance')} fetched, which are kept in {folder}: run the "
                "same command again"
            ) from error
    return Source(store.images, (*listing.notes, *_told(server, store, done)))


def _leave_where_all_are_refused(done: _Done) -> None:
    if done.refused.n >= _IN_SUCCESSION and not done.fetched + done.there:
        raise ServerStopped(
            f"the first {done.refused.n} instances were all refused, as {done.refused.first}"
        )


def _each(
    server: Server, store: Store, studies: Iterable[ListedStudy], workers: int
) -> Iterator[_Done]:
    """What became of each study, in their order, with few of them begun at a time."""
    with ThreadPoolExecutor(workers) as pool:
        remaining = iter(studies)
        waiting = [
            pool.submit(_study, server, store, study) for study in islice(remaining, 2 * workers)
        ]
        try:
            while waiting:
                yield waiting.pop(0).result()
                for study in islice(remaining, 1):
                    waiting.append(pool.submit(_study, server, store, study))
        finally:
            for future in waiting:
                future.cancel()


def _study(server: Server, store: Store, study: ListedStudy) -> _Done:
    done, uid = _Done(), study.study_uid
    listed, even = _instances(server, study)
    there = store.instances(uid)
    for series, instance in listed:
        if not (is_uid(series) and is_uid(instance)):
            done.refuse(uid, series, instance, "its UID is not one of digits and points")
        elif (series, instance) in there:
            done.there += 1
        else:
            try:
                _instance(server, store, uid, series, instance)
                done.fetched += 1
            except NotThere:
                done.gone += 1
            except Refused as why:
                done.refuse(uid, series, instance, str(why))
    if even:
        _withdraw(store, uid, there - set(listed), done)
    else:
        done.uneven.add(1, uid)
    return done


def _instances(server: Server, study: ListedStudy) -> tuple[list[tuple[str, str]], bool]:
    """Series and instance of all of a study; whether their number is that which the server counts.

    A study that grows or goes as it is listed is listed again; one that went has none.
    """
    uid, expected = study.study_uid, study.n_instances
    found: list[tuple[str, str]] = []
    for _ in range(3):
        found, even = [], True
        for series in _rows(server, f"studies/{uid}/series", _SERIES, study.n_series):
            name, n_instances = value(series, _SERIES), number(series, _INSTANCES_OF_SERIES)
            path = f"studies/{uid}/series/{name}/instances"
            if not is_uid(name):
                found.append((name, ""))
                continue
            instances = _rows(server, path, _INSTANCE, n_instances)
            found += [(name, value(row, _INSTANCE)) for row in instances]
            even = even and n_instances in (None, len(instances))
        if even and found and expected in (None, len(found)):
            return found, True
        rows = _rows_of(server, uid)
        if not rows:
            return [], True
        expected = number(rows[0], _INSTANCES_OF_STUDY)
    return found, False


def _rows(server: Server, path: str, tag: str, expected: int | None) -> list[Row]:
    """All rows of a list, each UID once: to the number expected, or to a page that has none new."""
    found: dict[str, Row] = {}
    offset = 0
    while True:
        page = server.listed(path, limit=_PAGE, offset=offset)
        fresh = {value(row, tag): row for row in page if value(row, tag) not in found}
        found |= fresh
        offset += len(page)
        if not fresh or (expected is not None and len(found) == expected):
            return list(found.values())


def _instance(server: Server, store: Store, study: str, series: str, instance: str) -> None:
    """Fetch one instance; it stands in the store when it is whole and the one asked for."""
    path = store.path(study, series, instance)
    path.parent.mkdir(parents=True, exist_ok=True)
    with written(path) as stream:
        server.retrieve(f"studies/{study}/series/{series}/instances/{instance}", stream)
        stream.flush()
        _refuse_another(Path(stream.name), study, instance)


def _refuse_another(path: Path, study: str, instance: str) -> None:
    """Raise ``Refused`` where a file is no DICOM file, or that of another instance."""
    with path.open("rb") as file:
        head = file.read(HEADS[0])
        if head[128:132] != b"DICM":
            raise Refused("the answer is no DICOM file")
        try:
            elements = quick_elements(file.fileno(), head, os.fstat(file.fileno()).st_size)
            if elements is None:
                file.seek(0)
                with _PYDICOM:
                    elements = pydicom_elements(file)
        except Unfit as why:
            raise Refused(f"the answer is no whole DICOM file: {why}") from why
    for keyword, wanted in (("SOPInstanceUID", instance), ("StudyInstanceUID", study)):
        found = elements.texts.get(keyword, "")
        if found != wanted:
            raise Refused(f"the answer is another object: its {keyword} is {found[:64]!r}")


def _withdraw_studies(server: Server, store: Store, listed: ListedStudies, done: _Done) -> None:
    """Move out what lies here of studies that the server has no more."""
    for uid in listed.absent(store.studies()):
        if not _rows_of(server, uid):
            _withdraw(store, uid, store.instances(uid), done)


def _rows_of(server: Server, study: str) -> list[Row]:
    """The study as the server lists it now; none where it has it no more."""
    rows = server.listed("studies", StudyInstanceUID=study)
    return [row for row in rows if value(row, _STUDY) == study]


def _withdraw(
    store: Store, study: str, instances: Collection[tuple[str, str]], done: _Done
) -> None:
    for series, instance in sorted(instances):
        if is_uid(series) and is_uid(instance):
            store.withdraw(study, series, instance)
            done.withdrawn.add(1, instance)


def _told(server: Server, store: Store, done: _Done) -> Iterator[str]:
    yield (
        f"{server.address}: {counted(done.fetched, 'instance')} fetched, {done.there:,} lay in "
        f"{store.folder} already"
    )
    if done.refused.n:
        yield (
            f"{counted(done.refused.n, 'instance')} refused, as {done.refused.first}; all are "
            f"listed in {store.refused}"
        )
    if done.gone:
        yield f"{counted(done.gone, 'instance')} left the server before we asked for it"
    if done.withdrawn.n:
        yield (
            f"{counted(done.withdrawn.n, 'instance')} fetched earlier, as "
            f"{done.withdrawn.first}, is at the server no more; moved to {store.withdrawn}, which "
            "is not indexed"
        )
    if done.uneven.n:
        yield (
            f"of {counted(done.uneven.n, 'study', 'studies')}, as {done.uneven.first}, the server "
            "lists another number of instances than it counts; run the same command again"
        )
