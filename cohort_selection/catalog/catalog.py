"""The catalog on disk: studies joined to clinical records as Parquet, the quarantine as CSV."""

from __future__ import annotations

import csv
import errno
import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from cohort_selection.atomic_files import locked, replaced, settle
from cohort_selection.catalog.annotations import annotation, explained
from cohort_selection.catalog.appending import Studies, write_parts
from cohort_selection.catalog.former import (
    DISAGREEING,
    INVENTORY,
    STUDIES,
    parts_of,
    trusted_parts,
    write_mark,
)
from cohort_selection.catalog.grouping import quarantine, touched, write_studies
from cohort_selection.catalog.harmonisation import Harmonised, report
from cohort_selection.catalog.inventory import Brought, bring_up_to_date
from cohort_selection.catalog.joining import Joining
from cohort_selection.clinical.records import ClinicalRecord
from cohort_selection.dicom.studies import Quarantined, no_image, refuse_no_folder
from cohort_selection.loinc.loinc_map import LoincMap
from cohort_selection.patients.doubt_list import DoubtList
from cohort_selection.study_table.commons import Commons
from cohort_selection.study_table.parts import FOLDER, LIST, CatalogError, Parts, read_parts

FORMER = "studies.parquet"
"""What catalogs of earlier versions have."""
QUARANTINE = "quarantine.csv"
HARMONISATION = "harmonisation.md"
DOUBTS = "doubts.csv"


@dataclass(frozen=True, slots=True, kw_only=True)
class Indexed:
    """What an update of a catalog found and did."""

    n_files: int
    n_read: int
    n_unchanged: int
    n_studies: int
    n_records: int
    n_quarantined: int
    n_annotations: Mapping[str, int]
    """Of the files in quarantine those that are annotations, by what they are."""
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

    Each study is harmonised and each patient under one id, with an inventory of the files beside
    it, by which the next update knows what it need not read.  With a ``loinc_map``
    the report of the harmonisation stands there too.  A run that was killed goes on where it
    stopped.  Studies whose files did not change are taken over from the former catalog.  Memory
    holds 65,536 studies, what changed, the clinical records, and 32 bytes a study (24 a file where
    all are read).  ``workers`` are processes; None for one a processor.

    Raises ``EmptyCommons`` where no image can be used, ``CatalogError`` where the folder holds
    something else than a catalog, another run is writing it or the disk is full, and ``ReaderDied``
    where a worker is killed; the old catalog stays.
    """
    refuse_no_folder(root)
    _refuse_other_folder(directory)
    directory = directory.absolute()
    with _alone(directory), _a_full_disk_named(directory):
        settle(directory)
        interrupted, fresh = _inventories(directory)
        former = trusted_parts(directory, root)
        brought = bring_up_to_date(
            root, fresh, [*interrupted, directory / INVENTORY], workers=workers, progress=progress
        )
        inventory = _Inventory(root, fresh, brought, directory, former)
        with replaced(directory) as folder:
            indexed = _write(folder, inventory, records, loinc_map)
        for leftover in [*interrupted, fresh]:
            shutil.rmtree(leftover, ignore_errors=True)
    return indexed


@dataclass(frozen=True, slots=True)
class _Inventory:
    """The files of a commons, in ``shards``, and the parts of the ``former`` catalog, if any."""

    root: Path
    shards: Path
    brought: Brought
    directory: Path
    former: Parts | None


def _write(
    folder: Path,
    inventory: _Inventory,
    records: Sequence[ClinicalRecord],
    loinc_map: LoincMap | None,
) -> Indexed:
    """Write a whole catalog into ``folder``."""
    root, brought = inventory.root, inventory.brought
    unfinished = folder / "unfinished"
    shutil.copytree(inventory.shards, folder / INVENTORY, copy_function=_link_or_copy)
    (folder / INVENTORY / STUDIES).mkdir()
    try:
        unfinished.mkdir()
        disagreeing, studies = _studies(inventory, unfinished)
        joining, doubted = _write_table(folder, unfinished, studies, records, loinc_map)
    except CatalogError:  # the former catalog cannot be read to its end
        shutil.rmtree(unfinished)
        unfinished.mkdir()
        studies = Studies(unfinished / "studies.parquet")
        disagreeing = write_studies(root, inventory.shards, None, studies.made)
        joining, doubted = _write_table(folder, unfinished, studies, records, loinc_map)
    n_quarantined, n_annotations = _write_quarantine(
        folder / QUARANTINE, quarantine(root, inventory.shards, disagreeing)
    )
    harmonised = joining.harmonised
    if not harmonised.studies:
        first = next(_read_quarantine(folder / QUARANTINE), None)
        shutil.rmtree(inventory.shards)
        raise no_image(root, brought.n_files, first)
    if loinc_map is not None:
        (folder / HARMONISATION).write_text(report(harmonised, loinc_map), "utf-8")
    pq.write_table(disagreeing, folder / INVENTORY / STUDIES / DISAGREEING)
    write_mark(folder, root)
    shutil.rmtree(unfinished)
    return Indexed(
        n_files=brought.n_files,
        n_read=brought.n_read,
        n_unchanged=brought.n_unchanged,
        n_studies=harmonised.studies,
        n_records=len(records),
        n_quarantined=n_quarantined,
        n_annotations=n_annotations,
        harmonised=harmonised,
        notes=(*doubted, *joining.told()),
    )


def _studies(inventory: _Inventory, unfinished: Path) -> tuple[pa.Table, Studies]:
    """The images that contradict others, and all studies: those that changed are made now."""
    made = unfinished / "studies.parquet"
    root, shards, directory = inventory.root, inventory.shards, inventory.directory
    changed = inventory.brought.changed
    if inventory.former is None or changed is None:
        disagreeing = write_studies(root, shards, None, made)
        return disagreeing, Studies(made, parts_of(directory))
    redone = touched(shards, changed)
    fresh = write_studies(root, shards, redone, made)
    before = pq.read_table(directory / INVENTORY / STUDIES / DISAGREEING)
    kept = before.filter(pc.invert(pc.is_in(before.column("study_uid"), value_set=redone)))
    return pa.concat_tables([kept, fresh]), Studies(made, inventory.former, redone)


def _write_table(
    folder: Path,
    unfinished: Path,
    studies: Studies,
    records: Sequence[ClinicalRecord],
    loinc_map: LoincMap | None,
) -> tuple[Joining, tuple[str, ...]]:
    """Write the table of studies and the list of doubts; give the summary of these."""
    joining, doubts = Joining(records, loinc_map), DoubtList(unfinished)
    for some in studies.met():
        joining.meet(some)
    joining.all_met()
    shutil.rmtree(folder / FOLDER, ignore_errors=True)
    write_parts(folder, studies, joining, doubts)
    return joining, doubts.write(folder / DOUBTS)


def _inventories(directory: Path) -> tuple[list[Path], Path]:
    """What runs left that were killed, oldest first, and where this one writes."""
    interrupted = sorted(directory.parent.glob(f".{directory.name}.interrupted-*"))
    last = int(interrupted[-1].name[-3:]) if interrupted else -1
    return interrupted, directory.with_name(f".{directory.name}.interrupted-{last + 1:03d}")


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
            held = locked(lock, wait=False)
            ours = held and os.path.samestat(os.fstat(lock.fileno()), path.stat())
        except FileNotFoundError:
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


def read(directory: Path) -> Commons:
    """The studies of a catalog; their columns are read when they are asked for.

    Raises CatalogError where the folder is no catalog, or a part of it is lost or damaged.
    """
    settle(directory)
    if not (directory / LIST).is_file():
        if (directory / FORMER).is_file():
            raise CatalogError(
                f"{directory}: an earlier version of Sequestra wrote this catalog; "
                "run sequestra index again"
            )
        raise CatalogError(
            f"{directory} is not a catalog: {LIST} is not there; run sequestra index"
        )
    parts = read_parts(directory)
    return Commons(
        parts.n_studies,
        parts.findings,
        parts.columns,
        kept_out=lambda: (item.path for item in read_quarantine(directory)),
        at=parts.at,
    )


def is_catalog(directory: Path) -> bool:
    """Whether a folder holds a catalog, of this version or an earlier one."""
    return (directory / LIST).is_file() or (directory / FORMER).is_file()


def study_uids(directory: Path) -> Iterator[str]:
    """The UIDs of the studies of a catalog, one at a time."""
    parts = read_parts(directory)
    for part in parts.parts:
        for group in parts.groups(part, ["study_uid"]):
            yield from group.column(0).to_pylist()


def _refuse_other_folder(directory: Path) -> None:
    if directory.exists() and not is_catalog(directory) and any(directory.iterdir()):
        raise CatalogError(
            f"{directory} is not empty and holds no catalog; give a new folder to write to"
        )


def _write_quarantine(
    path: Path, quarantined: Iterable[Quarantined]
) -> tuple[int, Mapping[str, int]]:
    """Write every file with its reason; how many there are, and how many annotations of a kind."""
    count, of_kind = 0, Counter[str]()
    # A file's name may be no valid text; it is written as the bytes it has.
    with path.open("w", newline="", encoding="utf-8", errors="surrogateescape") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["path", "reason"])
        for item in quarantined:
            writer.writerow([str(item.path), explained(item.reason)])
            count += 1
            if kind := annotation(item.reason):
                of_kind[kind] += 1
    return count, of_kind


def read_quarantine(directory: Path) -> Iterator[Quarantined]:
    """Read the files that an indexing kept out, one at a time."""
    return _read_quarantine(directory / QUARANTINE)


def _read_quarantine(path: Path) -> Iterator[Quarantined]:
    with path.open(newline="", encoding="utf-8", errors="surrogateescape") as file:
        for row in csv.DictReader(file):
            yield Quarantined(Path(row["path"]), row["reason"])
