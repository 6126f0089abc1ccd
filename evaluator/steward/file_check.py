"""Tries a benchmark's file against a catalog before anything is split or drawn."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from cohort_selection.benchmark_keys.meant import did_you_mean
from cohort_selection.case_table import CaseTable
from cohort_selection.catalog import catalog
from cohort_selection.eligibility.criteria import SelectionError
from cohort_selection.eligibility.located import of_commons
from cohort_selection.matching.achievable import MatchingError
from cohort_selection.matching.feasibility import Prospect
from cohort_selection.sequestration.split import Part, split
from evaluator.benchmark.specification import Benchmark
from evaluator.claims.declaration import ClaimsError
from evaluator.planning.assumptions_of import PlanningError
from evaluator.planning.study_plan import hopeless
from evaluator.readers.declaration import PanelError
from evaluator.readers.sealed_reads import said_by_panels
from evaluator.scoring.analysis_plan import PlanError
from evaluator.steward.foreseen import foreseen
from evaluator.steward.study import of_hidden, said_by_comparators, sealable

MOST_LEVELS = 12
"""Levels of an attribute that a sentence lists."""


@dataclass(frozen=True, slots=True)
class Tried:
    """What a catalog says to a benchmark's file.

    ``problems`` must be corrected before a cohort can be drawn and scored as the file says.
    ``hidden`` are groups whose figures the disclosure rule would not show. ``prospect`` is what a
    draw would reach; None where no split or draw is possible.
    """

    n_cases: int
    problems: tuple[str, ...]
    hidden: tuple[str, ...] = ()
    prospect: Prospect | None = None


def try_file(
    benchmark: Benchmark,
    catalog_folder: Path,
    assigned: Mapping[str, Part] = MappingProxyType({}),
) -> Tried:
    """Select, split and plan as the steward's commands would; nothing is written.

    ``assigned`` are the patients that an installation has assigned already. The split of the others
    is one by chance, without an installation's secret.
    """
    plan = benchmark.cohort
    commons = catalog.read(catalog_folder)
    try:
        cases = of_commons(commons, plan.criteria).cases
    except SelectionError as refusal:
        return Tried(0, (str(refusal),))
    problems = [*_unknown_levels(benchmark, cases)]
    try:
        names = {name for _, by in benchmark.analysis.declared_gaps for name in by.split(" x ")}
        benchmark.analysis.refuse_single_levels(cases.combinations(sorted(names)))
    except PlanError as refusal:
        problems.append(f"[analysis]: {refusal}")
    parts = split(
        cases,
        variables=plan.stratify,
        sequestered_share=plan.sequestered_share,
        seed=plan.seed,
        assigned=assigned,
        within=plan.within,
    )
    pool = cases.of_patients(parts.sequestered)
    if not pool:
        problems.append(
            "no patient is sequestered, so no cohort can be drawn; raise sequestered_share, or "
            "give a larger catalog"
        )
        return Tried(len(cases), tuple(problems))
    try:
        prospect = foreseen(benchmark, pool, plan.seed)
    except MatchingError as refusal:
        return Tried(len(cases), (*problems, str(refusal)))
    if prospect.refusal and not problems:
        problems.append(prospect.refusal)
    if not any(each.startswith("claim ") for each in problems):
        problems += _of_claims(benchmark, pool, prospect)
    if benchmark.study is not None and not problems:
        problems += _hopeless(benchmark, pool, prospect)
    hidden = [f"{group.name}: {group.held_back}" for group in prospect.subgroups if group.held_back]
    return Tried(
        n_cases=len(cases), problems=tuple(problems), hidden=tuple(hidden), prospect=prospect
    )


def _hopeless(benchmark: Benchmark, pool: CaseTable, prospect: Prospect) -> list[str]:
    """Claims that a cohort of this pool would show with a power below 0.5."""
    try:
        return list(hopeless(benchmark, (prospect, pool)))
    except (PlanningError, ClaimsError) as problem:
        return [str(problem)]


def _unknown_levels(benchmark: Benchmark, cases: CaseTable) -> Iterator[str]:
    """Levels that the file names and that no case has."""
    target = benchmark.cohort.target.margins
    named = [
        ("[cohort.target]", attribute, level)
        for attribute, shares in target.items()
        for level, share in shares.items()
        if share
    ]
    named += [("[analysis] references", *each) for each in benchmark.analysis.references]
    claims = () if benchmark.study is None else benchmark.study.claims
    named += [(f"claim {claim.name!r}", *each) for claim in claims for each in claim.within]
    occurring: dict[str, dict[str, int]] = {}
    reported: set[tuple[str, str, str]] = set()
    for where, attribute, level in named:
        for name, part in zip(attribute.split(" x "), level.split(" x "), strict=False):
            if name not in occurring:
                occurring[name] = cases.patients_by(name)
            levels = occurring[name]
            if part not in levels and (where, name, part) not in reported:
                reported.add((where, name, part))
                yield (
                    f"{where} names {name} {part!r}, which no case has"
                    f"{did_you_mean(part, levels)}; the levels that occur, with their patients, "
                    f"are {_listed(levels)}: give one of these"
                )


def _of_claims(benchmark: Benchmark, pool: CaseTable, prospect: Prospect) -> Iterator[str]:
    """What keeps the claims from being sealed on a cohort of this pool."""
    study = benchmark.study
    try:
        said_by_panels(benchmark.panels, benchmark.path.parent, pool)
    except PanelError as refusal:
        yield str(refusal)
    if study is None:
        return
    problems = 0
    try:
        for problem in of_hidden(study, pool, prospect.subgroups):
            problems += 1
            yield problem
        said_by_comparators(study, benchmark.path.parent, pool)
        if not problems and not prospect.refusal:
            sealable(benchmark, study, pool)
    except ClaimsError as refusal:
        yield str(refusal)


def _listed(levels: Mapping[str, int]) -> str:
    """The levels with the most patients, each with their number."""
    ordered = sorted(levels, key=lambda level: (-levels[level], level))
    more = f" and {len(ordered) - MOST_LEVELS} more" if len(ordered) > MOST_LEVELS else ""
    return ", ".join(f"{each} ({levels[each]})" for each in ordered[:MOST_LEVELS]) + more
