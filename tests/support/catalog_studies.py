"""The content of a catalog as objects, for tests that look at a few studies."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cohort_selection.catalog import catalog
from cohort_selection.dicom.keywords import HEADER_FIELDS
from cohort_selection.dicom.studies import Quarantined, Study
from cohort_selection.study_table.commons import Commons
from cohort_selection.study_table.schema import OF_STUDY


def studies_in(folder: Path) -> tuple[Study, ...]:
    """The studies of the catalog in a folder."""
    return studies_of(catalog.read(folder))


def studies_of(commons: Commons) -> tuple[Study, ...]:
    """The studies of a commons, in order of their UIDs."""
    names = [name for name, _ in OF_STUDY]
    rows = commons.columns([*names, *HEADER_FIELDS]).to_pylist()
    found = [
        Study(
            **{
                **{name: row[name] for name in names},
                "files": tuple(map(Path, row["files"])),
                "doubts": tuple(row["doubts"]),
                "fields": {
                    name: tuple(row[name]) for name in HEADER_FIELDS if row[name] is not None
                },
            }
        )
        for row in rows
    ]
    return tuple(sorted(found, key=lambda study: study.study_uid))


@dataclass(frozen=True, slots=True)
class Content:
    """The studies of a catalog in order of their UIDs, and the files that were kept out."""

    studies: tuple[Study, ...]
    quarantined: tuple[Quarantined, ...]


def content(folder: Path) -> Content:
    """Everything in the catalog of a folder but what clinical tables say."""
    return Content(studies_in(folder), tuple(catalog.read_quarantine(folder)))
