"""Gathers the content of a cohort's card: target, pool, drawn cohort, findings."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from cohort_selection.cases import Case, value
from cohort_selection.dicom.doubts import MEANING, Doubt
from cohort_selection.eligibility.flow_diagram import FlowStep
from cohort_selection.leakage.duplicates import WallCheck
from cohort_selection.leakage.repeated_pictures import RepeatCounts
from cohort_selection.leakage.shortcuts import Shortcut
from cohort_selection.matching.estimand import Estimand
from cohort_selection.matching.target import Target
from cohort_selection.representativeness.distance import Deviation, representativeness, shares
from cohort_selection.representativeness.planned_row import PlannedRow

TARGET, AIM, POOL, OPEN = "the target", "the draw's aim", "the pool", "the open part"
_SEED = 0


@dataclass(frozen=True, slots=True)
class LevelShares:
    """One level's share of the patients on each side; ``target`` is None where none was set.

    A patient counts once, in equal parts for each case; ``n_cohort`` are the cohort's cases.
    """

    attribute: str
    level: str
    target: float | None
    cohort: float
    pool: float
    opened: float | None
    n_cohort: int


@dataclass(frozen=True, slots=True)
class Comparison:
    """The cohort held against one other population, attribute by attribute and jointly."""

    against: str
    rows: tuple[Deviation, ...]


@dataclass(frozen=True, slots=True)
class Batch:
    """After one batch of patients: those open and sequestered so far, and how these compare."""

    name: str
    open_patients: int
    sequestered_patients: int
    against_open: tuple[Deviation, ...]
    against_target: tuple[Deviation, ...]


@dataclass(frozen=True, slots=True)
class Inclusion:
    """How the draw went: chances of the patients drawn, and shares of the pool sure and without.

    The pool is the patients of whom the cohort was drawn, each counted once.
    """

    lowest: float
    median: float
    highest: float
    certain_share: float
    excluded_share: float


@dataclass(frozen=True, slots=True)
class SealChecks:
    """What sealing found: across the wall, in the headers of files, and the reasons to go on.

    ``repeats`` is None where the cohort was sealed before pictures were compared inside the pool.
    """

    wall: WallCheck
    burned_in_files: int
    commented_files: int
    accepted: Mapping[str, str]
    repeats: RepeatCounts | None = None


@dataclass(frozen=True, slots=True)
class DoubtCount:
    """How many studies of the cohort and of its pool have headers that contradict something."""

    found: str
    done: str
    n_cohort: int
    n_pool: int


@dataclass(frozen=True, slots=True)
class TextCheck:
    """How many of the cohort's images look as if text were burned in, and of how many looked at."""

    suspects: int
    files: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """Everything a card shows; aggregates only, and for the steward alone: levels may be small.

    ``digest`` and ``checks`` are empty before the cohort is sealed, ``text`` where nobody looked,
    ``planned`` where the benchmark claims nothing or ``unplanned`` says why its study has no plan.
    """

    title: str
    digest: str
    n_cases: int
    n_patients: int
    flow: tuple[FlowStep, ...]
    levels: tuple[LevelShares, ...]
    comparisons: tuple[Comparison, ...]
    batches: tuple[Batch, ...]
    inclusion: Inclusion
    estimand: Estimand
    binding: tuple[str, ...]
    shortcuts: tuple[Shortcut, ...]
    checks: SealChecks | None
    doubts: tuple[DoubtCount, ...] = ()
    text: TextCheck | None = None
    planned: tuple[PlannedRow, ...] = ()
    unplanned: str = ""


def card_json(card: Card) -> str:
    """Give the card as JSON, keys in a fixed order."""
    return json.dumps(asdict(card), indent=2, sort_keys=True, allow_nan=False, default=str) + "\n"


def joint(attributes: Sequence[str]) -> tuple[str, ...]:
    """The joint attribute of several, none of one: a table of one attribute is no joint one."""
    return (" x ".join(attributes),) if len(attributes) > 1 else ()


def level_shares(
    attributes: Sequence[str],
    target: Target,
    cohort: Sequence[Case],
    pool: Sequence[Case],
    opened: Sequence[Case],
) -> tuple[LevelShares, ...]:
    """Share of every level that occurs anywhere, attribute by attribute."""
    rows = []
    for attribute in attributes:
        wanted = target.margins.get(attribute)
        sides = [shares(side, attribute) if side else {} for side in (cohort, pool, opened)]
        for level in sorted({*(wanted or {}), *sides[0], *sides[1], *sides[2]}):
            here = [side.get(level, 0.0) for side in sides]
            open_share = here[2] if opened else None
            n = sum(value(case, attribute) == level for case in cohort)
            goal = None if wanted is None else wanted.get(level, 0.0)
            rows.append(LevelShares(attribute, level, goal, here[0], here[1], open_share, n))
    return tuple(rows)


def compare(
    attributes: Sequence[str],
    target: Target,
    cohort: Sequence[Case],
    pool: Sequence[Case],
    opened: Sequence[Case],
    chance: Mapping[str, float],
) -> tuple[Comparison, ...]:
    """Hold the cohort against its target, the draw's aim, the pool and the open part.

    The draw's aim is the pool, each patient weighed by the probability of having been drawn,
    ``chance``. ``pool`` has the cases that could be drawn, ``chance`` their patients.
    """
    everything = (*attributes, *joint(attributes))
    found = []
    if target.margins:
        rows = representativeness(cohort, target, tuple(target.margins), seed=_SEED)
        found.append(Comparison(TARGET, rows))
    aim = Target({name: weighed(pool, name, chance) for name in everything})
    for against, side in ((AIM, aim), (POOL, pool), (OPEN, opened)):
        if side:
            rows = representativeness(cohort, side, everything, seed=_SEED)
            found.append(Comparison(against, rows))
    return tuple(found)


def over_batches(
    attributes: Sequence[str],
    target: Target,
    batches: Sequence[tuple[str, Sequence[Case], Sequence[Case]]],
) -> tuple[Batch, ...]:
    """Balance of the split after each batch; ``batches`` are (name, new open, new sequestered)."""
    opened: list[Case] = []
    hidden: list[Case] = []
    found = []
    for name, new_open, new_hidden in batches:
        opened.extend(new_open)
        hidden.extend(new_hidden)
        against_open: tuple[Deviation, ...] = ()
        against_target: tuple[Deviation, ...] = ()
        if opened and hidden:
            everything = (*attributes, *joint(attributes))
            against_open = representativeness(hidden, opened, everything, seed=_SEED)
        if hidden:
            against_target = representativeness(hidden, target, tuple(target.margins), seed=_SEED)
        found.append(
            Batch(name, _patients(opened), _patients(hidden), against_open, against_target)
        )
    return tuple(found)


def count_doubts(
    doubts: Mapping[str, Sequence[str]], cohort: Sequence[Case], pool: Sequence[Case]
) -> tuple[DoubtCount, ...]:
    """How many cases have each doubt; ``doubts`` are those of each study that has some, by id."""
    found = []
    for doubt in Doubt:
        of_cohort, of_pool = (
            sum(doubt in doubts.get(case.case_id, ()) for case in side) for side in (cohort, pool)
        )
        if of_cohort or of_pool:
            found.append(DoubtCount(*MEANING[doubt], of_cohort, of_pool))
    return tuple(found)


def weighed(pool: Sequence[Case], attribute: str, chance: Mapping[str, float]) -> dict[str, float]:
    """Patients of each level that the draw aims at; together the patients of the cohort."""
    n_cases = Counter(case.patient_id for case in pool)
    totals: dict[str, float] = {}
    for case in pool:
        level = value(case, attribute)
        part = chance[case.patient_id] / n_cases[case.patient_id]
        totals[level] = totals.get(level, 0.0) + part
    return dict(sorted(totals.items()))


def _patients(cases: Sequence[Case]) -> int:
    return len({case.patient_id for case in cases})
