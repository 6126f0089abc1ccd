"""Checks a Gen3 download against its manifest, and lays out the files that are as it says.

The manifest is the JSON that a commons' portal gives for gen3-client: a list of objects with
``object_id``, ``file_name``, ``md5sum`` and ``file_size`` (or ``md5`` and ``size``). The client
names files by file name, by object id, or by both (``ID_NAME``). MIDRC packs a series as a zip
archive, which is unpacked here.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
import shutil
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from cohort_selection.atomic_files import replaced, write_bytes
from cohort_selection.sources.source import Source, SourceError, counted

_ZIP = b"PK\x03\x04"
_MD5 = re.compile(r"[0-9a-f]{32}")
_FORM = "give the JSON manifest that the commons' portal makes for gen3-client"
_LEFT_OUT = "left-out.csv"
_CHECKED = "checked.csv"
_UNPACKED = ".unpacked"


@dataclass(frozen=True, slots=True)
class Listed:
    """One file of a manifest; an empty digest and a size of None are not given."""

    object_id: str
    file_name: str
    md5: str
    size: int | None

    def places(self, namesakes: int) -> Iterator[str]:
        """Where gen3-client may have put it; ``namesakes`` files of the manifest have its name."""
        if self.file_name:
            yield self.file_name
            yield f"{self.object_id}_{self.file_name}"
            name = PurePosixPath(self.file_name)
            yield from (
                str(name.with_name(f"{name.stem}_{count}{name.suffix}"))
                for count in range(2, namesakes + 1)
            )
        yield self.object_id


def read_manifest(path: Path) -> list[Listed]:
    """The files of a manifest, each object once.

    Raises ``SourceError`` where it is no manifest, or gives one object two digests.
    """
    try:
        rows = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise SourceError(f"{path.name} is no JSON; {_FORM}") from error
    if not isinstance(rows, list) or not rows:
        raise SourceError(f"{path.name} is no list of files; {_FORM}")
    found: dict[str, Listed] = {}
    for number, row in enumerate(rows, 1):
        listed = _listed(f"{path.name} entry {number}", row)
        if found.setdefault(listed.object_id, listed) != listed:
            raise SourceError(
                f"{path.name} entry {number}: {listed.object_id} is listed twice, with two names, "
                "sizes or digests; ask the portal for a new manifest"
            )
    return list(found.values())


def _listed(place: str, row: object) -> Listed:
    if not isinstance(row, dict):
        raise SourceError(f"{place} is no object; {_FORM}")
    object_id = str(row.get("object_id") or row.get("guid") or "").strip()
    if not object_id:
        raise SourceError(f"{place} has no object_id; {_FORM}")
    md5 = str(row.get("md5sum") or row.get("md5") or "").strip().lower()
    size = next((row[key] for key in ("file_size", "size") if row.get(key) is not None), None)
    if md5 and not _MD5.fullmatch(md5):
        raise SourceError(f"{place}: md5sum is {md5[:40]!r}; expected 32 hexadecimal digits")
    if size is not None and not str(size).isdecimal():
        raise SourceError(f"{place}: file_size is {size!r}; expected a number of bytes")
    name = str(row.get("file_name") or "").strip()
    return Listed(object_id, name, md5, None if size is None else int(size))


def opened(
    manifest: Path,
    downloads: Path,
    store: Path,
    *,
    progress: Callable[[int, int], None] | None = None,
) -> Source:
    """Check every file of a manifest and lay those that hold out in the folder ``store``.

    A missing or differing file is left out, told and listed. Zip archives are unpacked, other files
    are linked. A file with the size and time that it had when it was checked is not read again.

    Raises ``SourceError`` where the manifest cannot be read or no file of it holds.
    """
    if not downloads.is_dir():
        raise SourceError(f"{downloads} is no folder; give that of the download with --downloads")
    listed = read_manifest(manifest)
    store.mkdir(parents=True, exist_ok=True, mode=0o700)
    images = store / "images"
    images.mkdir(exist_ok=True)
    checks = _Checks(store / _CHECKED)
    namesakes = Counter(each.file_name for each in listed)
    left_out: list[tuple[str, str, str]] = []
    kept: set[str] = set()
    try:
        for done, each in enumerate(listed, 1):
            name = _folder_name(each.object_id)
            why = _lay_out(each, namesakes[each.file_name], downloads, images / name, checks)
            if why:
                left_out.append((each.object_id, each.file_name, why))
            else:
                kept.add(name)
            if progress is not None:
                progress(done, len(listed))
    finally:
        checks.write()
    removed = _remove_others(images, kept)
    return _source(manifest, listed, left_out, removed, store)


def _source(
    manifest: Path,
    listed: list[Listed],
    left_out: list[tuple[str, str, str]],
    removed: int,
    store: Path,
) -> Source:
    said = [f"{manifest.name}: {counted(len(listed) - len(left_out), 'file')} of "
            f"{len(listed):,} as listed"]  # fmt: skip
    if not all(each.md5 for each in listed):
        said.append(f"{counted(sum(not e.md5 for e in listed), 'file')} listed without a digest")
    table = store / _LEFT_OUT
    if left_out:
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerows([("object_id", "file_name", "reason"), *left_out])
        write_bytes(table, text.getvalue().encode())
        for why, number in Counter(why for _, _, why in left_out).most_common():
            first = next(name or object_id for object_id, name, w in left_out if w == why)
            said.append(f"{number:,} {why}, as {first}")
        said.append(f"download these again; all are listed in {table}")
    else:
        table.unlink(missing_ok=True)
    if removed:
        said.append(f"{removed:,} of an earlier run indexed no more")
    if len(left_out) == len(listed):
        raise SourceError("; ".join(said))
    return Source(store / "images", ("; ".join(said),))


def _lay_out(listed: Listed, namesakes: int, downloads: Path, target: Path, checks: _Checks) -> str:
    """Put one file where the index reads it; why not, empty where it was put."""
    why = "missing"
    for place in listed.places(namesakes):
        path = _below(downloads, place)
        if path is None or not path.is_file():
            continue
        why = checks.differs(path, listed)
        if not why:
            return _unpack(path, target, listed) if _is_zip(path) else _link(path, target)
    return "" if why == "missing" and listed.md5 and _unpacked(target) == listed.md5 else why


def _unpacked(target: Path) -> str:
    """The digest of the archive whose members lie here; empty where there is none."""
    mark = target / _UNPACKED
    return mark.read_text() if mark.is_file() else ""


def _below(folder: Path, place: str) -> Path | None:
    """A file of the download; None for a name that leads out of it."""
    parts = PurePosixPath(place).parts
    if not parts or PurePosixPath(place).is_absolute() or ".." in parts or "\0" in place:
        return None
    return folder / place


def _folder_name(object_id: str) -> str:
    return re.sub(r"[^A-Za-z0-9_-]", "_", object_id)[:120] + "-" + _short(object_id)


def _short(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:8]


def _is_zip(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) == _ZIP


def _link(path: Path, target: Path) -> str:
    if target.is_symlink() and target.readlink() == path.resolve():
        return ""
    if target.is_dir() and not target.is_symlink():
        shutil.rmtree(target)
    target.unlink(missing_ok=True)
    target.symlink_to(path.resolve())
    return ""


def _unpack(path: Path, target: Path, listed: Listed) -> str:
    """Unpack an archive whole or not at all; its members get names of ours."""
    state = listed.md5 or f"{path.stat().st_size} {path.stat().st_mtime_ns}"
    if _unpacked(target) == state:
        return ""
    if target.is_symlink():
        target.unlink()
    try:
        with replaced(target, durable=False) as fresh, zipfile.ZipFile(path) as archive:
            for number, member in enumerate(archive.infolist()):
                parts = PurePosixPath(member.filename).parts
                if member.is_dir() or any(part.startswith((".", "__MACOSX")) for part in parts):
                    continue
                ending = re.sub(r"[^A-Za-z0-9._-]", "_", parts[-1])[-100:].lstrip(".")
                with (
                    archive.open(member) as packed,
                    (fresh / f"{number:06d}-{ending}").open("wb") as file,
                ):
                    shutil.copyfileobj(packed, file, 1 << 20)
            (fresh / _UNPACKED).write_text(state)
    except (zipfile.BadZipFile, RuntimeError, NotImplementedError, zlib.error, EOFError):
        return "zip archives that cannot be unpacked"
    return ""


def _remove_others(images: Path, kept: set[str]) -> int:
    """Remove what was laid out and is not of this manifest; the download itself stays."""
    others = [path for path in images.iterdir() if path.name not in kept]
    for path in others:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
    return sum(1 for path in others if not path.name.startswith("."))


class _Checks:
    """The digests of files that were read, by path, size and time of modification."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known: dict[tuple[str, str, str], str] = {}
        self._used: dict[tuple[str, str, str], str] = {}
        if path.is_file():
            with path.open(newline="", encoding="utf-8", errors="surrogateescape") as file:
                self._known = {
                    (name, size, modified): md5
                    for name, size, modified, md5 in (
                        row for row in csv.reader(file) if len(row) == 4
                    )
                }

    def differs(self, path: Path, listed: Listed) -> str:
        """How a file differs from what the manifest says; empty where it does not."""
        found = path.stat()
        if listed.size is not None and found.st_size != listed.size:
            return "of another size"
        if not listed.md5:
            return ""
        key = (str(path.resolve()), str(found.st_size), str(found.st_mtime_ns))
        md5 = self._known.get(key) or _md5(path)
        self._used[key] = md5
        return "" if md5 == listed.md5 else "with another MD5"

    def write(self) -> None:
        """Keep them for the next run."""
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows(
            (*key, md5) for key, md5 in sorted(self._used.items())
        )
        write_bytes(self._path, text.getvalue().encode("utf-8", "surrogateescape"))


def _md5(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
