"""Gathers the content of a cohort's card: target, pool, drawn cohort, findings."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from cohort_selection.case_table import CaseTable
from cohort_selection.cases import Case
from cohort_selection.dicom.doubts import MEANING, Doubt
from cohort_selection.eligibility.flow_diagram import FlowStep
from cohort_selection.leakage.duplicates import WallCheck
from cohort_selection.leakage.repeated_pictures import RepeatCounts
from cohort_selection.leakage.shortcuts import Shortcut
from cohort_selection.matching.estimand import Estimand
from cohort_selection.matching.target import Target
from cohort_selection.representativeness.distance import (
    Deviation,
    representativeness,
    shares,
    summed,
)
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
    tables = [CaseTable.of(side) for side in (cohort, pool, opened)]
    for attribute in attributes:
        wanted = target.margins.get(attribute)
        sides = [shares(side, attribute) if side else {} for side in tables]
        n_cohort = tables[0].variable(attribute).counts() if cohort else {}
        for level in sorted({*(wanted or {}), *sides[0], *sides[1], *sides[2]}):
            here = [side.get(level, 0.0) for side in sides]
            open_share = here[2] if tables[2] else None
            goal = None if wanted is None else wanted.get(level, 0.0)
            n = n_cohort.get(level, 0)
            rows.append(LevelShares(attribute, level, goal, here[0], here[1], open_share, n))
    return tuple(rows)


def compare(
    attributes: Sequence[str],
    target: Target,
    cohort: Sequence[Case],
    pool: Sequence[Case],
    opened: Sequence[Case],
    chance: NDArray[np.float64],
) -> tuple[Comparison, ...]:
    """Hold the cohort against its target, the draw's aim, the pool and the open part.

    The draw's aim is the pool, each patient weighed by the probability of having been drawn,
    ``chance`` (pool,). ``pool`` has the cases that could be drawn, ``chance`` is of their patients.
    """
    everything = (*attributes, *joint(attributes))
    cohort, pool, opened = (CaseTable.of(side) for side in (cohort, pool, opened))
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
    names: Sequence[str],
    opened: tuple[Sequence[Case], NDArray[np.integer]],
    hidden: tuple[Sequence[Case], NDArray[np.integer]],
) -> tuple[Batch, ...]:
    """Balance of the split after each batch that brought cases.

    ``opened`` and ``hidden`` are cases, and for each of them the place in ``names`` of the batch
    that its patient came with.
    """
    found = []
    come = set(np.unique(opened[1]).tolist()) | set(np.unique(hidden[1]).tolist())
    for number in sorted(come):
        open_so_far, hidden_so_far = (
            _until(CaseTable.of(cases), batch, number) for cases, batch in (opened, hidden)
        )
        against_open: tuple[Deviation, ...] = ()
        against_target: tuple[Deviation, ...] = ()
        if open_so_far and hidden_so_far:
            everything = (*attributes, *joint(attributes))
            against_open = representativeness(hidden_so_far, open_so_far, everything, seed=_SEED)
        if hidden_so_far:
            against_target = representativeness(
                hidden_so_far, target, tuple(target.margins), seed=_SEED
            )
        n_open, n_hidden = open_so_far.n_patients, hidden_so_far.n_patients
        found.append(Batch(names[number], n_open, n_hidden, against_open, against_target))
    return tuple(found)


def _until(cases: CaseTable, batch: NDArray[np.integer], number: int) -> CaseTable:
    """The cases of the batches up to one, batch after batch."""
    order = np.argsort(batch, kind="stable")
    return cases.take(order[: np.searchsorted(batch[order], number, side="right")])


def count_doubts(
    doubts: Mapping[int, Sequence[str]],
    cohort: NDArray[np.integer],
    pool: NDArray[np.integer],
) -> tuple[DoubtCount, ...]:
    """How many cases have each doubt; ``doubts`` are those of each study that has some.

    Studies, those of the cohort and those of the pool are given by their places in the catalog.
    """
    found = []
    for doubt in Doubt:
        having = [place for place, said in doubts.items() if doubt in said]
        of_cohort, of_pool = (int(np.isin(side, having).sum()) for side in (cohort, pool))
        if of_cohort or of_pool:
            found.append(DoubtCount(*MEANING[doubt], of_cohort, of_pool))
    return tuple(found)


def weighed(pool: Sequence[Case], attribute: str, chance: NDArray[np.float64]) -> dict[str, float]:
    """Patients of each level that the draw aims at; together the patients of the cohort."""
    table = CaseTable.of(pool)
    return summed(table.variable(attribute), chance / table.n_of_patient()[table.patient])
