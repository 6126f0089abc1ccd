"""Finds the annotations of cases in a commons, and makes regions of them."""

from __future__ import annotations

import warnings
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.config import disable_value_validation
from scipy.ndimage import generate_binary_structure, label

from cohort_selection.cases import Case, Region
from cohort_selection.regions.grids import Grid, GridError, read_grids
from cohort_selection.regions.segmentation_objects import (
    LABEL_MAP,
    SEGMENTATION,
    AnnotationError,
    Marked,
    read_segmentation,
)
from cohort_selection.regions.stacks import Stack, stack_of
from cohort_selection.regions.structured_reports import read_report
from cohort_selection.task.declaration import LOCALISATION, Task
from cohort_selection.task.runs import runs_of

_KEYS = ["SOPClassUID", "StudyInstanceUID"]
_SEGMENTATIONS = (SEGMENTATION, LABEL_MAP)
_REPORTS = "1.2.840.10008.5.1.4.1.1.88."


@dataclass(frozen=True, slots=True)
class Annotations:
    """Segmentations and structured reports of each study, in the order of their paths."""

    of_study: Mapping[str, tuple[tuple[str, Path], ...]]

    @classmethod
    def among(cls, files: Iterable[Path]) -> Annotations:
        """The annotations among ``files``; what is none, or cannot be read, is passed over."""
        found: dict[str, list[tuple[str, Path]]] = defaultdict(list)
        for path in sorted(files):
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
        return cls({study: tuple(each) for study, each in found.items()})


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
    if not {(each.source, each.frame) for each in (*marked, *regions)} <= stack.places.keys():
        return Found(unfit="is annotated in pictures outside of its plane or volume")
    if marked:
        regions += _masks(stack, marked, len(regions), apart=task.kind == LOCALISATION)
    return Found(tuple(regions))


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
