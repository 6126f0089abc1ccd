"""The plan of a study beside what was drawn, for the cohort's cards."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from cohort_selection.cases import Case
from cohort_selection.representativeness.planned_row import NeededFor, PlannedRow
from evaluator.benchmark.specification import Benchmark
from evaluator.planning.assumptions_of import PlanningError, used_keys
from evaluator.planning.shape import shape_of
from evaluator.planning.study_plan import ALL, SEED, Basis, fewest, of_drawn, powers, to_draw
from metrics.claims.spending import level_of_look
from metrics.planning import sizes
from metrics.planning.joint import Power, Used, first_level, nominal
from metrics.planning.sizes import Size
from metrics.planning.truth import PlannedCohort

_RUNS, _RUNS_OF_A_SIZE = 10_000, 2000


def rows(
    benchmark: Benchmark, cases: Sequence[Case], *, used: Used = nominal, step: int = 1
) -> tuple[PlannedRow, ...]:
    """A row for each claim and one for all: cases needed, cases drawn, power on these.

    ``used`` are the levels at which bounds are made. Drawn numbers, and the power that follows
    from them, are rounded down to multiples of ``step``. Raises PlanningError where what is
    assumed lets no claim be planned.
    """
    basis, cohort = of_drawn(benchmark, cases)
    cohort = _rounded(cohort, step)
    shape = shape_of(cohort, basis.ground.said["unreadable"].value)
    at = powers(basis, cohort, runs=_RUNS, used=used)
    study, truths = basis.study, basis.truths
    planned_rows = []
    for claim in study.claims:
        size = sizes.for_claim(study, claim, truths, shape, runs=_RUNS_OF_A_SIZE, seed=SEED)
        level = first_level(study, claim.name)
        smallest = fewest(cohort, claim)
        row = _row(claim.name, level, size, smallest, at[claim.name], shape.unreadable)
        planned_rows.append(replace(row, assumed=_assumed(basis, claim.name)))
    if len(study.claims) > 1:
        size = sizes.for_all(study, truths, shape, runs=_RUNS_OF_A_SIZE, seed=SEED)
        level = level_of_look(1, study.looks, study.alpha, study.spending)
        planned_rows.append(_row(ALL, level, size, cohort.counts, at[ALL], shape.unreadable))
    return tuple(planned_rows)


def public(
    benchmark: Benchmark, cases: Sequence[Case], *, used: Used, step: int
) -> list[dict[str, Any]]:
    """What everybody may read of the plan: no drawn number but rounded ones behind a power.

    Empty where nothing can be planned from what is assumed.
    """
    try:
        planned = rows(benchmark, cases, used=used, step=step)
    except PlanningError:
        return []
    return [
        {
            "claim": row.claim,
            "power": round(row.power, 2),
            "error": round(row.error, 3),
            "assumed": row.assumed,
            "needed": [
                {
                    "power": each.power,
                    "positives": each.positives,
                    "negatives": each.negatives,
                    "error": round(each.error, 1),
                }
                for each in row.needed
            ],
        }
        for row in planned
    ]


def _row(
    name: str,
    level: float,
    size: dict[float, Size | None],
    drawn: tuple[int, int],
    power: tuple[Power, Power],
    unreadable: float,
) -> PlannedRow:
    by_procedure = power[1]
    return PlannedRow(
        claim=name,
        level=level,
        needed=tuple(
            NeededFor(
                power=planned_size,
                positives=to_draw(drawn_size.positives, unreadable),
                negatives=to_draw(drawn_size.negatives, unreadable),
                error=drawn_size.error,
            )
            for planned_size, drawn_size in size.items()
            if drawn_size is not None
        ),
        positives=drawn[0],
        negatives=drawn[1],
        power=by_procedure.value,
        error=by_procedure.error,
    )


def _assumed(basis: Basis, name: str) -> str:
    claim = next(each for each in basis.study.claims if each.name == name)
    keys = used_keys(claim.parts, basis.ground.shape.images)
    return ", ".join(
        f"{key.replace('_', ' ')} {basis.assumed[name][key].value:.3g}" for key in keys
    )


def _rounded(cohort: PlannedCohort, step: int) -> PlannedCohort:
    return replace(
        cohort,
        strata=tuple(
            replace(
                each,
                positives=each.positives // step * step,
                negatives=each.negatives // step * step,
            )
            for each in cohort.strata
        ),
    )
