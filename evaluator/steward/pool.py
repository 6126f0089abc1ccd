"""A commons as a benchmark cuts it: criteria, open and sequestered patients, the drawn cohort."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

from cohort_selection.cases import Case
from cohort_selection.catalog import catalog
from cohort_selection.dicom.studies import Study
from cohort_selection.eligibility.criteria import FlowStep, Selected
from cohort_selection.eligibility.located import of_commons
from cohort_selection.matching.draw import of_patients
from cohort_selection.sequestration.assignment import read_assignment, read_batches
from cohort_selection.sequestration.split import Part
from evaluator.benchmark.specification import Benchmark
from evaluator.stores.installation import BENCHMARK_DIGEST, Installation


class StewardError(ValueError):
    """An act was asked for before the one it builds on, or twice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """A commons as a benchmark cuts it: the flow, the open part, the pool and the drawn cohort.

    ``pool`` are the cases that could be drawn: with one case a patient, the one that was chosen
    first. ``inclusion`` is the probability that a case of the pool was drawn, ``chance`` that its
    patient was; the shares of the pool's patients who were sure to be drawn and could not be, and
    what was ``binding``, are as matching found them.
    ``outside`` are all studies whose patients are not sequestered, cases of the benchmark or not.
    ``batches`` are (name, open cases, sequestered cases) in the order of assignment, ``doubts``
    those of headers, by study.
    """

    flow: tuple[FlowStep, ...]
    opened: tuple[Case, ...]
    outside: tuple[Study, ...]
    pool: tuple[Case, ...]
    cohort: tuple[Case, ...]
    inclusion: Mapping[str, float]
    chance: Mapping[str, float]
    certain_share: float
    excluded_share: float
    binding: tuple[str, ...]
    batches: tuple[tuple[str, tuple[Case, ...], tuple[Case, ...]], ...]
    doubts: Mapping[str, tuple[str, ...]]


def cut_of(installation: Installation, benchmark: Benchmark, catalog_folder: Path) -> Cut:
    """Read the catalog again, cut as it was for the match; refuse where it no longer fits."""
    commons = catalog.read(catalog_folder)
    selected = select_cases(benchmark, commons)
    parts = read_assignment(assignment_list(installation))
    opened, hidden = _split(parts, selected)
    found = _read_matched(installation, benchmark)
    drawn = frozenset(found["drawn"])
    cases = tuple(case for case in hidden if case.case_id in drawn)
    if len(cases) != len(drawn):
        raise StewardError(
            f"{len(drawn) - len(cases)} of the {len(drawn)} matched cases are not in the "
            f"sequestered part of this catalog; run `sequestra match {benchmark.name}` again"
        )
    if found.get("pool") != digest_of(hidden):
        raise StewardError(
            "a patient, a label or an attribute of the sequestered part has changed since the "
            "match, so the cohort's target and minimum may no longer hold; give the catalog of "
            f"the match, or run `sequestra match {benchmark.name}` again"
        )
    inclusion = found["inclusion"]
    return Cut(
        flow=selected.flow,
        opened=tuple(opened),
        outside=tuple(
            study
            for study in commons.studies
            if parts.get(study.patient_id) is not Part.SEQUESTERED
        ),
        pool=tuple(case for case in hidden if case.case_id in inclusion),
        cohort=cases,
        inclusion=inclusion,
        chance=of_patients(hidden, inclusion, benchmark.cohort.cases_per_patient),
        certain_share=found["certain_share"],
        excluded_share=found["excluded_share"],
        binding=tuple(found["binding"]),
        batches=_by_batch(installation, opened, hidden),
        doubts={study.study_uid: study.doubts for study in commons.studies if study.doubts},
    )


def _by_batch(
    installation: Installation, opened: Sequence[Case], hidden: Sequence[Case]
) -> tuple[tuple[str, tuple[Case, ...], tuple[Case, ...]], ...]:
    batch_of = read_batches(assignment_list(installation))
    by_name: dict[str, tuple[list[Case], list[Case]]] = {
        name: ([], []) for name in dict.fromkeys(batch_of.values())
    }
    for side, cases in enumerate((opened, hidden)):
        for case in cases:
            by_name[batch_of[case.patient_id]][side].append(case)
    return tuple((name, tuple(a), tuple(b)) for name, (a, b) in by_name.items() if a or b)


def hidden_cases(
    installation: Installation, benchmark: Benchmark, catalog_folder: Path
) -> list[Case]:
    """The pool: the cases of a benchmark whose patients are sequestered."""
    parts = read_assignment(assignment_list(installation))
    _, hidden = _split(parts, select_cases(benchmark, catalog.read(catalog_folder)))
    return hidden


def select_cases(benchmark: Benchmark, commons: catalog.Catalog) -> Selected:
    """Apply the criteria of a benchmark to a commons."""
    return of_commons(commons, benchmark.cohort.criteria)


def _split(parts: Mapping[str, Part], selected: Selected) -> tuple[list[Case], list[Case]]:
    cases = selected.cases
    if not all(case.patient_id in parts for case in cases):
        raise StewardError(
            "the catalog has patients who are not assigned to the open or the sequestered part; "
            "run `sequestra sequester` on it first"
        )
    return sides(cases, parts)


def sides(cases: Sequence[Case], parts: Mapping[str, Part]) -> tuple[list[Case], list[Case]]:
    """The cases of open patients, and those of sequestered ones."""
    opened = [case for case in cases if parts[case.patient_id] is Part.OPEN]
    hidden = [case for case in cases if parts[case.patient_id] is Part.SEQUESTERED]
    return opened, hidden


def digest_of(cases: Sequence[Case]) -> str:
    """SHA-256 of all that a draw depends on; where a file lies is no part of it."""
    rows = sorted(
        (case.case_id, case.patient_id, case.label, sorted(case.attributes.items()))
        + ((sorted(case.targets.items()),) if case.targets else ())
        + ((sorted(map(astuple, case.regions), key=str),) if case.regions else ())
        for case in cases
    )
    return hashlib.sha256(json.dumps(rows).encode()).hexdigest()


def assignment_list(installation: Installation) -> Path:
    """Where an installation keeps which patient is open and which sequestered."""
    return installation.enclave().folder / "assignment.csv"


def matched_list(installation: Installation, benchmark: Benchmark) -> Path:
    """Where an installation keeps the drawn cohort of a benchmark."""
    return installation.enclave().benchmark_folder(benchmark.name) / "matched.json"


def _read_matched(installation: Installation, benchmark: Benchmark) -> dict[str, Any]:
    path = matched_list(installation, benchmark)
    again = f"run `sequestra match {benchmark.name}`"
    if not path.exists():
        raise StewardError(f"no matched cohort for {benchmark.name!r}; {again} first")
    document: dict[str, Any] = json.loads(path.read_text())
    if document[BENCHMARK_DIGEST] != benchmark.digest:
        raise StewardError(
            f"the cohort of {benchmark.name!r} was matched under another version of its file; "
            f"{again} again"
        )
    return document
