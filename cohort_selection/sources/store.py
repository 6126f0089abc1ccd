"""The folder in which the instances of one server lie, by study and series."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cohort_selection.atomic_files import locked, sweep, write_bytes
from cohort_selection.sources.server import is_uid
from cohort_selection.sources.source import SourceError

_ADDRESS = "address.txt"
_REFUSED = "refused.csv"


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
        """The studies that have a folder, each with what a killed run had begun swept away."""
        return (path.name for path in sorted(self.images.iterdir()) if is_uid(path.name))

    def instances(self, study: str) -> set[tuple[str, str]]:
        """Series and instance of each whole file of a study."""
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

    def write_refused(self, refused: list[tuple[str, str, str, str]]) -> None:
        """List the instances that were refused, with the reason; no list where none was."""
        if not refused:
            self.refused.unlink(missing_ok=True)
            return
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(["study_uid", "series_uid", "instance_uid", "reason"])
        writer.writerows(sorted(refused))
        write_bytes(self.refused, text.getvalue().encode())
