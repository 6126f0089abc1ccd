"""Finds the annotations of cases in a commons, and makes regions of them."""

from __future__ import annotations

import warnings
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.config import disable_value_validation
from scipy.ndimage import generate_binary_structure, label

from cohort_selection.cases import Case, Region
from cohort_selection.dicom.pixel_description import LABEL_MAP
from cohort_selection.regions.grids import Grid, GridError, read_grids
from cohort_selection.regions.region_table import RegionTableError, read_by_picture
from cohort_selection.regions.segmentation_objects import (
    SEGMENTATION,
    AnnotationError,
    Marked,
    read_segmentation,
)
from cohort_selection.regions.stacks import Stack, stack_of
from cohort_selection.regions.structured_reports import read_report
from cohort_selection.task.declaration import LOCALISATION, Task
from cohort_selection.task.runs import RunsError, painted, read_runs, runs_of

_KEYS = ["SOPClassUID", "StudyInstanceUID"]
_SEGMENTATIONS = (SEGMENTATION, LABEL_MAP)
_REPORTS = "1.2.840.10008.5.1.4.1.1.88."


@dataclass(frozen=True, slots=True)
class Annotations:
    """Segmentations and structured reports of each study, in the order of their paths.

    ``of_picture`` are the regions of tables, by SOPInstanceUID.
    """

    of_study: Mapping[str, tuple[tuple[str, Path], ...]]
    of_picture: Mapping[str, tuple[Region, ...]] = field(default_factory=dict)

    @classmethod
    def among(cls, files: Iterable[Path]) -> Annotations:
        """The annotations among ``files``; what is none, or cannot be read, is passed over.

        Raises AnnotationError for a table of regions (``region_table``) with a wrong row.
        """
        tables: dict[str, tuple[Region, ...]] = {}
        found: dict[str, list[tuple[str, Path]]] = defaultdict(list)
        for path in sorted(files):
            if path.suffix.lower() == ".csv":
                _add_table(tables, path)
                continue
            with warnings.catch_warnings(), disable_value_validation():
                warnings.simplefilter("ignore")
                try:
                    header = pydicom.dcmread(path, specific_tags=list(_KEYS))
                    kind = str(header.SOPClassUID)
                    study = str(header.StudyInstanceUID)
                except Exception:
                    continue
            if kind in _SEGMENTATIONS or kind.startswith(_REPORTS):
                found[study].append((kind, path))
        return cls({study: tuple(each) for study, each in found.items()}, tables)


def _add_table(tables: dict[str, tuple[Region, ...]], path: Path) -> None:
    try:
        rows = read_by_picture(path)
    except RegionTableError as error:
        raise AnnotationError(f"{error}; correct the table, or take it away") from None
    for source, regions in (rows or {}).items():
        tables[source] = (*tables.get(source, ()), *regions)


@dataclass(frozen=True, slots=True)
class Found:
    """What the annotations say of a case; ``unfit`` says why its pictures make no one grid."""

    regions: tuple[Region, ...] = ()
    unfit: str = ""


def regions_of(case: Case, annotations: Annotations, task: Task) -> Found:
    """The regions of a case, whose id is its study's UID.

    All segments of the structure together are the mask; for ``localisation`` each connected part
    of it is a lesion, and so is each lesion of a report. Raises AnnotationError.
    """
    try:
        grids = read_grids(case.files)
        stack = stack_of(grids)
    except GridError as error:
        return Found(unfit=str(error))
    by_uid = {grid.source: grid for grid in grids}
    marked: list[Marked] = []
    regions: list[Region] = []
    for kind, path in annotations.of_study.get(case.case_id, ()):
        if kind in _SEGMENTATIONS:
            marked += read_segmentation(path, by_uid, task.structure)
        elif task.kind == LOCALISATION:
            regions += _boxes(path, by_uid, task.structure, len(regions))
    marked += _of_tables(annotations, by_uid)
    if task.kind == LOCALISATION:
        regions += _boxes_of_tables(annotations, by_uid, len(regions))
    places = {(each.source, each.frame) for each in marked}
    places |= {(each.source, each.frame) for each in regions}
    if not places <= stack.places.keys():
        return Found(unfit="is annotated in pictures outside of its plane or volume")
    if marked:
        regions += _masks(stack, marked, len(regions), apart=task.kind == LOCALISATION)
    return Found(tuple(regions))


def _of_tables(annotations: Annotations, grids: Mapping[str, Grid]) -> Iterator[Marked]:
    """Masks of tables, as of one segment; raise AnnotationError for one that leaves its picture."""
    for uid, grid in grids.items():
        for region in annotations.of_picture.get(uid, ()):
            if region.box is None:
                shape = (grid.rows, grid.columns)
                try:
                    mask = painted(read_runs(region.runs, grid.rows * grid.columns), shape)
                except RunsError as error:
                    raise AnnotationError(f"a table gives a mask of {uid}: {error}") from None
                yield Marked(uid, region.frame, 1, mask)


def _boxes_of_tables(
    annotations: Annotations, grids: Mapping[str, Grid], before: int
) -> Iterator[Region]:
    """Boxes of tables, each a lesion of its own."""
    for uid, grid in grids.items():
        for region in annotations.of_picture.get(uid, ()):
            if region.box is None:
                continue
            x, y, width, height = region.box
            if x + width > grid.columns or y + height > grid.rows:
                raise AnnotationError(
                    f"a table gives a box from {x:g}, {y:g} of {width:g} x {height:g} pixels for "
                    f"{uid}, which has {grid.columns} columns and {grid.rows} rows; correct it"
                )
            before += 1
            yield replace(region, lesion=before)


def _boxes(path: Path, grids: Mapping[str, Grid], structure: str, before: int) -> Iterator[Region]:
    for each in read_report(path, grids, structure):
        yield Region(each.source, each.frame, before + each.lesion, box=each.box)


def _masks(stack: Stack, marked: Sequence[Marked], before: int, *, apart: bool) -> Iterator[Region]:
    whole = stack.empty()
    for each in marked:
        whole[stack.places[each.source, each.frame]] |= each.mask
    numbers: NDArray[np.int32] = whole.astype(np.int32)
    if apart:
        numbers, _ = label(whole, structure=generate_binary_structure(3, 3))
    for (source, frame), place in sorted(stack.places.items(), key=lambda item: item[1]):
        for lesion in np.unique(numbers[place]).tolist():
            if lesion:
                mask = numbers[place] == lesion
                yield Region(source, frame, before + lesion, runs=runs_of(mask))


__all__ = ["AnnotationError", "Annotations", "Found", "regions_of"]
