"""The [analysis] table: figures and subgroups, declared before any score is seen."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from metrics.estimate import UndefinedMetric
from metrics.gaps.tests import refuse_undeclarable
from metrics.group import DESIGNS, SAMPLED

NOT_REPORTED = "Not Reported"
"""The level of an attribute that nobody knows; never what others are compared with."""

ASSUMED = (("auroc", 0.85), ("sensitivity", 0.8), ("specificity", 0.8))
"""What planning takes the figures to be where the benchmark does not say."""


class PlanError(ValueError):
    """The [analysis] table cannot be followed; the message names the file and the key."""


@dataclass(frozen=True, slots=True)
class AnalysisPlan:
    """Figures, groups and intervals of an evaluation; its digest goes with every result.

    A group with fewer than ``minimum_cases`` patients, or fewer than ``minimum_per_class``
    patients with a positive or with a negative case, gets no figure. ``sampling_design`` is
    "fixed-prevalence" where the number of positives was set by design and "sampled" where it was
    left to chance; every figure, interval and gap follows it. ``fixed_attributes`` are those within
    whose levels it was set too. ``primary_gap`` and ``gaps`` are the differences between groups, as
    (figure, attribute), that are tested; all others are described. ``assumed`` holds what planning
    takes figures to be. ``interval`` is "score", "logit" or "symmetric" (as pROC) for the AUROC.
    ``specificities``, ``sensitivities`` and ``prevalences`` name further operating points,
    ``partial_auroc`` a range of false positive rates, ``smooth_calibration`` where curves are
    fitted ("overall", "all" groups or "none"), and ``references`` the level of an attribute that
    its others are compared with.
    """

    primary: str = "auroc"
    subgroups: tuple[str, ...] = ()
    intersections: tuple[tuple[str, ...], ...] = ()
    minimum_cases: int = 20
    minimum_per_class: int = 10
    confidence: float = 0.95
    replicates: int = 2000
    seed: int = 0
    sampling_design: str = SAMPLED
    fixed_attributes: tuple[str, ...] = ()
    primary_gap: tuple[str, str] | None = None
    gaps: tuple[tuple[str, str], ...] = ()
    assumed: tuple[tuple[str, float], ...] = ASSUMED
    threshold: float | None = None
    interval: str = "score"
    ece_bins: int = 10
    specificities: tuple[float, ...] = ()
    sensitivities: tuple[float, ...] = ()
    prevalences: tuple[float, ...] = ()
    partial_auroc: tuple[float, ...] = ()
    smooth_calibration: str = "overall"
    references: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        """Refuse a plan that cannot be followed."""
        for problem in _problems(self):
            raise PlanError(problem)

    @property
    def declared_gaps(self) -> tuple[tuple[str, str], ...]:
        """The gaps that are tested, the primary one first; (figure, attribute)."""
        first = () if self.primary_gap is None else (self.primary_gap,)
        return (*first, *self.gaps)

    def refuse_single_levels(self, levels: Mapping[str, Iterable[str]]) -> None:
        """Raise PlanError where a declared gap has fewer than two levels to compare.

        ``levels`` maps each attribute to the level of each case.
        """
        for figure, attribute in self.declared_gaps:
            names = (attribute,) if attribute in levels else attribute.split(" x ")
            columns = (levels[name] for name in names)
            found = sorted({" x ".join(each) for each in zip(*columns, strict=True)})
            if len(found) < 2:
                raise PlanError(
                    f"the gap {figure} by {attribute} compares nothing: all cases are "
                    f"{found[0] if found else 'missing'!r}; declare a gap by an attribute that "
                    "has two levels here"
                )

    @property
    def digest(self) -> str:
        """SHA-256 over every choice, so that two results can be seen to follow one plan."""
        text = json.dumps(asdict(self), sort_keys=True, separators=(",", ":"))
        return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def read_plan(table: Mapping[str, object], path: Path) -> AnalysisPlan:
    """Read the [analysis] table of a benchmark file.

    ``intersections`` holds lists of attributes, or strings such as "race x sex";
    ``references`` maps an attribute to the level that others are compared with. Raises PlanError.
    """
    known = set(_READERS)
    for key in table:
        if key == "stratified":
            raise PlanError(
                f"{path.name} [analysis]: 'stratified' is no key any more; give sampling_design = "
                f'"fixed-prevalence" where it was true, or "sampled" where it was false'
            )
        if key not in known:
            raise PlanError(
                f"{path.name} [analysis]: {key!r} is not a key; the keys are "
                f"{', '.join(sorted(known))}"
            )
    values: dict[str, object] = {}
    for key, value in table.items():
        values[key] = _READERS[key](value, f"{path.name} [analysis] {key}")
    try:
        return AnalysisPlan(**values)  # type: ignore[arg-type]
    except PlanError as problem:
        raise PlanError(f"{path.name} [analysis]: {problem}") from None


def _problems(plan: AnalysisPlan) -> list[str]:
    shares = (*plan.specificities, *plan.sensitivities, *plan.prevalences)
    rules = (
        (plan.minimum_cases >= 2, f"minimum_cases is {plan.minimum_cases}; give 2 or more"),
        (
            plan.minimum_per_class >= 1,
            f"minimum_per_class is {plan.minimum_per_class}; give 1 or more",
        ),
        (0.5 <= plan.confidence < 1, f"confidence is {plan.confidence}; give 0.5 to 0.999"),
        (
            plan.replicates == 0 or 100 <= plan.replicates <= 1_000_000,
            f"replicates is {plan.replicates}; give 100 to 1,000,000, or 0 for no ROC band",
        ),
        (0 <= plan.seed < 2**63, f"seed is {plan.seed}; give a whole number from 0"),
        (
            plan.threshold is None or math.isfinite(plan.threshold),
            f"threshold is {plan.threshold}; give a number on the scale of the scores",
        ),
        (
            plan.interval in ("score", "logit", "symmetric"),
            f"interval is {plan.interval!r}; give 'score', 'logit' or 'symmetric'",
        ),
        (
            plan.partial_auroc == ()
            or (
                len(plan.partial_auroc) == 2
                and 0 <= plan.partial_auroc[0] < plan.partial_auroc[1] <= 1
            ),
            f"partial_auroc is {list(plan.partial_auroc)}; give [low, high] false positive rates",
        ),
        (
            plan.smooth_calibration in ("overall", "all", "none"),
            f"smooth_calibration is {plan.smooth_calibration!r}; give 'overall', 'all' or 'none'",
        ),
        (2 <= plan.ece_bins <= 100, f"ece_bins is {plan.ece_bins}; give 2 to 100"),
        (
            all(0 < share < 1 for share in shares),
            "specificities, sensitivities and prevalences lie between 0 and 1",
        ),
        (
            all(len(set(names)) == len(names) >= 2 for names in plan.intersections),
            "an intersection names two or more different attributes",
        ),
        (
            len(set(plan.subgroups)) == len(plan.subgroups)
            and len(set(plan.intersections)) == len(plan.intersections),
            "a subgroup or an intersection is named twice",
        ),
        (
            plan.sampling_design in DESIGNS,
            f"sampling_design is {plan.sampling_design!r}; give {' or '.join(map(repr, DESIGNS))}",
        ),
        *_gap_rules(plan),
        (
            all(name in dict(ASSUMED) and 0 < value < 1 for name, value in plan.assumed),
            f"assumed holds {', '.join(dict(ASSUMED))}, each between 0 and 1",
        ),
        (
            all(NOT_REPORTED not in level.split(" x ") for _, level in plan.references),
            f"references names {NOT_REPORTED!r}; compare with a level that is known",
        ),
        ("overall" not in plan.subgroups, "'overall' is always there and cannot be a subgroup"),
    )
    return [message for holds, message in rules if not holds]


def _gap_rules(plan: AnalysisPlan) -> list[tuple[bool, str]]:
    attributes = {*plan.subgroups, *(" x ".join(names) for names in plan.intersections)}
    declared = plan.declared_gaps
    rules = [
        (
            plan.primary_gap is not None or not plan.gaps,
            "gaps are declared and no primary_gap; name the first of them primary_gap",
        ),
        (len(set(declared)) == len(declared), "a gap is declared twice"),
    ]
    for figure, attribute in declared:
        rules += [
            (not (refused := _untested(figure)), refused),
            (
                attribute in attributes,
                f"the gap {figure} by {attribute} names no subgroup or intersection of the plan, "
                f"which has {', '.join(sorted(attributes)) or 'none'}; add "
                f"{attribute} to its subgroups, or drop the gap",
            ),
        ]
    return rules


def _untested(figure: str) -> str:
    """Why a figure's gap cannot be declared; empty where it can."""
    try:
        refuse_undeclarable(figure)
    except UndefinedMetric as reason:
        return str(reason)
    return ""


def _gap(value: object, where: str) -> tuple[str, str]:
    text = _text(value, where)
    figure, by, attribute = text.partition(" by ")
    if not by or not figure.strip() or not attribute.strip():
        raise PlanError(f"{where} is {text!r}; give a figure by an attribute, as 'auroc by sex'")
    return figure.strip(), attribute.strip()


def _gaps(value: object, where: str) -> tuple[tuple[str, str], ...]:
    return tuple(_gap(item, where) for item in _items(value, where))


def _assumed(value: object, where: str) -> tuple[tuple[str, float], ...]:
    if not isinstance(value, Mapping):
        raise PlanError(f"{where} is {value!r}; give a table: figure = value")
    given = {str(key): _number(number, where) for key, number in value.items()}
    return tuple(sorted({**dict(ASSUMED), **given}.items()))


def _text(value: object, where: str) -> str:
    if not isinstance(value, str) or not value:
        raise PlanError(f"{where} is {value!r}; give a text")
    return value


def _whole(value: object, where: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise PlanError(f"{where} is {value!r}; give a whole number")
    return value


def _number(value: object, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise PlanError(f"{where} is {value!r}; give a number")
    return float(value)


def _items(value: object, where: str) -> Sequence[object]:
    if not isinstance(value, list | tuple):
        raise PlanError(f"{where} is {value!r}; give a list")
    return value


def _texts(value: object, where: str) -> tuple[str, ...]:
    return tuple(_text(item, where) for item in _items(value, where))


def _numbers(value: object, where: str) -> tuple[float, ...]:
    return tuple(_number(item, where) for item in _items(value, where))


def _intersections(value: object, where: str) -> tuple[tuple[str, ...], ...]:
    return tuple(
        tuple(part.strip() for part in item.split(" x "))
        if isinstance(item, str)
        else _texts(item, where)
        for item in _items(value, where)
    )


def _references(value: object, where: str) -> tuple[tuple[str, str], ...]:
    if not isinstance(value, Mapping):
        raise PlanError(f"{where} is {value!r}; give a table: attribute = level")
    return tuple(sorted((str(key), _text(level, where)) for key, level in value.items()))


_READERS = {
    "primary": _text,
    "subgroups": _texts,
    "intersections": _intersections,
    "minimum_cases": _whole,
    "minimum_per_class": _whole,
    "confidence": _number,
    "replicates": _whole,
    "seed": _whole,
    "sampling_design": _text,
    "primary_gap": _gap,
    "gaps": _gaps,
    "assumed": _assumed,
    "threshold": _number,
    "interval": _text,
    "ece_bins": _whole,
    "specificities": _numbers,
    "sensitivities": _numbers,
    "prevalences": _numbers,
    "partial_auroc": _numbers,
    "smooth_calibration": _text,
    "references": _references,
}
