"""Sequesters the commons, matches a cohort, checks it, seals it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, cast

from cohort_selection.atomic_files import write_bytes
from cohort_selection.cases import Case, value
from cohort_selection.catalog import catalog
from cohort_selection.dicom.studies import Study
from cohort_selection.eligibility.criteria import FlowStep, Selected, select
from cohort_selection.leakage import duplicates, repeated_pictures
from cohort_selection.leakage.duplicates import WallCheck
from cohort_selection.leakage.repeated_pictures import RepeatCounts
from cohort_selection.leakage.shortcuts import Shortcut, audit, refuse_alarms
from cohort_selection.matching import draw
from cohort_selection.matching.draw import Matched
from cohort_selection.matching.feasibility import Prospect
from cohort_selection.matching.target import Target
from cohort_selection.representativeness.distance import Deviation, representativeness
from cohort_selection.sealing.cohort import CaseDesign, Cohort, seal
from cohort_selection.sequestration import split
from cohort_selection.sequestration.assignment import (
    append_assignment,
    head,
    read_assignment,
    read_batches,
)
from cohort_selection.sequestration.open_list import write_open
from cohort_selection.sequestration.split import Part
from evaluator.benchmark.specification import Benchmark
from evaluator.steward.foreseen import foreseen
from evaluator.stores.installation import BENCHMARK_DIGEST, Installation
from evaluator.stores.practice_cases import lay_out


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
    share: float = 0.0
    """The share that the benchmark asks for; it holds for those who were not assigned before."""


def sequester(
    installation: Installation,
    benchmark: Benchmark,
    catalog_folder: Path,
    open_list: Path,
    *,
    batch: str = "",
) -> Sequestered:
    """Split the commons by patient and write the open part's list; earlier assignments stay.

    The assignment belongs to the installation, not to the benchmark: a patient hidden for one
    benchmark is open for none. ``batch`` names the patients that are new, for figures over time;
    empty, they are named after the benchmark.
    """
    installation.install(benchmark)
    selected = _select(benchmark, catalog.read(catalog_folder))
    path = _assignment_list(installation)
    before = read_assignment(path)
    plan = benchmark.cohort
    parts = split.split(
        selected.cases,
        variables=plan.stratify,
        sequestered_share=plan.sequestered_share,
        seed=installation.enclave().seed(plan.seed, "sequestration"),
        assigned=before,
        within=plan.within,
    )
    new = append_assignment(path, parts, batch or benchmark.name)
    installation.ledger().record(
        "sequester", benchmark.name, f"{new} new patients; list {head(path)}"
    )
    opened, hidden = _parts(selected.cases, parts)
    write_open(open_list, opened, plan.criteria.attributes)
    return Sequestered(
        flow=selected.flow,
        open_cases=len(opened),
        open_patients=_patients(opened),
        sequestered_cases=len(hidden),
        sequestered_patients=_patients(hidden),
        assigned_before=len({case.patient_id for case in selected.cases} & set(before)),
        share=plan.sequestered_share,
    )


def match(installation: Installation, benchmark: Benchmark, catalog_folder: Path) -> Matched:
    """Draw the test cohort from the sequestered part and keep its list and probabilities.

    The draw takes the installation's secret: the benchmark's file alone does not repeat it.
    """
    _refuse_sealed(installation, benchmark)
    hidden = _hidden(installation, benchmark, catalog_folder)
    plan = benchmark.cohort
    matched = draw.match(
        hidden,
        plan.drawn_target,
        plan.size,
        installation.enclave().seed(plan.seed, "matching"),
        cases_per_patient=plan.cases_per_patient,
        tolerance=plan.tolerance,
        minimum=plan.minimum,
    )
    names = {name for _, by in benchmark.analysis.declared_gaps for name in by.split(" x ")}
    benchmark.analysis.refuse_single_levels(
        {name: [case.attributes[name] for case in matched.cases] for name in names}
    )
    document = {
        BENCHMARK_DIGEST: benchmark.digest,
        "pool": _digest(hidden),
        "drawn": sorted(case.case_id for case in matched.cases),
        "inclusion": dict(sorted(matched.inclusion.items())),
        "certain_share": matched.certain_share,
        "excluded_share": matched.excluded_share,
        "binding": matched.binding,
    }
    digest = _write(_matched_list(installation, benchmark), document)
    installation.ledger().record("match", benchmark.name, digest)
    return matched


def foresee(installation: Installation, benchmark: Benchmark, catalog_folder: Path) -> Prospect:
    """Say what `match` would reach on this catalog; nobody is drawn and nothing is written."""
    hidden = _hidden(installation, benchmark, catalog_folder)
    seed = installation.enclave().seed(benchmark.cohort.seed, "matching")
    return foreseen(benchmark, hidden, seed)


def assigned(installation: Installation) -> dict[str, Part]:
    """Who is in the open and who in the sequestered part."""
    return read_assignment(_assignment_list(installation))


@dataclass(frozen=True, slots=True)
class Sealed:
    """A sealed cohort, how near it came to its target, and what the checks before it found."""

    cohort: Cohort
    deviations: tuple[Deviation, ...]
    shortcuts: tuple[Shortcut, ...]
    wall: WallCheck
    repeats: RepeatCounts | None  # None: sealed before there was this check


@dataclass(frozen=True, slots=True)
class Accepted:
    """The steward's reasons to seal in spite of what a check found; empty: not accepted."""

    shortcuts: str = ""
    look_alikes: str = ""


def seal_cohort(
    installation: Installation,
    benchmark: Benchmark,
    catalog_folder: Path,
    *,
    look: bool = True,
    accepted: Accepted = Accepted(),
    progress: Callable[[str, int, int], None] | None = None,
) -> Sealed:
    """Check the matched cohort for leaks and for pictures that repeat, then seal it with a digest.

    Open is every study of the catalog whose patient is not sequestered, a case of this benchmark
    or not: anybody may have it. The pictures of the pool are compared with each other: those under
    several patients, or under both labels, are listed in the enclave.

    ``look`` compares pictures, not stored bytes alone. What was checked, and what
    was accepted with which reason, is sealed with the cohort; the audit chain, which everybody may
    read, says that it was and not what. ``progress`` is called with an act, what is done and all.
    Raises ShortcutError or LeakError where a check finds what was not accepted.
    """
    ledger, enclave = installation.ledger(), installation.enclave()
    if enclave.is_sealed(benchmark.name) and not ledger.is_recorded("seal", benchmark.name):
        # An earlier sealing was cut off between the folder and the ledger.
        _, cohort = installation.sealed(benchmark.name)
        return _recorded(installation, _sealed(cohort))
    _refuse_sealed(installation, benchmark)
    cut = cut_of(installation, benchmark, catalog_folder)
    shortcuts = header_audit(cut.cohort, benchmark, act(progress, "reading headers"))
    if not accepted.shortcuts.strip():
        refuse_alarms(shortcuts)
    wall = duplicates.check(
        cut.outside,
        cut.cohort,
        look=look,
        accept_look_alikes=bool(accepted.look_alikes.strip()),
        kept=_pictures(installation),
        progress=act(progress, "comparing pictures" if look else "comparing stored pixels"),
    )
    repeats = _repeated(
        installation, benchmark, cut, look, accepted, act(progress, "pictures of the pool")
    )
    plan = benchmark.cohort
    if benchmark.practice.cases:
        copying = act(progress, "copying practice cases")
        lay_out(
            installation, benchmark.name, cut.opened, benchmark.practice.cases,
            seed=plan.seed, progress=copying,
        )  # fmt: skip
    cohort = seal(
        cut.cohort,
        enclave.benchmark_folder(benchmark.name) / "cohort",
        name=benchmark.name,
        seed=plan.seed,
        criteria=plan.criteria,
        target=plan.target,
        report={
            BENCHMARK_DIGEST: benchmark.digest,
            "deviations": [
                asdict(row)
                for row in representativeness(cut.cohort, plan.target, tuple(plan.target.margins))
            ],
            # Without the most telling value: it may name a hospital.
            "shortcuts": [asdict(replace(shortcut, telling="")) for shortcut in shortcuts],
            "wall": asdict(replace(wall, listed=())),
            "repeats": asdict(repeats),
            "accepted": asdict(accepted),
            "estimand": plan.estimand.value,
        },
        design=_design(cut, plan.target),
        progress=act(progress, "sealing cases"),
    )
    return _recorded(installation, replace(_sealed(cohort), shortcuts=shortcuts, wall=wall))


@dataclass(frozen=True, slots=True)
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
    selected = _select(benchmark, commons)
    parts = read_assignment(_assignment_list(installation))
    opened, hidden = _split_cases(parts, selected)
    found = _read_matched(installation, benchmark)
    drawn = frozenset(found["drawn"])
    cases = tuple(case for case in hidden if case.case_id in drawn)
    if len(cases) != len(drawn):
        raise StewardError(
            f"{len(drawn) - len(cases)} of the {len(drawn)} matched cases are not in the "
            f"sequestered part of this catalog; run `sequestra match {benchmark.name}` again"
        )
    if found.get("pool") != _digest(hidden):
        raise StewardError(
            "a patient, a label or an attribute of the sequestered part has changed since the "
            "match, so the cohort's target and minimum may no longer hold; give the catalog of "
            f"the match, or run `sequestra match {benchmark.name}` again"
        )
    return Cut(
        selected.flow,
        tuple(opened),
        tuple(s for s in commons.studies if parts.get(s.patient_id) is not Part.SEQUESTERED),
        tuple(case for case in hidden if case.case_id in found["inclusion"]),
        cases,
        found["inclusion"],
        draw.of_patients(hidden, found["inclusion"], benchmark.cohort.cases_per_patient),
        found["certain_share"],
        found["excluded_share"],
        tuple(found["binding"]),
        _by_batch(installation, opened, hidden),
        {study.study_uid: study.doubts for study in commons.studies if study.doubts},
    )


def _design(cut: Cut, target: Target) -> dict[str, CaseDesign]:
    """What is sealed with each drawn case: its probabilities and its cell of the target."""
    names = dict.fromkeys(part for margin in target.margins for part in margin.split(" x "))
    return {
        case.case_id: CaseDesign(
            cut.inclusion[case.case_id],
            cut.chance[case.patient_id],
            {name: value(case, name) for name in names},
        )
        for case in cut.cohort
    }


def _by_batch(
    installation: Installation, opened: Sequence[Case], hidden: Sequence[Case]
) -> tuple[tuple[str, tuple[Case, ...], tuple[Case, ...]], ...]:
    batch_of = read_batches(_assignment_list(installation))
    sides: dict[str, tuple[list[Case], list[Case]]] = {
        name: ([], []) for name in dict.fromkeys(batch_of.values())
    }
    for side, cases in enumerate((opened, hidden)):
        for case in cases:
            sides[batch_of[case.patient_id]][side].append(case)
    return tuple((name, tuple(a), tuple(b)) for name, (a, b) in sides.items() if a or b)


def header_audit(
    cases: Sequence[Case],
    benchmark: Benchmark,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[Shortcut, ...]:
    """The audit of headers and attributes, where both classes have the two patients it takes."""
    patients = {
        label: {case.patient_id for case in cases if case.label == label} for label in (0, 1)
    }
    if min(map(len, patients.values())) < 2:
        return ()
    return audit(cases, attributes=benchmark.cohort.criteria.attributes, progress=progress)


def _repeated(
    installation: Installation,
    benchmark: Benchmark,
    cut: Cut,
    look: bool,
    accepted: Accepted,
    progress: Callable[[int, int], None] | None,
) -> RepeatCounts:
    """Look for repeated pictures in the pool, list them, refuse those that doubt the cohort."""
    files = repeated_pictures.files_of(cut.pool)
    prints = duplicates.read_once(files, _pictures(installation), look=look, progress=progress)
    drawn = frozenset(case.case_id for case in cut.cohort)
    found = repeated_pictures.repeats(cut.pool, drawn, prints)
    path = repeats_list(installation, benchmark)
    if found:
        write_bytes(path, repeated_pictures.table(found))
    else:
        path.unlink(missing_ok=True)
    if not accepted.look_alikes.strip():
        repeated_pictures.refuse(found, path)
    return repeated_pictures.counts(found, len(files), looked=look)


def act(
    progress: Callable[[str, int, int], None] | None, name: str
) -> Callable[[int, int], None] | None:
    """The progress of one act, of what tells of several."""
    return None if progress is None else partial(progress, name)


def _sealed(cohort: Cohort) -> Sealed:
    """What a cohort's own report says of the checks before it was sealed."""
    report = cast("dict[str, Any]", cohort.report)
    return Sealed(
        cohort,
        tuple(Deviation(**row) for row in report["deviations"]),
        tuple(Shortcut(**row) for row in report["shortcuts"]),
        WallCheck(**report["wall"]),
        RepeatCounts(**report["repeats"]) if "repeats" in report else None,
    )


def _recorded(installation: Installation, sealed: Sealed) -> Sealed:
    report = cast("dict[str, Any]", sealed.cohort.report)
    said = [sealed.cohort.digest, f"pictures {'' if sealed.wall.looked else 'not '}compared"]
    said += [
        f"{what.replace('_', ' ')} accepted" for what, why in report["accepted"].items() if why
    ]
    installation.ledger().record("seal", sealed.cohort.name, "; ".join(said))
    return sealed


def _refuse_sealed(installation: Installation, benchmark: Benchmark) -> None:
    if installation.enclave().is_sealed(benchmark.name):
        raise StewardError(
            f"benchmark {benchmark.name!r} is sealed already; a sealed cohort never changes: "
            f"give a new draw a new benchmark name"
        )


def _select(benchmark: Benchmark, commons: catalog.Catalog) -> Selected:
    return select(commons.studies, commons.records, benchmark.cohort.criteria)


def _hidden(installation: Installation, benchmark: Benchmark, catalog_folder: Path) -> list[Case]:
    """The pool: the cases of a benchmark whose patients are sequestered."""
    parts = read_assignment(_assignment_list(installation))
    _, hidden = _split_cases(parts, _select(benchmark, catalog.read(catalog_folder)))
    return hidden


def _split_cases(parts: Mapping[str, Part], selected: Selected) -> tuple[list[Case], list[Case]]:
    cases = selected.cases
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


def _digest(cases: Sequence[Case]) -> str:
    """SHA-256 of all that a draw depends on; where a file lies is no part of it."""
    rows = sorted(
        (case.case_id, case.patient_id, case.label, sorted(case.attributes.items()))
        for case in cases
    )
    return hashlib.sha256(json.dumps(rows).encode()).hexdigest()


def _patients(cases: Iterable[Case]) -> int:
    return len({case.patient_id for case in cases})


def repeats_list(installation: Installation, benchmark: Benchmark) -> Path:
    """Where the pictures that repeat in the pool are listed, with their labels."""
    return installation.enclave().benchmark_folder(benchmark.name) / "repeated-pictures.csv"


def _pictures(installation: Installation) -> Path:
    """What was read of pictures, kept for the next seal."""
    return installation.enclave().folder / "pictures"


def _assignment_list(installation: Installation) -> Path:
    return installation.enclave().folder / "assignment.csv"


def _matched_list(installation: Installation, benchmark: Benchmark) -> Path:
    return installation.enclave().benchmark_folder(benchmark.name) / "matched.json"


def _read_matched(installation: Installation, benchmark: Benchmark) -> dict[str, Any]:
    path = _matched_list(installation, benchmark)
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


def _write(path: Path, document: Mapping[str, object]) -> str:
    """Write JSON whole or not at all; return its SHA-256."""
    text = json.dumps(document, sort_keys=True).encode()
    write_bytes(path, text)
    return hashlib.sha256(text).hexdigest()
