"""The steward's acts in order: sequester the commons, match a cohort, check it, seal it."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from cohort_selection import catalog, leakage, matching, sequestration
from cohort_selection.cohort import Case, Cohort, seal, write_open
from cohort_selection.criteria import FlowStep, Selected, select
from cohort_selection.matching import Matched
from cohort_selection.representativeness import Deviation, representativeness
from cohort_selection.sequestration import Part
from evaluator.installation import Installation
from evaluator.specification import Benchmark

_ASSIGNED = ("patient_id", "part")


class StewardError(ValueError):
    """An act was asked for before the one it builds on, or twice."""


@dataclass(frozen=True, slots=True)
class Sequestered:
    """What a sequestration did: the flow of the criteria and the two parts."""

    flow: tuple[FlowStep, ...]
    open_cases: int
    open_patients: int
    sequestered_cases: int
    sequestered_patients: int
    assigned_before: int


def sequester(
    installation: Installation, benchmark: Benchmark, catalog_folder: Path, open_list: Path
) -> Sequestered:
    """Split the commons by patient and write the open part's list; earlier assignments stay.

    The assignment belongs to the installation, not to the benchmark: a patient hidden for one
    benchmark is open for none.
    """
    installation.install(benchmark)
    selected = _select(benchmark, catalog_folder)
    before = _assignment(installation)
    plan = benchmark.cohort
    parts = sequestration.split(
        selected.cases,
        variables=plan.stratify,
        sequestered_share=plan.sequestered_share,
        seed=plan.seed,
        assigned=before,
        within=plan.within,
    )
    _assign(installation, {**before, **parts})
    opened, hidden = _parts(selected.cases, parts)
    write_open(open_list, opened, plan.criteria.attributes)
    installation.ledger().record("sequester", benchmark.name, f"{len(parts) - len(before)} new")
    return Sequestered(
        flow=selected.flow,
        open_cases=len(opened),
        open_patients=_patients(opened),
        sequestered_cases=len(hidden),
        sequestered_patients=_patients(hidden),
        assigned_before=len(before),
    )


def match(installation: Installation, benchmark: Benchmark, catalog_folder: Path) -> Matched:
    """Draw the test cohort from the sequestered part and keep its list and probabilities."""
    _, hidden = _split_cases(installation, benchmark, catalog_folder)
    plan = benchmark.cohort
    size = plan.size or matching.largest(hidden, plan.target, plan.tolerance).bound
    matched = matching.match(
        hidden,
        plan.target,
        size,
        plan.seed,
        cases_per_patient=plan.cases_per_patient,
        tolerance=plan.tolerance,
    )
    drawn = {case.case_id for case in matched.cases}
    _write_rows(
        _matched_list(installation, benchmark),
        ("case_id", "inclusion_probability", "drawn"),
        (
            (case_id, repr(probability), int(case_id in drawn))
            for case_id, probability in sorted(matched.inclusion.items())
        ),
    )
    return matched


@dataclass(frozen=True, slots=True)
class Sealed:
    """A sealed cohort and how near it came to its target."""

    cohort: Cohort
    deviations: tuple[Deviation, ...]


def seal_cohort(
    installation: Installation,
    benchmark: Benchmark,
    catalog_folder: Path,
    *,
    progress: Callable[[int, int], None] | None = None,
) -> Sealed:
    """Check the matched cohort for leaks against the open part, then seal it with its digest."""
    if installation.enclave().is_sealed(benchmark.name):
        raise StewardError(
            f"benchmark {benchmark.name!r} is sealed already; a sealed cohort never changes: "
            f"give a new draw a new benchmark name"
        )
    opened, hidden = _split_cases(installation, benchmark, catalog_folder)
    drawn = _read_matched(installation, benchmark)
    cases = tuple(case for case in hidden if case.case_id in drawn)
    if len(cases) != len(drawn):
        raise StewardError(
            f"{len(drawn) - len(cases)} of the {len(drawn)} matched cases are not in the "
            f"sequestered part of this catalog; run `sequestra match {benchmark.name}` again"
        )
    leakage.check(opened, cases)
    plan = benchmark.cohort
    deviations = representativeness(cases, plan.target, tuple(plan.target.margins))
    cohort = seal(
        cases,
        installation.enclave().benchmark_folder(benchmark.name) / "cohort",
        name=benchmark.name,
        seed=plan.seed,
        criteria=plan.criteria,
        target=plan.target,
        report={"deviations": [asdict(deviation) for deviation in deviations]},
        progress=progress,
    )
    installation.ledger().record("seal", benchmark.name, cohort.digest)
    return Sealed(cohort, deviations)


def _select(benchmark: Benchmark, catalog_folder: Path) -> Selected:
    found = catalog.read(catalog_folder)
    return select(found.studies, found.records, benchmark.cohort.criteria)


def _split_cases(
    installation: Installation, benchmark: Benchmark, catalog_folder: Path
) -> tuple[list[Case], list[Case]]:
    parts = _assignment(installation)
    cases = _select(benchmark, catalog_folder).cases
    if not all(case.patient_id in parts for case in cases):
        raise StewardError(
            "the catalog has patients who are not assigned to the open or the sequestered part; "
            "run `sequestra sequester` on it first"
        )
    return _parts(cases, parts)


def _parts(cases: Sequence[Case], parts: Mapping[str, Part]) -> tuple[list[Case], list[Case]]:
    opened = [case for case in cases if parts[case.patient_id] is Part.OPEN]
    hidden = [case for case in cases if parts[case.patient_id] is Part.SEQUESTERED]
    return opened, hidden


def _patients(cases: Iterable[Case]) -> int:
    return len({case.patient_id for case in cases})


def _assignment_list(installation: Installation) -> Path:
    return installation.enclave().folder / "assignment.csv"


def _assignment(installation: Installation) -> dict[str, Part]:
    path = _assignment_list(installation)
    if not path.exists():
        return {}
    with path.open(newline="") as lines:
        return {row["patient_id"]: Part(row["part"]) for row in csv.DictReader(lines)}


def _assign(installation: Installation, parts: Mapping[str, Part]) -> None:
    rows = ((patient_id, part.value) for patient_id, part in sorted(parts.items()))
    _write_rows(_assignment_list(installation), _ASSIGNED, rows)


def _matched_list(installation: Installation, benchmark: Benchmark) -> Path:
    return installation.enclave().benchmark_folder(benchmark.name) / "matched.csv"


def _read_matched(installation: Installation, benchmark: Benchmark) -> set[str]:
    path = _matched_list(installation, benchmark)
    if not path.exists():
        raise StewardError(
            f"no matched cohort for {benchmark.name!r}; "
            f"run `sequestra match {benchmark.name}` first"
        )
    with path.open(newline="") as lines:
        return {row["case_id"] for row in csv.DictReader(lines) if row["drawn"] == "1"}


def _write_rows(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    temporary = path.with_suffix(".tmp")
    with temporary.open("w", newline="") as lines:
        writer = csv.writer(lines)
        writer.writerow(header)
        writer.writerows(rows)
        lines.flush()
        os.fsync(lines.fileno())
    temporary.replace(path)
