"""The studies of a catalog as objects, in order of their UIDs, for tests that look at a few."""

from __future__ import annotations

from pathlib import Path

from cohort_selection.catalog import catalog
from cohort_selection.catalog.commons import Commons
from cohort_selection.catalog.study_schema import OF_IMAGES
from cohort_selection.dicom.keywords import HEADER_FIELDS
from cohort_selection.dicom.studies import Study


def studies_in(folder: Path) -> tuple[Study, ...]:
    """The studies of the catalog in a folder."""
    return studies_of(catalog.read(folder))


def studies_of(commons: Commons) -> tuple[Study, ...]:
    """The studies of a commons."""
    names = [name for name, _ in OF_IMAGES if name != "images"]
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
