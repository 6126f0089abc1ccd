"""Foretells the gaps that a study can test, and the groups that its release would withhold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby

from cohort_selection.case_table import CaseTable
from cohort_selection.matching.feasibility import (
    PlannedGap,
    Prospect,
    Subgroup,
    prospect,
)
from evaluator.benchmark.specification import Benchmark
from evaluator.scoring.analysis_plan import AnalysisPlan
from metrics.gaps.multiplicity import gap_weights
from metrics.planning.widths import Precision


def foreseen(benchmark: Benchmark, pool: CaseTable, seed: int) -> Prospect:
    """What a draw from ``pool``, the sequestered cases, would reach; nobody is drawn."""
    plan, analysis = benchmark.cohort, benchmark.analysis
    study = benchmark.study
    draw = prospect(
        pool,
        plan.drawn_target,
        plan.size,
        seed,
        subgroups=tuple(dict.fromkeys((*analysis.subgroups, *(study.grouped_by if study else ())))),
        precision=Precision(
            dict(analysis.assumed)["auroc"], analysis.confidence, analysis.interval
        ),
        cases_per_patient=plan.cases_per_patient,
        tolerance=plan.tolerance,
        minimum=plan.minimum,
        gaps=planned_gaps(analysis),
        least=(analysis.minimum_cases, analysis.minimum_per_class),
        crossed=study.single_attributes if study else (),
    )
    return replace(draw, subgroups=held_back(draw.subgroups, benchmark))


def held_back(groups: Sequence[Subgroup], benchmark: Benchmark) -> tuple[Subgroup, ...]:
    """The subgroups, each with what keeps its figures from being shown at its expected counts.

    A single one of an attribute takes the next smallest with it, or the total would give it away.
    """
    cell, analysis = benchmark.disclosure.minimum_cell, benchmark.analysis
    subgroups: list[Subgroup] = []
    for _, levels in groupby(groups, key=lambda group: group.attribute):
        of_attribute = [
            replace(group, held_back=_too_small(group, cell, analysis)) for group in levels
        ]
        small = [group for group in of_attribute if group.held_back]
        others = [group for group in of_attribute if not group.held_back]
        if len(small) == 1 and others and _smaller(small[0]) < cell:
            least = min(others, key=lambda group: (_smaller(group), group.level))
            place = of_attribute.index(least)
            of_attribute[place] = replace(
                least, held_back="withheld with the small one, to protect it"
            )
        subgroups += of_attribute
    return tuple(subgroups)


def _smaller(group: Subgroup) -> float:
    return min(group.positives, group.negatives)


def _too_small(group: Subgroup, cell: int, analysis: AnalysisPlan) -> str:
    everybody = group.positives + group.negatives
    if everybody < cell:
        return f"withheld: fewer than {cell} patients"
    if _smaller(group) < cell:
        kind = "positives" if group.positives < cell else "negatives"
        return f"withheld: fewer than {cell} {kind}"
    if everybody < analysis.minimum_cases:
        return f"insufficient data: fewer than {analysis.minimum_cases} patients"
    if _smaller(group) < analysis.minimum_per_class:
        return f"insufficient data: fewer than {analysis.minimum_per_class} of a class"
    return ""


def planned_gaps(analysis: AnalysisPlan) -> list[PlannedGap]:
    """The declared gaps, each with its share of alpha."""
    declared = analysis.declared_gaps
    if not declared:
        return []
    assumed = _assumed(analysis)
    weights = gap_weights(len(declared), primary=analysis.primary_gap is not None)
    return [
        PlannedGap(
            figure=figure,
            attribute=attribute,
            alpha=weight * (1.0 - analysis.confidence),
            assumed=assumed.get(figure),
        )
        for (figure, attribute), weight in zip(declared, weights, strict=True)
    ]


def _assumed(analysis: AnalysisPlan) -> dict[str, float]:
    """Assumed value of each figure; the false rates are what the true ones leave of 1."""
    assumptions = dict(analysis.assumed)
    turned = {
        "false_negative_rate": 1.0 - assumptions["sensitivity"],
        "false_positive_rate": 1.0 - assumptions["specificity"],
    }
    return {**turned, **assumptions}
