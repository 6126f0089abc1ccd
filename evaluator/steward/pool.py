"""A commons as a benchmark cuts it: criteria, open and sequestered patients, the drawn cohort."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import file_digest
from pathlib import Path
from typing import Any, overload

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from cohort_selection.case_table import ByCase, CaseTable, FilesOf
from cohort_selection.catalog import catalog
from cohort_selection.column_text import blocks
from cohort_selection.eligibility.criteria import FlowStep, Selected
from cohort_selection.eligibility.located import of_commons
from cohort_selection.matched_list import digest_of, read_matched
from cohort_selection.sequestration.assignment import read_assignment, read_list
from cohort_selection.sequestration.parts import Parts, places
from cohort_selection.study_table.commons import Commons
from evaluator.benchmark.specification import Benchmark
from evaluator.stores.installation import BENCHMARK_DIGEST, Installation

MATCH = "match"
"""Event of the audit chain: a cohort was drawn, by the digest of its list."""
_OF_THE_LIST = (BENCHMARK_DIGEST, "drawn", "certain_share", "excluded_share", "binding")


class StewardError(ValueError):
    """An act was asked for before the one it builds on, or twice."""


@dataclass(frozen=True, slots=True)
class Imaging:
    """A study of the open side: whose it is, and its files."""

    patient_id: str
    files: tuple[Path, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Outside(Sequence[Imaging]):
    """All studies whose patients are not sequestered, read from the catalog some at a time.

    ``patient`` gives the patient of each, ``rows`` their places in the catalog.
    """

    patient: pa.DictionaryArray
    rows: NDArray[np.int64]
    files_of: FilesOf

    @classmethod
    def of(cls, commons: Commons, parts: Parts) -> Outside:
        """Those of a commons."""
        patient = commons.patients()
        hidden = parts.patients.filter(pa.array(parts.sequestered))
        barred = pc.is_in(patient.dictionary.cast(hidden.type), value_set=hidden)
        rows = np.flatnonzero(~barred.to_numpy(zero_copy_only=False)[patient.indices.to_numpy()])
        return cls(patient.take(pa.array(rows)), rows, commons.files)

    def __len__(self) -> int:
        """Number of studies."""
        return len(self.rows)

    @overload
    def __getitem__(self, index: int) -> Imaging: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Imaging]: ...

    def __getitem__(self, index: int | slice) -> Imaging | Sequence[Imaging]:
        """One study, or some."""
        if isinstance(index, slice):
            return Outside(self.patient[index], self.rows[index], self.files_of)
        return next(iter(self[index : index + 1 or None]))

    def __iter__(self) -> Iterator[Imaging]:
        """Each study in turn."""
        for block in blocks(len(self)):
            files = self.files_of(self.rows[block]).to_pylist()
            for owner, listed in zip(self.patient[block].to_pylist(), files, strict=True):
                yield Imaging(owner, tuple(map(Path, listed)))


@dataclass(frozen=True, slots=True)
class Arrivals:
    """The batches of patients in the order of assignment.

    ``opened`` and ``hidden`` give the batch of each case of either side, by its place in ``names``.
    """

    names: tuple[str, ...]
    opened: NDArray[np.int32]
    hidden: NDArray[np.int32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """A commons as a benchmark cuts it: the flow, both parts, the pool and the drawn cohort.

    ``pool`` are the cases that could be drawn: with one case a patient, the one that was chosen
    first. ``drawn`` are the places of the cohort's cases there. ``inclusion`` (pool,) is the
    probability that a case was drawn, ``chance`` (pool,) that its patient was; the shares of the
    pool's patients who were sure to be drawn and could not be, and what was ``binding``, are as
    matching found them.
    ``outside`` are all studies whose patients are not sequestered, cases of the benchmark or not.
    ``doubts`` are those of headers, by place of the study in the catalog.
    """

    flow: tuple[FlowStep, ...]
    opened: CaseTable
    hidden: CaseTable
    outside: Outside
    pool: CaseTable
    drawn: NDArray[np.int64]
    cohort: CaseTable
    inclusion: NDArray[np.float64]
    chance: NDArray[np.float64]
    certain_share: float
    excluded_share: float
    binding: tuple[str, ...]
    batches: Arrivals
    doubts: Mapping[int, tuple[str, ...]]


def cut_of(installation: Installation, benchmark: Benchmark, catalog_folder: Path) -> Cut:
    """Read the catalog again, cut as it was for the match; refuse where it no longer fits."""
    commons = catalog.read(catalog_folder)
    selected = select_cases(benchmark, commons)
    assigned = read_list(assignment_list(installation))
    cases, place = selected.cases, _assigned(selected.cases, assigned.parts)
    is_hidden = assigned.parts.sequestered[place]
    opened, hidden = cases.take(~is_hidden), cases.take(is_hidden)
    matched, inclusion = _read_matched(installation, benchmark)
    names = pa.array(sorted(matched["drawn"]), pa.large_string())
    in_hidden = places(names, hidden.case_id)
    if (lost := int((in_hidden < 0).sum())) > 0:
        raise StewardError(
            f"{lost} of the {len(names)} matched cases are not in the "
            f"sequestered part of this catalog; run `sequestra match {benchmark.name}` again"
        )
    if matched.get("pool") != digest_of(hidden):
        raise StewardError(
            "a patient, a label or an attribute of the sequestered part has changed since the "
            "match, so the cohort's target and minimum may no longer hold; give the catalog of "
            f"the match, or run `sequestra match {benchmark.name}` again"
        )
    known = places(hidden.case_id, inclusion.case_id)
    probability = inclusion.number[known[known >= 0]]
    n_of_patient = hidden.n_of_patient()[hidden.patient][known >= 0]
    pool = hidden.take(known >= 0)
    drawn = places(names, pool.case_id)
    return Cut(
        flow=selected.flow,
        opened=opened,
        hidden=hidden,
        outside=Outside.of(commons, assigned.parts),
        pool=pool,
        drawn=drawn,
        cohort=pool.take(drawn),
        inclusion=probability,
        chance=probability * (n_of_patient if benchmark.cohort.cases_per_patient == "one" else 1),
        certain_share=matched["certain_share"],
        excluded_share=matched["excluded_share"],
        binding=tuple(matched["binding"]),
        batches=Arrivals(
            assigned.batches, *(assigned.batch[place[side]] for side in (~is_hidden, is_hidden))
        ),
        doubts=commons.doubts(),
    )


def hidden_cases(
    installation: Installation, benchmark: Benchmark, catalog_folder: Path
) -> CaseTable:
    """The pool: the cases of a benchmark whose patients are sequestered."""
    parts = read_assignment(assignment_list(installation))
    cases = select_cases(benchmark, catalog.read(catalog_folder)).cases
    return cases.take(parts.sequestered[_assigned(cases, parts)])


def select_cases(benchmark: Benchmark, commons: Commons) -> Selected:
    """Apply the criteria of a benchmark to a commons."""
    return of_commons(commons, benchmark.cohort.criteria)


def _assigned(cases: CaseTable, parts: Parts) -> NDArray[np.int64]:
    """Where the patient of each case stands among those assigned."""
    place = places(cases.patients, parts.patients)
    if (place < 0).any():
        raise StewardError(
            "the catalog has patients who are not assigned to the open or the sequestered part; "
            "run `sequestra sequester` on it first"
        )
    return place[cases.patient]


def assignment_list(installation: Installation) -> Path:
    """Where an installation keeps which patient is open and which sequestered."""
    return installation.enclave().folder / "assignment.csv"


def matched_list(installation: Installation, benchmark: Benchmark) -> Path:
    """Where an installation keeps the drawn cohort of a benchmark."""
    return installation.enclave().benchmark_folder(benchmark.name) / "matched.json"


def _read_matched(
    installation: Installation, benchmark: Benchmark
) -> tuple[dict[str, Any], ByCase]:
    path = matched_list(installation, benchmark)
    again = f"run `sequestra match {benchmark.name}`"
    if not path.exists():
        raise StewardError(f"no matched cohort for {benchmark.name!r}; {again} first")
    document, inclusion = read_matched(path)
    lost = [name for name in _OF_THE_LIST if name not in document]
    if lost:
        raise StewardError(f"{path.name} does not say {', '.join(lost)}; {again} again")
    if document[BENCHMARK_DIGEST] != benchmark.digest:
        raise StewardError(
            f"the cohort of {benchmark.name!r} was matched under another version of its file; "
            f"{again} again"
        )
    with path.open("rb") as file:
        digest = file_digest(file, "sha256").hexdigest()
    if digest != installation.ledger().recorded(MATCH, benchmark.name):
        raise StewardError(
            f"{path.name} is not the list that the audit chain has of the last match of "
            f"{benchmark.name!r}; restore it from a copy, or {again} again"
        )
    return document, inclusion
