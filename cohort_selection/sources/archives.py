"""Names the storage folder of a known archive, and leaves out what is no image of it there.

An archive is known by how its folder is laid out, and by nothing else: no program of it is asked,
no database is read. What is not a known attachment goes to the index as in any folder.

Layouts: the Orthanc book, "How does Orthanc store its database?"; dcm4chee-arc's default
``dcmStoragePathFormat``; RSNA's CTP, ``org.rsna.ctp.stdstages.storage``; XNAT's "archive directory
structure"; for media DICOM PS3.10, chapter 8.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from enum import StrEnum
from itertools import islice
from pathlib import Path

from cohort_selection.dicom.studies import File, files_below
from cohort_selection.sources.linked_folder import link_files
from cohort_selection.sources.medium import dicomdir_of, listed_files, plain_name
from cohort_selection.sources.source import Source, SourceError, counted, examples

_LOOKED_AT = 400
"""Files at the beginning of a folder by whose places an archive is known."""


class Archive(StrEnum):
    """An archive whose storage folder is known."""

    ORTHANC = "Orthanc's storage"
    DCM4CHEE = "dcm4chee's storage"
    CTP = "the storage of RSNA's CTP"
    XNAT = "XNAT's archive"
    MEDIUM = "a DICOM medium with its DICOMDIR"


_ATTACHED = r"([0-9a-f]{2})/([0-9a-f]{2})/\1\2[0-9a-f]{4}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_DATABASE = r"index(?:-\w+)?"
_PLACES = {
    Archive.ORTHANC: rf"{_ATTACHED}|{_DATABASE}",
    Archive.DCM4CHEE: r"(?:.*/)?[0-9]{4}/[0-9]{1,2}/[0-9]{1,2}(?:/[0-9]{1,2})?(?:/[0-9A-F]{8}){3}",
    Archive.CTP: r"(?:.*/)?(?:FO-[^/]+|__index\.xml)",
    Archive.XNAT: r"(?:.*/)?SCANS/[^/]+/.+",
}
_MARKS = {
    Archive.ORTHANC: _ATTACHED,
    Archive.DCM4CHEE: _PLACES[Archive.DCM4CHEE],
    Archive.CTP: r"(?:.*/)?__index\.xml",
    Archive.XNAT: r".*_catalog\.xml",
}
"""The place of a file that no other folder has."""

_COMPRESSED = "files that Orthanc compressed"
_MENDED = (
    " (StorageCompression): they cannot be read where they lie. Index Orthanc's DICOMweb address "
    "instead, or unpack them with OrthancRecoverCompressedFile"
)


def recognised(root: Path) -> Archive | None:
    """Which archive's storage a folder is, by the places of its first files; None for no known."""
    if dicomdir_of(root) is not None:
        return Archive.MEDIUM
    files = islice(files_below(root), _LOOKED_AT)
    places = [file.path.relative_to(root).as_posix() for file in files]
    for archive, layout in _PLACES.items():
        fitting = sum(1 for place in places if re.fullmatch(layout, place))
        marked = any(re.fullmatch(_MARKS[archive], place) for place in places)
        if marked and 2 * fitting > len(places):
            return archive
    return None


def opened(root: Path, links: Path) -> Source:
    """A folder as a source: known archives by their name, every other folder as it is.

    Where an archive keeps other things beside its images, links to the images are written into
    ``links``. Raises ``SourceError`` where nothing is left to index.
    """
    if root.is_file() and plain_name(root.name) == "DICOMDIR":
        root = root.parent
    archive = recognised(root)
    if archive is None:
        return Source(root)
    root = root.resolve()
    if archive is Archive.DCM4CHEE:
        return Source(root, (f"{root} is {archive}; every file of it is indexed",))
    left_out: Counter[str] = Counter()
    told: list[str] = []
    chosen = _of_medium(root, left_out, told) if archive is Archive.MEDIUM else None
    why = chosen or _ATTACHMENTS[archive]
    count = link_files(links, _chosen(root, why, left_out))
    compressed = left_out.pop(_COMPRESSED, 0)
    if compressed:
        told.append(f"{compressed:,} {_COMPRESSED}{_MENDED}")
    if left_out:
        told.append("left out: " + ", ".join(f"{n:,} {what}" for what, n in left_out.most_common()))
    said = f"{root} is {archive}: {counted(count, 'file')} to index"
    if not count:
        raise SourceError("; ".join([said, *told]))
    return Source(links, (said, *told))


def _chosen(
    root: Path, why: Callable[[str, Path], str], left_out: Counter[str]
) -> Iterator[tuple[str, Path]]:
    """Place and path of each file to index; the others are counted by what they are."""
    for file in files_below(root):
        place = file.path.relative_to(root).as_posix()
        reason = "that cannot be read" if _is_unreadable(file) else why(place, file.path)
        if reason:
            left_out[reason] += 1
        else:
            yield place, file.path


def _is_unreadable(file: File) -> bool:
    return file.problem is not None and not file.path.is_file()


# What is left out of each archive, by place and first bytes: what it is, empty for an image


def _of_orthanc(place: str, path: Path) -> str:
    if re.fullmatch(_DATABASE, place):
        return "files of Orthanc's database"
    head = _head(path)
    if _is_dicom(head):
        return ""
    if head.lstrip()[:1] in (b"{", b"["):
        return "attachments in JSON"
    # Eight bytes with the length, then a zlib stream (RFC 1950: a multiple of 31).
    if len(head) > 10 and head[8] == 0x78 and int.from_bytes(head[8:10], "big") % 31 == 0:
        return _COMPRESSED
    return "other attachments" if re.fullmatch(_ATTACHED, place) else ""


def _of_ctp(place: str, path: Path) -> str:
    name = path.name
    if name.startswith("__") and name.endswith(".xml"):
        return "lists of CTP's own"
    if name.endswith(".jpeg"):
        return "previews"
    if name.startswith("FO-") and not _is_dicom(_head(path)):
        return "objects that are no DICOM"
    return ""


def _of_xnat(place: str, path: Path) -> str:
    if path.name.endswith("catalog.xml"):
        return "catalogs of XNAT's own"
    if "/SNAPSHOTS/" in f"/{place}":
        return "previews"
    of_scan = re.fullmatch(r"(?:.*/)?SCANS/[^/]+/(?:DICOM|secondary)/.+", place)
    return "" if of_scan or _is_dicom(_head(path)) else "resources that are no DICOM"


def _of_medium(root: Path, left_out: Counter[str], told: list[str]) -> Callable[[str, Path], str]:
    contents = dicomdir_of(root)
    assert contents is not None
    listed = listed_files(contents)
    places = {plain_name(file.path.relative_to(root).as_posix()) for file in files_below(root)}
    if missing := sorted(listed - places):
        told.append(
            f"{counted(len(missing), 'file')} of the {len(listed):,} that {contents.name} lists "
            f"not there, as {examples(missing)}"
        )

    def why(place: str, path: Path) -> str:
        if path == contents:
            return "table of contents"
        if plain_name(place) in listed or _is_dicom(_head(path)):
            return ""
        return "files that are no DICOM and not listed, as a viewer's"

    return why


_ATTACHMENTS: dict[Archive, Callable[[str, Path], str]] = {
    Archive.ORTHANC: _of_orthanc,
    Archive.CTP: _of_ctp,
    Archive.XNAT: _of_xnat,
}


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(132)
    except OSError:
        return b""  # the index says why


def _is_dicom(head: bytes) -> bool:
    """As the index sees it: the mark, or a file of before there was one; an unreadable file too."""
    return not head or head[128:132] == b"DICM" or (head[:2] in (b"\2\0", b"\10\0") and not head[3])
