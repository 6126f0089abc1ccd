"""FHIR's ImagingStudy, R4 and R5, as the list of studies and the link to their patients.

Bundles and bulk exports (NDJSON) are read as plain JSON: a resource with a field of a vendor's own
is read as any other, and a date keeps its text and its precision.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import zlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from cohort_selection.atomic_files import write_bytes
from cohort_selection.sources.server import is_uid
from cohort_selection.sources.source import SourceError, counted, examples

_OF_UIDS = "urn:dicom:uid"
_OID = "urn:oid:"
_WITHDRAWN = frozenset({"cancelled", "entered-in-error"})
_MOST_COMPARED = 3

Resource = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class ImagingStudy:
    """One study of the list; ``patients`` are all ids that its subject is known by."""

    study_uid: str
    patients: tuple[str, ...]
    started: str
    """Date or time as it is written, with the precision it has."""


@dataclass(frozen=True, slots=True)
class StudyList:
    """The studies of FHIR files by UID, and what was odd about them."""

    studies: Mapping[str, ImagingStudy]
    notes: tuple[str, ...]


def read(*paths: Path) -> StudyList:
    """Read the ImagingStudy and Patient resources of all files together.

    Raises ``SourceError`` where a file is no FHIR in JSON, no study is in them, or one study has
    two subjects.
    """
    resources = [pair for path in paths for pair in _resources(path)]
    patients = _patients(resources)
    found: dict[str, ImagingStudy] = {}
    withdrawn = nameless = 0
    for _, resource in resources:
        if resource.get("resourceType") != "ImagingStudy":
            continue
        uid = _study_uid(resource)
        if resource.get("status") in _WITHDRAWN:
            withdrawn += 1
            continue
        if not uid:
            nameless += 1
            continue
        study = ImagingStudy(uid, _subject(resource, patients), _text(resource.get("started")))
        known = found.setdefault(uid, study)
        if not set(known.patients) & set(study.patients) and known.patients and study.patients:
            raise SourceError(
                f"study {uid} has two subjects, {known.patients[0]!r} and {study.patients[0]!r}; "
                "correct one of its ImagingStudy resources"
            )
        if known != study:
            merged = tuple(dict.fromkeys((*known.patients, *study.patients)))
            found[uid] = replace(known, patients=merged, started=known.started or study.started)
    if not found:
        names = ", ".join(path.name for path in paths)
        raise SourceError(
            f"{names}: no ImagingStudy with a study UID (an identifier of the system {_OF_UIDS})"
        )
    return StudyList(found, tuple(_odd(withdrawn, nameless, resources)))


def _odd(withdrawn: int, nameless: int, resources: Sequence[tuple[str, Resource]]) -> Iterator[str]:
    if withdrawn:
        yield f"{counted(withdrawn, 'ImagingStudy')} cancelled or entered in error, left out"
    if nameless:
        yield f"{counted(nameless, 'ImagingStudy')} without a study UID, left out"
    if any(resource.get("resourceType") == "Bundle" for _, resource in resources):
        yield (
            "a bundle has a next page that is not read here; fetch all pages and give each with "
            "--fhir"
        )


# Reading files


def _resources(path: Path) -> Iterator[tuple[str, Resource]]:
    """Address and content of each resource; of a bundle with a next page, the bundle too."""
    for document in _documents(path):
        if document.get("resourceType") != "Bundle":
            yield "", document
            continue
        if any(link.get("relation") == "next" for link in _objects(document.get("link"))):
            yield "", {"resourceType": "Bundle"}
        for entry in _objects(document.get("entry")):
            resource = entry.get("resource")
            if isinstance(resource, dict):
                yield _text(entry.get("fullUrl")), resource


def _documents(path: Path) -> Iterator[Resource]:
    """The one object of a JSON file, or the object of each line of NDJSON."""
    try:
        data = path.read_bytes()
        text = (gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data).decode("utf-8-sig")
    except (gzip.BadGzipFile, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise SourceError(
            f"{path.name} is no text in UTF-8; give FHIR as JSON or NDJSON"
        ) from error
    try:
        whole = [json.loads(text, parse_float=str)]
    except (ValueError, RecursionError):
        whole = [_line(path, number, line) for number, line in _lines(text)]
    for document in whole:
        if not isinstance(document, dict) or "resourceType" not in document:
            raise SourceError(
                f"{path.name} is no FHIR: no resourceType; give a Bundle or NDJSON of resources"
            )
        yield document


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """Lines by their number; they end at line feeds alone, as JSON may hold other marks."""
    return ((number, line) for number, line in enumerate(text.split("\n"), 1) if line.strip())


def _line(path: Path, number: int, line: str) -> object:
    try:
        return json.loads(line, parse_float=str)
    except (ValueError, RecursionError) as error:
        raise SourceError(
            f"{path.name} line {number} is no JSON; give a Bundle, or NDJSON with a resource a line"
        ) from error


# What resources say


def _study_uid(resource: Resource) -> str:
    for identifier in _objects(resource.get("identifier")):
        text = _text(identifier.get("value")).removeprefix(_OID)
        if identifier.get("system") == _OF_UIDS and is_uid(text):
            return text
    for identifier in _objects(resource.get("identifier")):
        text = _text(identifier.get("value"))
        if text.startswith(_OID) and is_uid(text.removeprefix(_OID)):
            return text.removeprefix(_OID)
    return ""


def _patients(resources: Sequence[tuple[str, Resource]]) -> dict[str, tuple[str, ...]]:
    """The ids of each Patient, by all references that may name it."""
    found: dict[str, tuple[str, ...]] = {}
    for address, resource in resources:
        if resource.get("resourceType") != "Patient":
            continue
        own = _text(resource.get("id"))
        ids = tuple(dict.fromkeys([*_identifiers(resource), *([own] if own else [])]))
        for reference in (address, f"Patient/{own}" if own else ""):
            if reference:
                found[reference] = ids
    return found


def _subject(resource: Resource, patients: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    """Every id of a study's subject: of the reference, of its Patient, of the identifier."""
    subject = resource.get("subject")
    if not isinstance(subject, dict):
        return ()
    reference = _text(subject.get("reference")).partition("/_history/")[0]
    ids = _identifiers({"identifier": [subject.get("identifier")]})
    if reference.startswith("#"):
        contained = _objects(resource.get("contained"))
        ids += [i for each in contained if f"#{each.get('id')}" == reference
                for i in _identifiers(each)]  # fmt: skip
    elif reference:
        *_, kind, own = ("", *reference.split("/"))
        plain = f"{kind}/{own}"
        ids += patients.get(reference, patients.get(plain, ()))
        if kind == "Patient":
            ids.append(own)
    return tuple(dict.fromkeys(ids))


def _identifiers(resource: Resource) -> list[str]:
    values = (_text(each.get("value")) for each in _objects(resource.get("identifier")))
    return [value for value in values if value]


def _objects(value: object) -> list[Resource]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _text(value: object) -> str:
    return value.strip() if isinstance(value, str) else ""


# What the list is for


def write_links(
    listed: StudyList, known: Collection[str], named: Mapping[str, str], path: Path
) -> tuple[str, ...]:
    """Write the clinical table that gives each study its patient, as the tables call that one.

    ``known`` are the patients of the clinical tables, ``named`` those that the tables give a study
    themselves, which stay. Gives what could not be linked.
    """
    linked: dict[str, ImagingStudy] = {}
    nobody: list[str] = []
    several: list[str] = []
    for uid, study in sorted(listed.studies.items()):
        those = [patient for patient in study.patients if patient in known]
        if uid in named:
            linked[uid] = replace(study, patients=(named[uid],))
        elif len(those) == 1:
            linked[uid] = replace(study, patients=(those[0],))
        else:
            (several if those else nobody).append(uid)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["patient_id", "study_uid", "imaging_study_started"])
    writer.writerows((s.patients[0], uid, s.started) for uid, s in linked.items())
    write_bytes(path, text.getvalue().encode())
    notes = [f"FHIR lists {counted(len(listed.studies), 'study', 'studies')}; {len(linked):,} "
             "linked to a patient of the clinical tables"]  # fmt: skip
    if nobody:
        notes.append(
            f"the subject of {counted(len(nobody), 'study', 'studies')}, as {nobody[0]}, is no "
            "patient of the clinical tables"
        )
    if several:
        notes.append(
            f"the subject of {counted(len(several), 'study', 'studies')}, as {several[0]}, is "
            "several patients of the clinical tables; not linked"
        )
    return (*notes, *listed.notes)


def compared(listed: StudyList, present: Collection[str]) -> tuple[str, ...]:
    """Which studies are listed and not among the images, and the reverse."""
    there = set(present)
    absent = sorted(listed.studies.keys() - there)
    unlisted = sorted(there - listed.studies.keys())
    notes = []
    if absent:
        notes.append(
            f"{counted(len(absent), 'study', 'studies')} of {len(listed.studies):,} that FHIR "
            f"lists not among the images: {examples(absent, _MOST_COMPARED)}"
        )
    if unlisted:
        notes.append(
            f"{counted(len(unlisted), 'study', 'studies')} of {len(there):,} among the images that "
            f"FHIR does not list: {examples(unlisted, _MOST_COMPARED)}"
        )
    return tuple(notes)
