"""Gathers a cohort's card from the catalog, the match and the seal."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any, cast

from cohort_selection.atomic_files import write_bytes
from cohort_selection.cases import LABEL, Case
from cohort_selection.leakage.burned_in_text import suspects
from cohort_selection.leakage.duplicates import WallCheck
from cohort_selection.leakage.repeated_pictures import RepeatCounts
from cohort_selection.representativeness.card import (
    Card,
    Inclusion,
    SealChecks,
    TextCheck,
    compare,
    count_doubts,
    level_shares,
    over_batches,
)
from cohort_selection.representativeness.planned_row import PlannedRow
from cohort_selection.sealing.cohort import Cohort
from evaluator.benchmark.specification import Benchmark
from evaluator.claims import sealed_study
from evaluator.planning import beside_drawn
from evaluator.planning.assumptions_of import PlanningError
from evaluator.steward.pool import Cut, cut_of
from evaluator.steward.steward import act, header_audit
from evaluator.stores.installation import Installation
from metrics.planning.joint import nominal


def draw_card(
    installation: Installation,
    benchmark: Benchmark,
    catalog_folder: Path,
    *,
    text: bool = True,
    suspects_list: Path | None = None,
    progress: Callable[[str, int, int], None] | None = None,
) -> Card:
    """Gather the card of a cohort that is matched, sealed or not yet.

    ``text`` looks for burned-in text in the pictures of the cohort's cases; ``suspects_list`` is
    where the suspected files are written, as CSV. ``progress`` is called with an act, what is done
    and all.

    Raises StewardError where there is no match, or the catalog no longer has its cases.
    """
    cut = cut_of(installation, benchmark, catalog_folder)
    plan = benchmark.cohort
    shortcuts = header_audit(cut.cohort, benchmark, act(progress, "reading headers"))
    looked = (
        _look_for_text(cut.cohort, suspects_list, act(progress, "looking for text"))
        if text
        else None
    )
    named = [part for name in plan.target.margins for part in name.split(" x ")]
    attributes = tuple(dict.fromkeys([*named, *plan.criteria.attributes, LABEL]))
    matched = tuple(dict.fromkeys(named)) or attributes
    enclave = installation.enclave()
    sealed = enclave.cohort(benchmark.name) if enclave.is_sealed(benchmark.name) else None
    planned, unplanned = _planned(benchmark, cut.cohort, sealed)
    return Card(
        title=benchmark.title,
        digest=sealed.digest if sealed else "",
        n_cases=len(cut.cohort),
        n_patients=cut.cohort.n_patients,
        flow=cut.flow,
        levels=level_shares(attributes, plan.target, cut.cohort, cut.pool, cut.opened),
        comparisons=compare(matched, plan.target, cut.cohort, cut.pool, cut.opened, cut.chance),
        batches=over_batches(
            matched,
            plan.target,
            cut.batches.names,
            (cut.opened, cut.batches.opened),
            (cut.hidden, cut.batches.hidden),
        ),
        inclusion=_inclusion(cut),
        estimand=plan.estimand,
        binding=cut.binding,
        shortcuts=shortcuts,
        checks=_checks(sealed) if sealed else None,
        doubts=count_doubts(cut.doubts, cut.cohort.rows, cut.pool.rows),
        text=looked,
        planned=planned,
        unplanned=unplanned,
    )


def _inclusion(cut: Cut) -> Inclusion:
    of_patient = dict(zip(cut.cohort.patient.tolist(), cut.chance[cut.drawn].tolist(), strict=True))
    chances = list(of_patient.values())
    return Inclusion(
        lowest=min(chances),
        median=median(chances),
        highest=max(chances),
        certain_share=cut.certain_share,
        excluded_share=cut.excluded_share,
    )


def _planned(
    benchmark: Benchmark, cases: Sequence[Case], sealed: Cohort | None
) -> tuple[tuple[PlannedRow, ...], str]:
    """The plan beside what was drawn, or why there is none; empty without claims."""
    if benchmark.study is None:
        return (), ""
    study = sealed_study.of(sealed) if sealed is not None else None
    try:
        return beside_drawn.rows(
            benchmark, cases, used=nominal if study is None else study.used
        ), ""
    except PlanningError as problem:
        return (), f"no plan: {problem}"


def _look_for_text(
    cohort: Sequence[Case], listed_in: Path | None, progress: Callable[[int, int], None] | None
) -> TextCheck:
    """Count the images with a line that looks like text, and list them where that is asked for."""
    case_of = {file: case for case in cohort for file in case.files}
    with_text, looked = suspects(list(case_of), progress=progress)
    if listed_in is not None:
        written = io.StringIO(newline="")
        rows = csv.writer(written, lineterminator="\n")
        rows.writerow(["patient_id", "case_id", "file"])
        rows.writerows([case_of[f].patient_id, case_of[f].case_id, f] for f in with_text)
        write_bytes(listed_in, written.getvalue().encode())
    return TextCheck(len(with_text), looked)


def _checks(cohort: Cohort) -> SealChecks:
    report = cast("dict[str, Any]", cohort.report)
    return SealChecks(
        wall=WallCheck(**report["wall"]),
        burned_in_files=report["burned_in_annotation_files"],
        commented_files=report["compressed_files_with_a_comment"],
        accepted=report["accepted"],
        repeats=RepeatCounts(**report["repeats"]) if "repeats" in report else None,
    )
