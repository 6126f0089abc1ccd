"""Sequesters the commons, matches a cohort, checks it, seals it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, cast

from cohort_selection.atomic_files import write_bytes
from cohort_selection.case_table import CaseTable
from cohort_selection.cases import Case, value
from cohort_selection.catalog import catalog
from cohort_selection.eligibility.criteria import FlowStep
from cohort_selection.leakage import duplicates, looked, repeated_pictures
from cohort_selection.leakage.duplicates import WallCheck
from cohort_selection.leakage.repeated_pictures import RepeatCounts
from cohort_selection.leakage.shortcuts import Shortcut, audit, refuse_alarms
from cohort_selection.matched_list import INCLUSION, digest_of, write_matched
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
    read_list,
)
from cohort_selection.sequestration.open_list import write_open
from cohort_selection.sequestration.parts import Parts
from evaluator.benchmark.specification import Benchmark
from evaluator.claims import sealed_study
from evaluator.steward.claimed import claimed
from evaluator.steward.foreseen import foreseen
from evaluator.steward.pool import (
    MATCH,
    Cut,
    StewardError,
    assignment_list,
    cut_of,
    hidden_cases,
    matched_list,
    select_cases,
)
from evaluator.steward.public_card import publish_card
from evaluator.steward.study import keep_comparators, to_seal
from evaluator.stores.installation import BENCHMARK_DIGEST, Installation
from evaluator.stores.practice_cases import lay_out


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
    selected = select_cases(benchmark, catalog.read(catalog_folder))
    keep_comparators(installation.enclave(), benchmark, benchmark.path.parent)
    installation.install(benchmark)
    path = assignment_list(installation)
    before, cases = read_list(path), selected.cases
    plan = benchmark.cohort
    parts = split.split(
        cases,
        variables=plan.stratify,
        sequestered_share=plan.sequestered_share,
        seed=installation.enclave().seed(plan.seed, "sequestration"),
        assigned=before.parts,
        within=plan.within,
    )
    new = append_assignment(path, parts, batch or benchmark.name, known=before)
    installation.ledger().record(
        "sequester", benchmark.name, f"{new} new patients; list {head(path)}"
    )
    hidden = parts.sequestered[cases.patient]
    write_open(open_list, cases, plan.criteria.attributes, benchmark.task, which=~hidden)
    n_hidden, n_patients = int(hidden.sum()), int(parts.sequestered.sum())
    return Sequestered(
        flow=selected.flow,
        open_cases=len(cases) - n_hidden,
        open_patients=cases.n_patients - n_patients,
        sequestered_cases=n_hidden,
        sequestered_patients=n_patients,
        assigned_before=cases.n_patients - new,
        share=plan.sequestered_share,
    )


def match(installation: Installation, benchmark: Benchmark, catalog_folder: Path) -> Matched:
    """Draw the test cohort from the sequestered part and keep its list and probabilities.

    The draw takes the installation's secret: the benchmark's file alone does not repeat it.
    """
    _refuse_sealed(installation, benchmark)
    hidden = hidden_cases(installation, benchmark, catalog_folder)
    barred = claimed(installation, benchmark)
    plan = benchmark.cohort
    matched = draw.match(
        barred.free(hidden),
        plan.drawn_target,
        plan.size,
        installation.enclave().seed(plan.seed, "matching"),
        cases_per_patient=plan.cases_per_patient,
        tolerance=plan.tolerance,
        minimum=plan.minimum,
    )
    with_notes = replace(matched, notes=(*matched.notes, *barred.said(hidden)))
    return keep_match(installation, benchmark, hidden, with_notes)


def keep_match(
    installation: Installation, benchmark: Benchmark, hidden: Sequence[Case], matched: Matched
) -> Matched:
    """Keep the list of a drawn cohort, and the probabilities of the draw from ``hidden``."""
    drawn = CaseTable.of(matched.cases)
    names = {name for _, by in benchmark.analysis.declared_gaps for name in by.split(" x ")}
    benchmark.analysis.refuse_single_levels(
        {name: drawn.attributes[name].texts() for name in names}
    )
    document = {
        BENCHMARK_DIGEST: benchmark.digest,
        "pool": digest_of(hidden),
        "drawn": drawn.in_order().case_id,
        INCLUSION: matched.inclusion,
        "certain_share": matched.certain_share,
        "excluded_share": matched.excluded_share,
        "binding": matched.binding,
    }
    digest = write_matched(matched_list(installation, benchmark), document)
    installation.ledger().record(MATCH, benchmark.name, digest)
    return matched


def foresee(installation: Installation, benchmark: Benchmark, catalog_folder: Path) -> Prospect:
    """Say what `match` would reach on this catalog; nobody is drawn and nothing is written."""
    hidden = hidden_cases(installation, benchmark, catalog_folder)
    seed = installation.enclave().seed(benchmark.cohort.seed, "matching")
    barred = claimed(installation, benchmark)
    prospect = foreseen(benchmark, barred.free(hidden), seed)
    return replace(prospect, notes=(*prospect.notes, *barred.said(hidden)))


def assigned(installation: Installation) -> Parts:
    """Who is in the open and who in the sequestered part."""
    return read_assignment(assignment_list(installation))


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
    ending: Collection[str] = (),
    progress: Callable[[str, int, int], None] | None = None,
) -> Sealed:
    """Check the matched cohort for leaks and for pictures that repeat, then seal it with a digest.

    Open is every study of the catalog whose patient is not sequestered, a case of this benchmark
    or not: anybody may have it. The pictures of the pool are compared with each other: those under
    several patients, or under both labels, are listed in the enclave.

    ``look`` compares pictures, not stored bytes alone. What was checked, and what was accepted with
    which reason, is sealed with the cohort; the audit chain, which everybody may read, says that it
    was and not what. ``ending`` names the draws whose place this one takes. ``progress`` is called
    with an act, what is done and all.
    Raises ShortcutError or LeakError where a check finds what was not accepted.
    """
    if (cut_off := _cut_off(installation, benchmark)) is not None:
        return cut_off
    _refuse_sealed(installation, benchmark)
    plan, cut = benchmark.cohort, cut_of(installation, benchmark, catalog_folder)
    claims = to_seal(installation, benchmark, cut.cohort, ending)
    shortcuts = _shortcuts(cut, benchmark, accepted, act(progress, "reading headers"))
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
    deviations = representativeness(cut.cohort, plan.target, tuple(plan.target.margins))
    _lay_out_practice(installation, benchmark, cut, act(progress, "copying practice cases"))
    publish_card(installation, benchmark, cut, claims.study)
    cohort = seal(
        cut.cohort,
        installation.enclave().cohort_folder(benchmark.name),
        name=benchmark.name,
        seed=plan.seed,
        criteria=plan.criteria,
        target=plan.target,
        report={
            BENCHMARK_DIGEST: benchmark.digest,
            **_of_checks(deviations, shortcuts, wall, repeats, accepted),
            "estimand": plan.estimand.value,
            **claims.report,
        },
        design=_design(cut, plan.target),
        comparators=claims.comparators,
        progress=act(progress, "sealing cases"),
    )
    return _recorded(installation, Sealed(cohort, deviations, shortcuts, wall, repeats), accepted)


def _cut_off(installation: Installation, benchmark: Benchmark) -> Sealed | None:
    """A sealed cohort whose sealing was cut off between the folder and the ledger; recorded now."""
    sealed = installation.enclave().is_sealed(benchmark.name)
    if not sealed or installation.ledger().is_recorded("seal", benchmark.name):
        return None
    _, cohort = installation.sealed(benchmark.name)
    report = cast("dict[str, Any]", cohort.report)
    return _recorded(installation, as_sealed(cohort), Accepted(**report["accepted"]))


def _lay_out_practice(
    installation: Installation,
    benchmark: Benchmark,
    cut: Cut,
    progress: Callable[[int, int], None] | None,
) -> None:
    n_cases = benchmark.practice.cases
    if n_cases:
        lay_out(
            installation,
            benchmark.name,
            cut.opened,
            n_cases,
            seed=benchmark.cohort.seed,
            task=benchmark.task,
            progress=progress,
        )


def _of_checks(
    deviations: Sequence[Deviation],
    shortcuts: Sequence[Shortcut],
    wall: WallCheck,
    repeats: RepeatCounts,
    accepted: Accepted,
) -> dict[str, object]:
    """What is sealed of the checks, which ``as_sealed`` reads."""
    return {
        "deviations": [asdict(row) for row in deviations],
        # Without the most telling value: it may name a hospital.
        "shortcuts": [asdict(replace(shortcut, telling="")) for shortcut in shortcuts],
        "wall": asdict(replace(wall, listed=())),
        "repeats": asdict(repeats),
        "accepted": asdict(accepted),
    }


def _design(cut: Cut, target: Target) -> dict[str, CaseDesign]:
    """What is sealed with each drawn case: its probabilities and its cell of the target."""
    names = dict.fromkeys(part for margin in target.margins for part in margin.split(" x "))
    inclusion, chance = cut.inclusion[cut.drawn].tolist(), cut.chance[cut.drawn].tolist()
    return {
        case.case_id: CaseDesign(
            inclusion[i], chance[i], {name: value(case, name) for name in names}
        )
        for i, case in enumerate(cut.cohort)
    }


def _shortcuts(
    cut: Cut,
    benchmark: Benchmark,
    accepted: Accepted,
    progress: Callable[[int, int], None] | None,
) -> tuple[Shortcut, ...]:
    findings = header_audit(cut.cohort, benchmark, progress)
    if not accepted.shortcuts.strip():
        refuse_alarms(findings)
    return findings


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
    files = [case.files for case in cut.pool]
    prints = looked.look(files, _pictures(installation), pictures=look, progress=progress)
    drawn = frozenset(case.case_id for case in cut.cohort)
    counts = repeated_pictures.repeats(cut.pool, drawn, prints)
    path = repeats_list(installation, benchmark)
    if counts:
        write_bytes(path, repeated_pictures.table(counts))
    else:
        path.unlink(missing_ok=True)
    if not accepted.look_alikes.strip():
        repeated_pictures.refuse(counts, path)
    return repeated_pictures.counts(counts, len(prints.digests), looked=look)


def act(
    progress: Callable[[str, int, int], None] | None, name: str
) -> Callable[[int, int], None] | None:
    """The progress of one act, of what tells of several."""
    return None if progress is None else partial(progress, name)


def as_sealed(cohort: Cohort) -> Sealed:
    """What a cohort's own report says of the checks before it was sealed, by an earlier process."""
    report = cast("dict[str, Any]", cohort.report)
    return Sealed(
        cohort=cohort,
        deviations=tuple(Deviation(**row) for row in report["deviations"]),
        shortcuts=tuple(Shortcut(**row) for row in report["shortcuts"]),
        wall=WallCheck(**report["wall"]),
        repeats=RepeatCounts(**report["repeats"]) if "repeats" in report else None,
    )


def _recorded(installation: Installation, sealed: Sealed, accepted: Accepted) -> Sealed:
    parts = [sealed.cohort.digest, f"pictures {'' if sealed.wall.looked else 'not '}compared"]
    parts += [f"{what.replace('_', ' ')} accepted" for what, why in asdict(accepted).items() if why]
    ledger, study = installation.ledger(), sealed_study.of(sealed.cohort)
    if study is not None:
        ledger.verdicts.declare(sealed.cohort.name, study.digest, study.study.looks)
    ledger.record("seal", sealed.cohort.name, "; ".join(parts))
    return sealed


def _refuse_sealed(installation: Installation, benchmark: Benchmark) -> None:
    if installation.enclave().is_sealed(benchmark.name):
        raise StewardError(
            f"benchmark {benchmark.name!r} is sealed already; a sealed cohort never changes: "
            f"give a new draw a new benchmark name"
        )


def repeats_list(installation: Installation, benchmark: Benchmark) -> Path:
    """Where the pictures that repeat in the pool are listed, with their labels."""
    return installation.enclave().benchmark_folder(benchmark.name) / "repeated-pictures.csv"


def _pictures(installation: Installation) -> Path:
    """What was read of pictures, kept for the next seal."""
    return installation.enclave().folder / "pictures"
