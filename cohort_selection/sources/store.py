"""The folder in which the instances of one server lie, by study and series."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from cohort_selection.atomic_files import locked, sweep, write_bytes, written
from cohort_selection.sources.server import is_uid
from cohort_selection.sources.source import SourceError

_ADDRESS = "address.txt"
_REFUSED = "refused.csv"
_LISTING = ".listing"
_COLUMNS = b"study_uid,series_uid,instance_uid,reason\n"

Refusal = tuple[str, str, str, str]
"""Study, series and instance that were refused, and why."""


class Store:
    """A folder with ``images`` to index, ``withdrawn`` that are at the server no more, and lists.

    Every name in it is a UID of digits and points, so no answer of a server leads out of it.
    """

    def __init__(self, folder: Path) -> None:
        """Take the folder; it need not be there."""
        self.folder = folder
        self.images = folder / "images"
        self.withdrawn = folder / "withdrawn"
        self.refused = folder / _REFUSED
        self.listing = folder / _LISTING

    @contextmanager
    def held(self, address: str) -> Iterator[None]:
        """Keep the store for one run and for one server.

        Raises ``SourceError`` where another run has it, or it has the images of another server.
        """
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.images.mkdir(exist_ok=True)
        with (self.folder / ".lock").open("w") as lock:
            if not locked(lock, wait=False):
                raise SourceError(
                    f"{self.folder}: another run is filling this store; wait for it or end it"
                )
            self._refuse_other_server(address)
            yield

    def _refuse_other_server(self, address: str) -> None:
        told = self.folder / _ADDRESS
        if not told.exists():
            if any(self.images.iterdir()):
                raise SourceError(
                    f"{self.images} has files and no server is named in {told.name} beside it; "
                    "give another folder with --store"
                )
            write_bytes(told, f"{address}\n".encode())
        known = told.read_text("utf-8").strip()
        if known != address:
            raise SourceError(
                f"{self.folder} has the images of {known}; give another folder with --store, or, "
                f"if the server has moved, write its address into {told}"
            )

    def path(self, study: str, series: str, instance: str) -> Path:
        """Where an instance lies, or will; the three must be UIDs."""
        for uid in (study, series, instance):
            if not is_uid(uid):
                raise ValueError(uid)
        return self.images / study / series / f"{instance}.dcm"

    def studies(self) -> Iterator[str]:
        """The studies that have a folder, in any order."""
        with os.scandir(self.images) as entries:
            yield from (entry.name for entry in entries if is_uid(entry.name))

    def instances(self, study: str) -> set[tuple[str, str]]:
        """Series and instance of each whole file; what a killed run had begun is swept away."""
        found: set[tuple[str, str]] = set()
        folder = self.images / study
        for series in folder.iterdir() if folder.is_dir() else ():
            sweep(series)
            found |= {(series.name, path.stem) for path in series.glob("[!.]*.dcm")}
        return found

    def withdraw(self, study: str, series: str, instance: str) -> None:
        """Move an instance out of what is indexed; it is kept."""
        path = self.path(study, series, instance)
        target = self.withdrawn / path.relative_to(self.images)
        target.parent.mkdir(parents=True, exist_ok=True)
        path.replace(target)
        for folder in (path.parent, path.parent.parent):
            if not any(folder.iterdir()):
                folder.rmdir()

    @contextmanager
    def refusals(self) -> Iterator[Callable[[Iterable[Refusal]], None]]:
        """Give what adds refused instances, with the reason, to their list.

        The list stands when the block ends, in whatever way; none does where none was refused.
        """
        ended: BaseException | None = None
        with written(self.refused) as stream:
            stream.write(_COLUMNS)
            try:
                yield lambda rows: _write(stream, rows)
            except BaseException as error:
                ended = error
            empty = stream.tell() == len(_COLUMNS)
        if empty:
            self.refused.unlink()
        if ended is not None:
            raise ended


def _write(stream: BinaryIO, rows: Iterable[Refusal]) -> None:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    stream.write(text.getvalue().encode("utf-8", "backslashreplace"))
