"""Gathers what a cohort's card shows: from the catalog, the match and, once there, the seal."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any, cast

from cohort_selection.card import (
    Card,
    Inclusion,
    SealChecks,
    compare,
    count_doubts,
    level_shares,
    over_batches,
)
from cohort_selection.cells import LABEL
from cohort_selection.cohort import Cohort
from cohort_selection.leakage import WallCheck
from cohort_selection.repeated_pictures import RepeatCounts
from evaluator.installation import Installation
from evaluator.specification import Benchmark
from evaluator.steward import cut_of, header_audit


def draw_card(
    installation: Installation,
    benchmark: Benchmark,
    catalog_folder: Path,
    *,
    progress: Callable[[int, int], None] | None = None,
) -> Card:
    """Gather the card of a cohort that is matched, sealed or not yet.

    Raises StewardError where there is no match, or the catalog no longer has its cases.
    """
    cut = cut_of(installation, benchmark, catalog_folder)
    plan = benchmark.cohort
    shortcuts = header_audit(cut.cohort, benchmark, progress)
    named = [part for name in plan.target.margins for part in name.split(" x ")]
    attributes = tuple(dict.fromkeys([*named, *plan.criteria.attributes, LABEL]))
    matched = tuple(dict.fromkeys(named)) or attributes
    enclave = installation.enclave()
    sealed = enclave.cohort(benchmark.name) if enclave.is_sealed(benchmark.name) else None
    chances = [cut.chance[patient] for patient in {case.patient_id for case in cut.cohort}]
    return Card(
        title=benchmark.title,
        digest=sealed.digest if sealed else "",
        n_cases=len(cut.cohort),
        n_patients=len({case.patient_id for case in cut.cohort}),
        flow=cut.flow,
        levels=level_shares(attributes, plan.target, cut.cohort, cut.pool, cut.opened),
        comparisons=compare(matched, plan.target, cut.cohort, cut.pool, cut.opened, cut.chance),
        batches=over_batches(matched, plan.target, cut.batches),
        inclusion=Inclusion(
            min(chances), median(chances), max(chances), cut.certain_share, cut.excluded_share
        ),
        estimand=plan.estimand,
        binding=cut.binding,
        shortcuts=shortcuts,
        checks=_checks(sealed) if sealed else None,
        doubts=count_doubts(cut.doubts, cut.cohort, cut.pool),
    )


def _checks(cohort: Cohort) -> SealChecks:
    report = cast("dict[str, Any]", cohort.report)
    return SealChecks(
        WallCheck(**report["wall"]),
        report["burned_in_annotation_files"],
        report["compressed_files_with_a_comment"],
        report["accepted"],
        RepeatCounts(**report["repeats"]) if "repeats" in report else None,
    )
