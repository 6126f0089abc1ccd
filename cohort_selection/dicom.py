"""DICOM headers to studies: what is in a folder, and what is wrong with the rest."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from cohort_selection.header import Header, Quarantined, read_header

__all__ = ["EmptyCommons", "Quarantined", "Study", "group", "index"]


class EmptyCommons(ValueError):
    """The folder holds no readable DICOM image."""


@dataclass(frozen=True, slots=True)
class Study:
    """One imaging study as its headers describe it."""

    study_uid: str
    patient_id: str
    modality: str
    body_part: str
    description: str
    loinc: str
    manufacturer: str
    view: str
    acquired: str
    sex: str
    age: int | None
    files: tuple[Path, ...]


def index(
    root: Path, *, progress: Callable[[int, int], None] | None = None
) -> tuple[list[Study], list[Quarantined]]:
    """Read the header of every file under ``root`` and group the images into studies.

    No pixel is decoded, and no file stops the run: one that cannot be used is returned with the
    reason.  The result does not depend on the order in which the file system lists its files.
    ``progress`` is called with the files read and the files there are.

    Raises ``EmptyCommons`` where no image can be used.
    """
    if not root.is_dir():
        raise EmptyCommons(
            f"{root} is {'a file' if root.exists() else 'not there'}; "
            "give the folder that holds the DICOM files"
        )
    paths = sorted(_files(root.resolve()))
    if not paths:
        raise EmptyCommons(f"{root} is an empty folder; expected DICOM files in it or below it")
    headers: list[Header] = []
    quarantined: list[Quarantined] = []
    for done, path in enumerate(paths, start=1):
        found = read_header(path)
        if isinstance(found, Header):
            headers.append(found)
        else:
            quarantined.append(found)
        if progress is not None:
            progress(done, len(paths))
    studies, disagreeing = group(headers)
    quarantined += disagreeing
    quarantined.sort(key=lambda item: item.path)
    if not studies:
        raise EmptyCommons(
            f"{root} holds no usable DICOM image among its {len(paths)} files; "
            f"the first, {quarantined[0].path.name}, is out because: {quarantined[0].reason}"
        )
    return studies, quarantined


def group(headers: list[Header]) -> tuple[list[Study], list[Quarantined]]:
    """Gather headers into studies, ordered by study UID; files that contradict others stay out.

    Out go every file of a study that names two patients, every file whose instance UID stands in
    two studies, and all but the first (by path) of the copies of one instance in a study.
    """
    quarantined: list[Quarantined] = []
    by_study: dict[str, list[Header]] = defaultdict(list)
    studies_of: dict[str, set[str]] = defaultdict(set)
    for header in sorted(headers, key=lambda header: header.path):
        by_study[header.study_uid].append(header)
        studies_of[header.instance_uid].add(header.study_uid)
    studies: list[Study] = []
    for study_uid in sorted(by_study):
        members = by_study[study_uid]
        patients = {header.patient_id for header in members}
        if len(patients) > 1:
            reason = (
                f"its StudyInstanceUID stands under {len(patients)} different PatientIDs; "
                "a study has one patient"
            )
            quarantined += [Quarantined(header.path, reason) for header in members]
            continue
        first_copy: dict[str, Header] = {}
        for header in members:
            if len(studies_of[header.instance_uid]) > 1:
                quarantined.append(
                    Quarantined(
                        header.path,
                        "its SOPInstanceUID stands in two studies; an image belongs to one",
                    )
                )
            elif header.instance_uid in first_copy:
                kept = first_copy[header.instance_uid].path
                quarantined.append(
                    Quarantined(
                        header.path,
                        f"a copy of {kept.name} (same SOPInstanceUID); the first by path is kept",
                    )
                )
            else:
                first_copy[header.instance_uid] = header
        if first_copy:
            studies.append(_study(list(first_copy.values())))
    return studies, quarantined


def _study(members: list[Header]) -> Study:
    def first(values: Iterator[str]) -> str:
        return next((value for value in values if value), "")

    def every(values: Iterator[str]) -> str:
        return ",".join(sorted({value for value in values if value}))

    sexes = {header.sex for header in members} - {"Not Reported"}
    ages = [header.age for header in members if header.age is not None]
    return Study(
        study_uid=members[0].study_uid,
        patient_id=members[0].patient_id,
        modality=every(header.modality for header in members),
        body_part=every(header.body_part for header in members),
        description=first(header.description for header in members),
        loinc=first(header.loinc for header in members),
        manufacturer=first(header.manufacturer for header in members),
        view=every(header.view for header in members),
        acquired=min((header.acquired for header in members if header.acquired), default=""),
        sex=sexes.pop() if len(sexes) == 1 else "Not Reported",
        age=min(ages, default=None),
        files=tuple(header.path for header in members),
    )


def _files(root: Path) -> Iterator[Path]:
    """Every regular file below ``root``, hidden ones and the system's own litter left out."""
    for folder, folders, names in os.walk(root):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in names:
            if not name.startswith(".") and name not in {"Thumbs.db", "desktop.ini"}:
                yield Path(folder, name)
