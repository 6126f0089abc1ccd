"""The catalog on disk: studies and clinical records as Parquet, the quarantine as CSV."""

from __future__ import annotations

import csv
import errno
import fcntl
import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from cohort_selection.atomic_files import replaced, settle
from cohort_selection.catalog.harmonisation import Harmonised, Harmoniser, report, summary
from cohort_selection.catalog.inventory import bring_up_to_date, studies_and_quarantine
from cohort_selection.catalog.linkage import (
    one_id_a_patient,
    records_under_new_ids,
    without_contradictions,
)
from cohort_selection.catalog.loinc import LoincMap
from cohort_selection.catalog.unlinked import Meeting
from cohort_selection.clinical.records import ClinicalRecord, CovidTest
from cohort_selection.dicom.doubts import MEANING, Doubt, PatientDoubts, lines
from cohort_selection.dicom.studies import Quarantined, Study, no_image, refuse_no_folder

STUDIES = "studies.parquet"
RECORDS = "records.parquet"
QUARANTINE = "quarantine.csv"
INVENTORY = "inventory"
HARMONISATION = "harmonisation.md"
DOUBTS = "doubts.csv"

_STUDY_SCHEMA = pa.schema(
    [
        ("study_uid", pa.string()),
        ("patient_id", pa.string()),
        ("modality", pa.string()),
        ("body_part", pa.string()),
        ("description", pa.string()),
        ("loinc", pa.string()),
        ("manufacturer", pa.string()),
        ("view", pa.string()),
        ("acquired", pa.string()),
        ("sex", pa.string()),
        ("age", pa.int16()),
        ("files", pa.list_(pa.string())),
        ("fields", pa.map_(pa.string(), pa.list_(pa.string()))),
        ("loinc_name", pa.string()),
        ("loinc_method", pa.string()),
        ("loinc_system", pa.string()),
        ("loinc_contrast", pa.string()),
        ("born", pa.string()),
        ("doubts", pa.list_(pa.string())),
    ]
)
_RECORD_SCHEMA = pa.schema(
    [
        ("patient_id", pa.string()),
        ("study_uid", pa.string()),
        ("age", pa.int16()),
        ("sex", pa.string()),
        ("race", pa.string()),
        ("ethnicity", pa.string()),
        ("site", pa.string()),
        (
            "tests",
            pa.list_(
                pa.struct(
                    [
                        ("result", pa.string()),
                        ("days_from_index", pa.int32()),
                        ("from_study", pa.bool_()),
                    ]
                )
            ),
        ),
        ("findings", pa.map_(pa.string(), pa.string())),
    ]
)


class CatalogError(ValueError):
    """A folder that is not a catalog, or that would be lost by writing one."""


@dataclass(frozen=True, slots=True)
class Catalog:
    """Everything that was read of a commons, and the files that were not."""

    studies: tuple[Study, ...]
    records: tuple[ClinicalRecord, ...]
    quarantined: tuple[Quarantined, ...]


@dataclass(frozen=True, slots=True)
class Indexed:
    """What an update of a catalog found and did."""

    n_files: int
    n_read: int
    n_unchanged: int
    n_studies: int
    n_records: int
    n_quarantined: int
    harmonised: Harmonised
    notes: tuple[str, ...]  # for the steward: headers in doubt, ids that do not meet, LOINC


def update(
    root: Path,
    records: Sequence[ClinicalRecord],
    directory: Path,
    *,
    loinc_map: LoincMap | None = None,
    workers: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Indexed:
    """Write the catalog of the DICOM files below ``root``, reading only new and changed files.

    What ``dicom.index`` and ``write`` would write, each study harmonised, with an inventory of the
    files beside it, by which the next update knows what it need not read.  With a ``loinc_map``
    the report of the harmonisation stands there too.  A run that was killed goes on where it
    stopped.  Memory does not grow with the number of files.  ``workers`` are processes; None for
    one a processor.

    Raises ``EmptyCommons`` where no image can be used, ``CatalogError`` where the folder holds
    something else than a catalog, another run is writing it or the disk is full, and ``ReaderDied``
    where a worker is killed; the old catalog stays.
    """
    refuse_no_folder(root)
    _refuse_other_folder(directory)
    directory = directory.absolute()
    with _alone(directory), _a_full_disk_named(directory):
        settle(directory)
        interrupted = sorted(directory.parent.glob(f".{directory.name}.interrupted-*"))
        last = int(interrupted[-1].name[-3:]) if interrupted else -1
        fresh = directory.with_name(f".{directory.name}.interrupted-{last + 1:03d}")
        brought = bring_up_to_date(
            root, fresh, [*interrupted, directory / INVENTORY], workers=workers, progress=progress
        )
        studies, quarantine = studies_and_quarantine(root, fresh)
        with replaced(directory) as folder:
            harmoniser = Harmoniser(records, loinc_map)
            meeting = Meeting(records)
            met = map(meeting.study, studies)
            n_studies = _write_studies(folder / STUDIES, map(harmoniser.study, met))
            doubted = _write_doubts(folder / DOUBTS, folder / STUDIES)
            n_quarantined = _write_quarantine(folder / QUARANTINE, quarantine())
            if not n_studies:
                first = next(_read_quarantine(folder / QUARANTINE), None)
                shutil.rmtree(fresh)
                raise no_image(root, brought.n_files, first)
            pq.write_table(_records(records), folder / RECORDS)
            harmonised = harmoniser.found()
            if loinc_map is not None:
                (folder / HARMONISATION).write_text(report(harmonised, loinc_map), "utf-8")
            shutil.copytree(fresh, folder / INVENTORY, copy_function=_link_or_copy)
        for leftover in [*interrupted, fresh]:
            shutil.rmtree(leftover, ignore_errors=True)
    return Indexed(
        n_files=brought.n_files,
        n_read=brought.n_read,
        n_unchanged=brought.n_unchanged,
        n_studies=n_studies,
        n_records=len(records),
        n_quarantined=n_quarantined,
        harmonised=harmonised,
        notes=(*doubted, *meeting.told(), *summary(harmonised, loinc_map)),
    )


def _link_or_copy(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # a file system without hard links
        shutil.copyfile(source, target)


@contextmanager
def _alone(directory: Path) -> Iterator[None]:
    """Keep a second run off the catalog; the system lifts the lock of one that was killed."""
    directory.parent.mkdir(parents=True, exist_ok=True)
    path = directory.with_name(f".{directory.name}.lock")
    with path.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            ours = path.stat().st_ino == os.fstat(lock.fileno()).st_ino
        except (BlockingIOError, FileNotFoundError):
            ours = False
        if not ours:  # held by another run, or removed by one that ended this very moment
            raise CatalogError(
                f"{directory}: another run is writing this catalog; wait for it or end it"
            )
        try:
            yield
        finally:
            path.unlink(missing_ok=True)


@contextmanager
def _a_full_disk_named(directory: Path) -> Iterator[None]:
    """Parquet's errors carry no path that could be printed."""
    try:
        yield
    except OSError as error:
        if error.errno not in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
            raise
        raise CatalogError(
            f"{directory}: no room to write the catalog ({os.strerror(error.errno)}); make room, "
            "then run the same command again: the headers read are kept, and so is the old catalog"
        ) from error


def write(catalog: Catalog, directory: Path) -> None:
    """Write the catalog as the folder ``directory``, replacing an older catalog as a whole.

    Raises ``CatalogError`` where the folder holds something else than a catalog.
    """
    _refuse_other_folder(directory)
    with replaced(directory) as folder:
        _write_studies(folder / STUDIES, catalog.studies)
        pq.write_table(_records(catalog.records), folder / RECORDS)
        _write_quarantine(folder / QUARANTINE, catalog.quarantined)


def read(directory: Path) -> Catalog:
    """Read back what ``write`` wrote, each patient under one id and of one sex (see ``linkage``).

    Raises ``CatalogError`` where the folder is no catalog or a file of it cannot be read.
    """
    settle(directory)
    missing = [n for n in (STUDIES, RECORDS, QUARANTINE) if not (directory / n).is_file()]
    if missing:
        raise CatalogError(
            f"{directory} is not a catalog: {', '.join(missing)} not there; run sequestra index"
        )
    try:
        if pq.read_schema(directory / STUDIES).names != _STUDY_SCHEMA.names:
            raise CatalogError(
                f"{directory}: an earlier version of Sequestra wrote this catalog; "
                "run sequestra index again"
            )
        studies = pq.read_table(directory / STUDIES, schema=_STUDY_SCHEMA)
        records = pq.read_table(directory / RECORDS, schema=_RECORD_SCHEMA)
        quarantined = tuple(_read_quarantine(directory / QUARANTINE))
    except (pa.ArrowException, KeyError, UnicodeDecodeError) as error:
        raise CatalogError(
            f"{directory}: its tables cannot be read ({type(error).__name__}); "
            "run sequestra index again"
        ) from error
    of_tables = tuple(
        ClinicalRecord(
            **{
                **row,
                "tests": tuple(CovidTest(**test) for test in row["tests"]),
                "findings": dict(row["findings"]),
            }
        )
        for row in records.to_pylist()
    )
    of_headers = tuple(
        Study(
            **{
                **row,
                "files": tuple(Path(name) for name in row["files"]),
                "fields": {name: tuple(values) for name, values in row["fields"]},
                "doubts": tuple(row["doubts"]),
            }
        )
        for row in studies.to_pylist()
    )
    linked = one_id_a_patient(of_headers, of_tables)
    moved = records_under_new_ids(of_headers, linked, of_tables)
    return Catalog(without_contradictions(linked), moved, quarantined)


def _refuse_other_folder(directory: Path) -> None:
    if directory.exists() and not (directory / STUDIES).is_file() and any(directory.iterdir()):
        raise CatalogError(
            f"{directory} is not empty and holds no catalog; give a new folder to write to"
        )


def _write_studies(path: Path, studies: Iterable[Study]) -> int:
    """Write studies part by part; give their number."""
    count = 0
    remaining = iter(studies)
    with pq.ParquetWriter(path, _STUDY_SCHEMA) as writer:
        while part := list(islice(remaining, 4096)):
            writer.write_table(_studies(part))
            count += len(part)
    return count


def _write_doubts(path: Path, studies: Path) -> tuple[str, ...]:
    """List what headers contradict, a line a study and doubt; give the summary of it."""
    table = pq.ParquetFile(studies)
    said = ["patient_id", "sex", "born", "acquired", "age"]
    of_patients = PatientDoubts()
    for batch in table.iter_batches(columns=said):
        columns = [batch.column(name).to_pylist() for name in said]
        of_patients.add(zip(*columns, strict=True))
    doubts_of = of_patients.found()
    counts: Counter[Doubt] = Counter()
    n_studies = 0
    with table, path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["patient_id", "study_uid", "doubt", "found", "done"])
        for batch in table.iter_batches(columns=["patient_id", "study_uid", "doubts"]):
            columns = [
                batch.column(name).to_pylist() for name in ("patient_id", "study_uid", "doubts")
            ]
            for patient, study, own in zip(*columns, strict=True):
                found = [*map(Doubt, own), *doubts_of(patient)]
                counts.update(found)
                n_studies += bool(found)
                writer.writerows([patient, study, doubt, *MEANING[doubt]] for doubt in found)
    return lines(counts, n_studies, path.name)


def _write_quarantine(path: Path, quarantined: Iterable[Quarantined]) -> int:
    count = 0
    # A file's name may be no valid text; it is written as the bytes it has.
    with path.open("w", newline="", encoding="utf-8", errors="surrogateescape") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["path", "reason"])
        for item in quarantined:
            writer.writerow([str(item.path), item.reason])
            count += 1
    return count


def read_quarantine(directory: Path) -> Iterator[Quarantined]:
    """Read the files that an indexing kept out, one at a time."""
    return _read_quarantine(directory / QUARANTINE)


def _read_quarantine(path: Path) -> Iterator[Quarantined]:
    with path.open(newline="", encoding="utf-8", errors="surrogateescape") as file:
        for row in csv.DictReader(file):
            yield Quarantined(Path(row["path"]), row["reason"])


def _studies(studies: Sequence[Study]) -> pa.Table:
    columns = {name: [getattr(study, name) for study in studies] for name in _STUDY_SCHEMA.names}
    columns["files"] = [[str(path) for path in study.files] for study in studies]
    columns["fields"] = [list(study.fields.items()) for study in studies]
    return pa.table(columns, schema=_STUDY_SCHEMA)


def _records(records: Sequence[ClinicalRecord]) -> pa.Table:
    columns = {name: [getattr(record, name) for record in records] for name in _RECORD_SCHEMA.names}
    columns["tests"] = [[asdict(test) for test in record.tests] for record in records]
    columns["findings"] = [list(record.findings.items()) for record in records]
    return pa.table(columns, schema=_RECORD_SCHEMA)
