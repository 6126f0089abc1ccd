"""Reads a folder of DICOM files to studies; keeps faulty files apart."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from pathlib import Path
from stat import S_ISREG

from cohort_selection.dicom import doubts as header_doubts
from cohort_selection.dicom.header import Header, Quarantined, read_header
from cohort_selection.dicom.keywords import HEADER_FIELDS

__all__ = ["EmptyCommons", "File", "Quarantined", "Study", "files_below", "index", "one_study"]


class EmptyCommons(ValueError):
    """The folder holds no readable DICOM image."""


@dataclass(frozen=True, slots=True)
class Study:
    """One imaging study as its headers describe it.

    ``fields`` are the distinct values of each header field over the study's images. ``born`` tells
    two birth dates apart; ``doubts`` are values of ``header_doubts.Doubt``. ``loinc`` and what
    follows from the code may come from elsewhere than the headers: see ``harmonisation``.
    """

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
    fields: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    loinc_name: str = ""
    loinc_method: str = ""
    loinc_system: str = ""
    loinc_contrast: str = ""
    born: str = ""
    doubts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class File:
    """A file of the commons: where, its size and times, and why it cannot even be opened.

    ``key`` orders files as their folders do: the path below the root in bytes, NUL for slash.
    ``state`` is size, time of modification and time of change (ns); equal means unchanged.
    """

    key: bytes
    path: Path
    state: tuple[int, int, int]
    problem: str | None = None


def index(
    root: Path, *, progress: Callable[[int, int], None] | None = None
) -> tuple[list[Study], list[Quarantined]]:
    """Read the header of every file under ``root`` and group the images into studies.

    No pixel is decoded, and no file stops the run: one that cannot be used is returned with the
    reason.  The result does not depend on the order in which the file system lists its files.
    ``progress`` is called with the files read and the files there are.

    Raises ``EmptyCommons`` where no image can be used.
    """
    refuse_no_folder(root)
    files = list(files_below(root.resolve()))
    headers: list[Header] = []
    quarantined: list[Quarantined] = []
    for done, file in enumerate(files, start=1):
        found = read_file(file)
        if isinstance(found, Header):
            headers.append(found)
        else:
            quarantined.append(found)
        if progress is not None:
            progress(done, len(files))
    studies, disagreeing = _group(headers)
    quarantined += disagreeing
    quarantined.sort(key=lambda item: item.path)
    if not studies:
        raise no_image(root, len(files), next(iter(quarantined), None))
    return studies, quarantined


def refuse_no_folder(root: Path) -> None:
    """Raise ``EmptyCommons`` where ``root`` is no folder."""
    if not root.is_dir():
        raise EmptyCommons(
            f"{root} is {'a file' if root.exists() else 'not there'}; "
            "give the folder that holds the DICOM files"
        )


def no_image(root: Path, n_files: int, first: Quarantined | None) -> EmptyCommons:
    """The error that says why no study came of a folder."""
    if first is None:
        return EmptyCommons(f"{root} is an empty folder; expected DICOM files in it or below it")
    return EmptyCommons(
        f"{root} holds no usable DICOM image among its {n_files} files; "
        f"the first, {first.path.name}, is out because: {first.reason}"
    )


def read_file(file: File) -> Header | Quarantined:
    """The header of one file, or why there is none."""
    if file.problem is not None:
        return Quarantined(file.path, file.problem)
    return read_header(file.path)


def files_below(root: Path) -> Iterator[File]:
    """Every file below ``root`` in the order of the paths, hidden ones and litter left out.

    Folders that cannot be listed come as files with a problem.  Links to folders are not followed.
    """
    for key, size, modified, changed, problem in entries_below(root):
        yield File(key, root / os.fsdecode(below(key)), (size, modified, changed), problem)


def below(key: bytes) -> bytes:
    """The path below the root that a file's key stands for."""
    return key.replace(b"\0", b"/")


Entry = tuple[bytes, int, int, int, str | None]
"""Key, size, times of modification and of change and problem of a ``File``."""


def entries_below(root: Path) -> Iterator[Entry]:
    """As ``files_below``, with no object for each file."""
    return _entries(os.fsencode(root), b"")


def count_below(root: Path) -> int:
    """The number of files below ``root``, by the listings of its folders alone."""
    count, folders = 0, [os.fsencode(root)]
    while folders:
        try:
            with os.scandir(folders.pop()) as listed:
                for entry in listed:
                    if entry.name.startswith(b".") or entry.name in _LITTER:
                        continue
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(entry.path)
                    elif entry.is_file(follow_symlinks=False) or _is_file_or_lost(entry):
                        count += 1
        except OSError:
            count += 1  # it comes as one file with a problem
    return count


def _is_file_or_lost(entry: os.DirEntry[bytes]) -> bool:
    try:
        return S_ISREG(entry.stat().st_mode)
    except OSError:
        return True


_LITTER = frozenset({b"Thumbs.db", b"desktop.ini", b"__MACOSX"})


def _entries(folder: bytes, prefix: bytes) -> Iterator[Entry]:
    try:
        with os.scandir(folder) as listed:
            entries = sorted(listed, key=attrgetter("name"))
    except OSError as error:
        problem = f"a folder that cannot be listed: {error.strerror}"
        yield prefix.rstrip(b"\0"), 0, 0, 0, problem
        return
    for entry in entries:
        name = entry.name
        if name.startswith(b".") or name in _LITTER:
            continue
        key = prefix + name
        if entry.is_dir(follow_symlinks=False):
            yield from _entries(entry.path, key + b"\0")
            continue
        undecodable: str | None = None
        try:
            found = entry.stat()
            if not S_ISREG(found.st_mode):
                continue
            if not name.isascii():
                name.decode("utf-8")
        except OSError as error:
            yield key, 0, 0, 0, f"cannot be read: {error.strerror}"
            continue
        except UnicodeDecodeError:
            undecodable = "its name is not UTF-8 text; rename it"
        yield key, found.st_size, found.st_mtime_ns, found.st_ctime_ns, undecodable


def _group(headers: Sequence[Header]) -> tuple[list[Study], list[Quarantined]]:
    """Gather headers into studies, ordered by study UID, and list those that contradict others."""
    by_study: dict[str, list[Header]] = defaultdict(list)
    studies_of: dict[str, set[str]] = defaultdict(set)
    for header in headers:
        by_study[header.study_uid].append(header)
        studies_of[header.instance_uid].add(header.study_uid)
    shared = {instance for instance, studies in studies_of.items() if len(studies) > 1}
    studies: list[Study] = []
    quarantined: list[Quarantined] = []
    for study_uid in sorted(by_study):
        study, out = one_study(by_study[study_uid], shared)
        quarantined += out
        if study is not None:
            studies.append(study)
    return studies, quarantined


def one_study(
    members: Sequence[Header], shared: Container[str]
) -> tuple[Study | None, list[Quarantined]]:
    """The study of these headers, which have one study UID and come in the order of their paths.

    Out go all of them where they name two patients, every one whose instance UID is ``shared``
    with another study, and all but the first of the copies of one instance.
    """
    patients = {header.patient_id for header in members}
    if len(patients) > 1:
        reason = (
            f"its StudyInstanceUID stands under {len(patients)} different PatientIDs; "
            "a study has one patient"
        )
        return None, [Quarantined(header.path, reason) for header in members]
    kept: dict[str, Header] = {}
    out: list[Quarantined] = []
    for header in members:
        if header.instance_uid in shared:
            reason = "its SOPInstanceUID stands in two studies; an image belongs to one"
            out.append(Quarantined(header.path, reason))
        elif header.instance_uid in kept:
            first = kept[header.instance_uid].path.name
            reason = f"a copy of {first} (same SOPInstanceUID); the first by path is kept"
            out.append(Quarantined(header.path, reason))
        else:
            kept[header.instance_uid] = header
    return (_study(list(kept.values())) if kept else None), out


def _study(members: list[Header]) -> Study:
    def first(values: Iterator[str]) -> str:
        return next((value for value in values if value), "")

    def every(values: Iterator[str]) -> str:
        return ",".join(sorted({value for value in values if value}))

    person = header_doubts.of_study(members)
    return Study(
        study_uid=members[0].study_uid,
        patient_id=members[0].patient_id,
        modality=every(header.modality for header in members),
        body_part=every(header.body_part for header in members),
        description=first(header.description for header in members),
        loinc=first(header.loinc for header in members),
        manufacturer=first(header.manufacturer for header in members),
        view=every(header.view for header in members),
        acquired=person.acquired,
        sex=person.sex,
        age=person.age,
        born=person.born,
        doubts=tuple(map(str, person.doubts)),
        files=tuple(header.path for header in members),
        fields=_fields(members),
    )


def _fields(members: Sequence[Header]) -> dict[str, tuple[str, ...]]:
    same = members[0].fields
    if all(header.fields == same for header in members):
        return {name: (text,) for name, text in same.items()}
    names = [name for name in HEADER_FIELDS if any(name in header.fields for header in members)]
    # An image that does not say leaves a field known in part: "" is among its values.
    return {
        name: tuple(sorted({header.fields.get(name, "") for header in members})) for name in names
    }
