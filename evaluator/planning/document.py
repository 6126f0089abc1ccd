"""The plan of a study as JSON: every number with all that was assumed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cohort_selection.atomic_files import write_bytes
from evaluator.planning.assumptions_of import Assumption
from evaluator.planning.drawing import power_svg
from evaluator.planning.errors import PartError
from evaluator.planning.study_plan import ALL, PlannedClaim, StudyPlan, to_draw
from metrics.planning.joint import Power
from metrics.planning.sizes import Size


def write(folder: Path, plan: StudyPlan, errors: tuple[PartError, ...] = ()) -> None:
    """Write plan.json and power.svg, each whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    write_bytes(folder / "plan.json", to_json(plan, errors).encode())
    if drawn := power_svg(plan):
        write_bytes(folder / "power.svg", drawn.encode())


def to_json(plan: StudyPlan, errors: tuple[PartError, ...] = ()) -> str:
    """Keys in a fixed order; numbers of cases are readable ones and those to draw."""
    content = {
        "benchmark": plan.benchmark,
        "alpha": plan.alpha,
        "procedure": plan.procedure,
        "looks": plan.looks,
        "spending": plan.spending,
        "look": 1,
        "simulated_studies": plan.runs,
        "assumed": _assumed(plan.said),
        "cohort": _cohort(plan),
        "claims": [_claim(each, plan) for each in plan.claims if each.name != ALL],
        "all_claims": _claim(plan.claims[-1], plan),
        "errors_at_goal": [_error(each) for each in errors],
        "curve": [
            {"positives": n, "power": {name: _power(power) for name, power in at.items()}}
            for n, at in plan.curve.items()
        ],
    }
    return json.dumps(content, indent=2, sort_keys=True, allow_nan=False) + "\n"


def _cohort(plan: StudyPlan) -> dict[str, Any] | None:
    if plan.cohort is None:
        return None
    positives, negatives = plan.cohort.counts
    return {
        "patients": plan.patients,
        "readable_positives": positives,
        "readable_negatives": negatives,
        "positives_left_to_chance": plan.cohort.sampled,
    }


def _claim(claim: PlannedClaim, plan: StudyPlan) -> dict[str, Any]:
    return {
        "name": claim.name or "all claims",
        "level": claim.level,
        "assumed": _assumed(claim.assumed),
        "needed": {f"{power:g}": _size(size, plan) for power, size in claim.sizes.items()},
        "power_alone": _power(claim.alone),
        "power_by_procedure": _power(claim.met),
        "fewest_readable": claim.counts and dict(
            zip(("positives", "negatives"), claim.counts, strict=True)
        ),
    }  # fmt: skip


def _assumed(assumptions: Mapping[str, Assumption]) -> dict[str, Any]:
    return {key: {"value": each.value, "source": each.source} for key, each in assumptions.items()}


def _size(size: Size | None, plan: StudyPlan) -> dict[str, Any] | None:
    if size is None:
        return None
    unreadable = plan.shape.unreadable
    return {
        "readable_positives": size.positives,
        "readable_negatives": size.negatives,
        "positives_to_draw": to_draw(size.positives, unreadable),
        "negatives_to_draw": to_draw(size.negatives, unreadable),
        "error_of_positives": size.error,
        "exact": size.error == 0.0,
        "every_larger_up_to": size.looked_to or None,
        "power": size.power,
    }


def _power(power: Power | None) -> dict[str, float] | None:
    return None if power is None else {"value": power.value, "error": power.error}


def _error(each: PartError) -> dict[str, Any]:
    return {
        "claim": each.claim,
        "figure": each.part.figure,
        "goal": each.part.goal,
        "group": [each.part.attribute, each.part.level] if each.part.attribute else None,
        "refused": each.refused or None,
        "levels": [
            {
                "nominal": one.nominal,
                "used": one.used,
                "error": one.error,
                "standard_error": one.standard_error,
            }
            for one in each.levels
        ],
    }
