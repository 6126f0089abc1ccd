"""The card of a cohort that everybody may read: what a release would show of it, and the flow.

Counts, target and shares pass through ``release``, so that a card shows nothing of the cohort that
a release of the benchmark would not. The flow is of the whole commons: a rule that excluded fewer
than the minimum is told together with the next, and all numbers of the flow are rounded.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

from cohort_selection.cases import Case, value
from cohort_selection.eligibility.flow_diagram import FlowStep
from evaluator.disclosure.control import release
from evaluator.disclosure.rounding import nearest
from evaluator.disclosure.rule import Disclosure, DisclosureError
from evaluator.disclosure.suppression import JOINT
from evaluator.scoring.results import OVERALL, Evaluation, Result, TargetLevel
from evaluator.scoring.target_population import against_target
from metrics.estimate import Estimate
from submissions.submission import State, Submission

_LEAST_STEP = 5
"""Counts of the flow are rounded to this at least, also where a benchmark rounds none."""
_COUNTED = "auroc"
"""A figure's name: counts stand beside figures, and this one has a value for nobody here."""


@dataclass(frozen=True, slots=True)
class PublicStep:
    """One or several rules: studies excluded, studies and patients left, all rounded."""

    rules: tuple[str, ...]
    excluded: int
    remaining: int
    patients: int


@dataclass(frozen=True, slots=True)
class PublicLevel:
    """A level of the target, its share there and in the cohort; None where that is withheld."""

    attribute: str
    level: str
    target: float
    achieved: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CohortCard:
    """What everybody may know of a cohort; ``n_positive`` is None where it is withheld.

    ``claims`` has the digest of the study that is sealed with it; None where it claims nothing.
    """

    n_cases: int
    n_patients: int
    n_positive: int | None
    estimand: str
    minimum_cell: int
    count_step: int
    flow: tuple[PublicStep, ...]
    levels: tuple[PublicLevel, ...]
    claims: Mapping[str, Any] | None = field(default=None, hash=False)  # pages are kept by it

    def to_json(self) -> str:
        """Write JSON with sorted keys."""
        content = asdict(self)
        if self.claims is None:  # a card of a former build is so written as it was read
            del content["claims"]
        return json.dumps(content, sort_keys=True, indent=1, ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> CohortCard:
        """Read what ``to_json`` wrote; raise DisclosureError for anything else."""
        try:
            fields: dict[str, Any] = json.loads(text)
            steps = [{**step, "rules": tuple(step["rules"])} for step in fields.pop("flow")]
            levels = fields.pop("levels")
            return cls(
                **fields,
                flow=tuple(PublicStep(**step) for step in steps),
                levels=tuple(PublicLevel(**level) for level in levels),
            )
        except (ValueError, TypeError, KeyError, AttributeError) as problem:
            raise DisclosureError(
                f"a cohort's card cannot be read ({problem}); expected the JSON that `sequestra "
                f"seal` writes: restore it from a copy"
            ) from problem


def cohort_card(
    cases: Sequence[Case],
    flow: Sequence[FlowStep],
    *,
    target: Mapping[str, Mapping[str, float]],
    groups: Sequence[str],
    case_control: bool,
    estimand: str,
    rule: Disclosure,
) -> CohortCard:
    """Make the card of a cohort's cases under its benchmark's disclosure rule.

    ``target`` has the shares of each level, ``groups`` are the attributes and intersections that
    the benchmark's reports show.
    """
    evaluation = _counts(cases, target, groups, case_control=case_control)
    shown = release(evaluation, submission=_NOBODY, cohort_digest="", rule=rule)
    levels = () if shown.target is None else shown.target.levels
    return CohortCard(
        n_cases=shown.n_cases,
        n_patients=shown.n_patients,
        n_positive=shown.n_positive,
        estimand=estimand,
        minimum_cell=rule.minimum_cell,
        count_step=max(rule.count_step, _LEAST_STEP),
        flow=public_flow(flow, rule),
        levels=tuple(
            PublicLevel(
                row.attribute,
                row.level,
                row.target,
                None if row.achieved is None else round(row.achieved, 4),
            )
            for row in _in_order(levels)
        ),
    )


_NOBODY = Submission(
    submission_id="card",
    team="",
    model="",
    benchmark="",
    image_digest="",
    threshold=0.5,
    state=State.RELEASED,
    received=datetime(1970, 1, 1, tzinfo=UTC),
)


def public_flow(flow: Sequence[FlowStep], rule: Disclosure) -> tuple[PublicStep, ...]:
    """The flow without small steps: neighbours that excluded few are told as one.

    A last step that stays small is told with the one before it.
    """
    step = max(rule.count_step, _LEAST_STEP)
    groups: list[list[FlowStep]] = []
    waiting = False
    for row in flow:
        if waiting:
            groups[-1].append(row)
        else:
            groups.append([row])
        waiting = 0 < sum(each.excluded for each in groups[-1]) < rule.minimum_cell
    if waiting and len(groups) > 1:
        last = groups.pop()
        groups[-1].extend(last)
    return tuple(
        PublicStep(
            tuple(each.rule for each in group),
            nearest(sum(each.excluded for each in group), step),
            nearest(group[-1].remaining, step),
            nearest(group[-1].patients, step),
        )
        for group in groups
    )


def _counts(
    cases: Sequence[Case],
    target: Mapping[str, Mapping[str, float]],
    groups: Sequence[str],
    *,
    case_control: bool,
) -> Evaluation:
    """An evaluation that counts the groups of a cohort and holds no figure."""
    results = [_counted(*OVERALL, cases)]
    for attribute in groups:
        by_level: dict[str, list[Case]] = {}
        for case in cases:
            by_level.setdefault(value(case, attribute), []).append(case)
        results += [
            _counted(attribute, level, counts) for level, counts in sorted(by_level.items())
        ]
    compared = against_target(cases, target, case_control=case_control)
    return Evaluation(
        plan_digest="",
        code_version="",
        n_cases=len(cases),
        n_patients=len({case.patient_id for case in cases}),
        n_positive=sum(case.label for case in cases),
        results=tuple(results),
        curves=(),
        target=None if compared is None else compared.comparison,
    )


def _counted(attribute: str, level: str, cases: Sequence[Case]) -> Result:
    estimate = Estimate(
        value=None,
        low=None,
        high=None,
        n_cases=len(cases),
        n_patients=len({case.patient_id for case in cases}),
        n_positive=sum(case.label for case in cases),
        method="",
        undefined="not scored",
    )
    return Result.named(_COUNTED, attribute, level, estimate)


def _in_order(levels: Sequence[TargetLevel]) -> list[TargetLevel]:
    """Attributes as the benchmark has them; ages by years, whether shown or withheld."""
    attributes = list(dict.fromkeys(row.attribute for row in levels))
    return sorted(levels, key=lambda row: (attributes.index(row.attribute), _age(row)))


def _age(row: TargetLevel) -> tuple[int, float]:
    if "age" not in row.attribute.split("_") or JOINT in row.attribute:
        return 0, 0.0
    years = re.match(r"(under )?(\d+)", row.level)
    if years is None:
        return 1, 0.0
    return 0, float(years[2]) - (0.5 if years[1] else 0.0)
