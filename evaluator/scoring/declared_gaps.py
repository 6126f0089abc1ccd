"""Tests the gaps that a plan declares, plain and adjusted for their number."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from evaluator.scoring.analysis_plan import AnalysisPlan
from evaluator.scoring.groups import PlanGroup
from evaluator.scoring.results import ALL_LEVELS, Result
from metrics.arrays import Ints
from metrics.estimate import Estimate, UndefinedMetric
from metrics.figure_name import FigureName, Kind
from metrics.gaps import multiplicity
from metrics.gaps.tests import GapTest
from metrics.group import Group

PERMUTATIONS = 2_000
"""Of each declared gap."""

Test = Callable[[str, Ints, str], GapTest]
"""Tests a figure between the levels (cases,) of an attribute; raises UndefinedMetric."""


def declared_gaps(
    parts: Sequence[PlanGroup], whole: Group, plan: AnalysisPlan, test: Test
) -> Iterator[Result]:
    """P-values of the gaps that the plan declares, plain and adjusted for their number."""
    found: list[Estimate] = []
    for figure, attribute in plan.declared_gaps:
        code = np.full(whole.y.size, -1, dtype=np.int64)
        mine = [part for part in parts if part.attribute == attribute]
        tested = [part for part in mine if part.lacking is None]
        for number, part in enumerate(tested):
            code[part.member] = number
        if len(tested) < 2:
            reason = f"insufficient data: {len(tested)} of {len(mine)} levels have enough"
            found.append(whole.undefined(reason))
            continue
        try:
            made = test(figure, code, attribute)
        except UndefinedMetric as reason:
            found.append(whole.undefined(str(reason)))
            continue
        method = f"{made.method}; levels: {len(tested)} of {len(mine)}"
        found.append(whole.estimate(made.p_value, (None, None), method))
    if not found:
        return
    shares = multiplicity.gap_weights(len(found), primary=True)
    adjusted = multiplicity.fallback([estimate.value for estimate in found], shares)
    for (figure, attribute), plain, p in zip(plan.declared_gaps, found, adjusted, strict=True):
        name = FigureName.read(figure)
        yield Result(name.of_kind(Kind.GAP_P), attribute, ALL_LEVELS, plain)
        if p is not None:
            method = f"fallback procedure over {len(found)} declared gaps"
            estimate = replace(plain, value=p, method=method)
            yield Result(name.of_kind(Kind.GAP_P_ADJUSTED), attribute, ALL_LEVELS, estimate)
