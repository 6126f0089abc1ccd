"""Indexes a commons from wherever it is: a folder, a server, a download, an archive's storage."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from hashlib import sha256
from pathlib import Path

from cohort_selection import imaging_studies
from cohort_selection.catalog import catalog
from cohort_selection.catalog.catalog import Indexed
from cohort_selection.clinical import records as tables
from cohort_selection.clinical.records import ClinicalRecord
from cohort_selection.imaging_studies import StudyList
from cohort_selection.loinc.loinc_map import LoincMap
from cohort_selection.sources import archives, gen3
from cohort_selection.sources.credentials import checked_address, from_environment
from cohort_selection.sources.listing import Period
from cohort_selection.sources.retrieval import fetch
from cohort_selection.sources.server import Server
from cohort_selection.sources.source import Source
from evaluator.option_values import OptionError

_ACTS = {"server": "fetching studies", "manifest": "checking files", "folder": "reading headers"}

Tick = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a commons is, as the options of `index` name it; empty ones were not given."""

    source: str
    home: Path
    store: Path | None = None
    downloads: Path | None = None
    first: date | None = None
    last: date | None = None
    authorities: Path | None = None

    @property
    def kind(self) -> str:
        """A DICOMweb server, a manifest or a folder; raise OptionError for others' options."""
        kind = "folder"
        if re.match(r"https?://", self.source):
            kind = "server"
        elif self.source.lower().endswith(".json") and Path(self.source).is_file():
            kind = "manifest"
        places: dict[str, tuple[object, str]] = {
            "--downloads": (self.downloads, "manifest"),
            "--from": (self.first, "server"),
            "--until": (self.last, "server"),
            "--ca-file": (self.authorities, "server"),
        }
        words = {"server": "a DICOMweb server", "manifest": "a Gen3 manifest (.json)"}
        for option, (value, of) in places.items():
            if value is not None and of != kind:
                raise OptionError(f"{option} belongs to {words[of]}, and {self.source} is none")
        if self.first and self.last and self.last < self.first:
            raise OptionError(f"--from is {self.first} and --until {self.last}; turn them round")
        return kind

    @property
    def kept_in(self) -> Path:
        """The store of this source: as named, or one of its own in the installation's folder."""
        if self.store is not None:
            return self.store
        whole = self.source if self.kind == "server" else str(Path(self.source).resolve())
        plain = re.sub(r"[^A-Za-z0-9]+", "-", whole.rpartition("://")[2]).strip("-")[-60:]
        return self.home / "sources" / f"{plain}-{sha256(whole.encode()).hexdigest()[:8]}"


def index(
    place: Place,
    clinical: Sequence[Path],
    output: Path,
    *,
    columns: Mapping[str, str],
    fhir: Sequence[Path] = (),
    loinc_map: LoincMap | None = None,
    progress: Tick,
) -> Indexed:
    """Read a source and clinical tables into a catalog.

    ``fhir`` lists the studies and names their patients. ``progress`` is called with an act, what is
    done and all. Raises ``SourceError`` where a source cannot be read, and what ``catalog.update``
    and the reader of tables raise.
    """
    kind = place.kind
    records = tables.read(*clinical, columns=columns)
    listed = imaging_studies.read(*fhir) if fhir else None
    notes: tuple[str, ...] = ()
    if listed is not None:
        records, notes = _linked(records, listed, clinical, columns, place.kept_in)
    source = _opened(place, kind, progress)
    indexed = catalog.update(
        source.folder,
        records,
        output,
        loinc_map=loinc_map,
        progress=lambda done, total: progress(_ACTS["folder"], done, total),
    )
    if listed is not None:
        notes += imaging_studies.compared(listed, set(catalog.study_uids(output)))
    return replace(indexed, notes=(*source.notes, *notes, *indexed.notes))


def _opened(place: Place, kind: str, progress: Tick) -> Source:
    def tick(done: int, total: int) -> None:
        progress(_ACTS[kind], done, total)

    if kind == "server":
        credentials = from_environment(os.environ)
        address = checked_address(place.source, credentials)
        with Server(address, credentials, place.authorities) as server:
            return fetch(server, place.kept_in, Period(place.first, place.last), progress=tick)
    path = Path(place.source)
    if kind == "manifest":
        return gen3.opened(path, place.downloads or path.parent, place.kept_in, progress=tick)
    return archives.opened(path, place.kept_in / "links")


def _linked(
    records: list[ClinicalRecord],
    listed: StudyList,
    clinical: Sequence[Path],
    columns: Mapping[str, str],
    folder: Path,
) -> tuple[list[ClinicalRecord], tuple[str, ...]]:
    """The records once more, with the patients that FHIR gives studies."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    named = {each.study_uid: each.patient_id for each in records if each.study_uid}
    notes = imaging_studies.write_links(
        listed,
        {each.patient_id for each in records if each.patient_id},
        {study: patient for study, patient in named.items() if patient},
        folder / "fhir-links.csv",
    )
    return tables.read(*clinical, folder / "fhir-links.csv", columns=columns), notes
