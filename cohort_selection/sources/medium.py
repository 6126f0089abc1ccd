"""Reads the table of contents of a DICOM medium (PS3.10 chapter 8, PS3.3 annex F)."""

from __future__ import annotations

import warnings
from pathlib import Path

import pydicom
from pydicom.config import disable_value_validation

from cohort_selection.sources.source import SourceError


def dicomdir_of(root: Path) -> Path | None:
    """The DICOMDIR of a folder, however a mount writes its name; None where there is none."""
    for path in sorted(root.iterdir()) if root.is_dir() else ():
        if plain_name(path.name) == "DICOMDIR" and path.is_file():
            return path
    return None


def plain_name(place: str) -> str:
    """A place as a DICOMDIR writes it: capitals, without the version that ISO 9660 adds."""
    return place.upper().removesuffix(";1").removesuffix(".")


def listed_files(contents: Path) -> set[str]:
    """The places of all files that a DICOMDIR lists.

    Raises ``SourceError`` where it cannot be read.
    """
    try:
        with warnings.catch_warnings(), disable_value_validation():
            warnings.simplefilter("ignore")
            records = pydicom.dcmread(contents).get("DirectoryRecordSequence", [])
            parts = [record.get("ReferencedFileID") for record in records]
            return {
                plain_name("/".join([part] if isinstance(part, str) else part))
                for part in parts
                if part
            }
    except OSError:
        raise
    except Exception as error:
        # pydicom promises no closed list of errors for a damaged file.
        raise SourceError(
            f"{contents} cannot be read as a DICOMDIR ({type(error).__name__}); remove it, and the "
            "folder is read as any other"
        ) from error
