"""Draws a cohort whose margins match a target population.

Three steps. A linear programme over the cells of the joint table says what is achievable
(closest.py). Capped raking to those margins gives every patient's inclusion probability. The
cube method rounds the cells' expected counts, and patients are drawn at random within each cell.
The programme's own solution is never the cohort: its margins are perfect, but most patients have
no chance in it and the joint distribution is destroyed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from cohort_selection.case_table import ByCase, CaseTable
from cohort_selection.cases import LABEL, Case
from cohort_selection.matching import achievable
from cohort_selection.matching.achievable import Largest, MatchingError, Programme, programme
from cohort_selection.matching.closest import achievable_margins, drawable_size
from cohort_selection.matching.inclusion_probability import MET, chances
from cohort_selection.matching.shortage import idle_exemptions, nobody_has, none_of_any_size
from cohort_selection.matching.shortage import would_help as who_would_help
from cohort_selection.matching.target import Target
from cohort_selection.matching.tolerance import DEFAULT_TOLERANCE, Minimum, Tolerance
from cohort_selection.sampling.association import Association
from cohort_selection.sampling.cube_method import round_balanced
from cohort_selection.sampling.joint_table import Cells, tabulate_coded
from cohort_selection.sampling.randomness import draw_in_cells, generator

__all__ = ["Largest", "Matched", "MatchingError", "largest", "match", "would_help"]

_NEAR = 3.0  # patients: a minimum nearer than this is balanced when counts are rounded
_ROUNDINGS = 50
_LEVELS = 5  # of an attribute that are named when patients are left out
NO_MINIMUM = Minimum()
ASSOCIATION = Association()


@dataclass(frozen=True, slots=True, kw_only=True)
class Margin:
    """One level: the share asked for, the share that is achievable, and what was drawn."""

    attribute: str
    level: str
    target: float
    achievable: float
    cohort: float
    pool: float
    n_cohort: int


@dataclass(frozen=True, slots=True)
class Matched:
    """A matched cohort; ``inclusion`` is each pool case's probability of having been drawn.

    The pool is the patients of whom a cohort may be drawn, each counted once.

    Where one case of each patient was drawn first, the cases left out then have no entry, and the
    probability of the others is that of both draws.
    ``certain_share`` and ``excluded_share`` are the shares of the pool's patients with probability
    1 and 0; ``binding`` says in sentences what kept the cohort from its target, ``notes`` what else
    to know of it.
    """

    cases: Sequence[Case]
    inclusion: Mapping[str, float]
    margins: tuple[Margin, ...]
    certain_share: float
    excluded_share: float
    binding: tuple[str, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Allocation:
    """For each cell of a pool: inclusion probability, patients to take, and achievable margins.

    ``achievable`` and ``wanted`` are patients for each level of each attribute, in the order of
    the cells' levels; ``notes`` say what else to know of the chances.
    """

    probability: NDArray[np.float64]
    take: NDArray[np.int64]
    achievable: tuple[NDArray[np.float64], ...]
    wanted: tuple[NDArray[np.float64], ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Pool:
    """The patients a draw is made from, tabulated; ``cases`` those of them that may be drawn.

    ``n_of_patient`` (patients,) counts the cases among which one of each patient was chosen.
    """

    cases: CaseTable
    n_of_patient: NDArray[np.int64]
    cells: Cells


def tabulated(
    cases: Sequence[Case],
    target: Target,
    seed: int,
    *,
    cases_per_patient: str = "one",
    minimum: Minimum = NO_MINIMUM,
) -> Pool:
    """The pool of a draw, the same for the draw itself and for every question about it.

    ``cases_per_patient`` "one" leaves one case of each patient, drawn at random with ``seed``.
    """
    if cases_per_patient not in {"one", "all"}:
        raise MatchingError(f"cases_per_patient is {cases_per_patient!r}; give 'one' or 'all'")
    table = CaseTable.of(cases).in_order()
    n_of_patient = np.ones(table.n_patients, np.int64)
    if cases_per_patient == "one":
        n_of_patient = table.n_of_patient()
        table = _one_a_patient(table, n_of_patient, seed)
    subgroups = (*minimum.attributes, LABEL) if minimum.attributes else ()
    return Pool(table, n_of_patient, _tabulate(table, (*target.margins, *subgroups), target))


def match(
    cases: Sequence[Case],
    target: Target,
    size: int,
    seed: int,
    *,
    cases_per_patient: str = "one",
    tolerance: float | Tolerance = DEFAULT_TOLERANCE,
    minimum: Minimum = NO_MINIMUM,
) -> Matched:
    """Draw ``size`` patients whose margins are as near to ``target`` as the pool allows.

    ``size`` 0 asks for the largest cohort within ``tolerance``, and then for the closest of that
    size. To balance cases and controls see :func:`cohort_selection.matching.target.tie_to_label`.
    ``minimum`` holds in the cohort drawn, not only on average.
    ``cases_per_patient``: "one" draws one case of each patient at random first, all equally
    likely, and matches those; "all" keeps every case of a drawn patient, and a patient whose cases
    differ in a target attribute cannot be drawn. Levels the target does not name have share 0.
    Raises MatchingError where the pool is too small, a level has nobody, a subgroup cannot have
    its minimum, or the best achievable margin is further than ``tolerance`` from its target.
    Nothing depends on the order of ``cases``.
    """
    pool = tabulated(cases, target, seed, cases_per_patient=cases_per_patient, minimum=minimum)
    cells, notes = pool.cells, list(target.notes)
    near = tolerance if isinstance(tolerance, Tolerance) else Tolerance(tolerance)
    asked = programme(cells, target, near, minimum)
    notes += [*without_share(asked), *idle_exemptions(cells, minimum)]
    if size == 0:
        bound = achievable.largest(programme(cells, target, near, minimum, widened=True)).bound
        size = drawable_size(asked, bound)
        if size == 0:
            raise MatchingError(none_of_any_size(asked))
        notes.append(
            f"no cohort within the tolerance has more than {bound} patients; {size} were drawn"
        )
    allocation = allocate(asked, size, generator(seed, "matching", "round"))
    drawn = draw_in_cells(cells.of_unit, allocation.take, generator(seed, "matching", "draw"))
    per_patient = allocation.probability[cells.of_unit]
    table = pool.cases
    chosen = np.flatnonzero(drawn[table.patient])
    ordered = chosen[np.argsort(table.patient[chosen], kind="stable")]
    inclusion = (per_patient / pool.n_of_patient)[table.patient]
    binding = shortfalls(asked, allocation, size)
    return Matched(
        cases=table.take(ordered),
        inclusion=ByCase(table.case_id, inclusion),
        margins=report_margins(cells, target, allocation, size),
        certain_share=float(np.mean(per_patient >= 1.0)),
        excluded_share=float(np.mean(per_patient <= 0.0)),
        binding=(*binding, *_help(asked, size)) if binding else (),
        notes=(*notes, *allocation.notes),
    )


def _help(asked: Programme, size: int) -> tuple[str, ...]:
    helped = who_would_help(asked, size)
    return (f"what would help: {'; '.join(helped[:3])}",) if helped else ()


def largest(cases: Sequence[Case], target: Target, tolerance: float | Tolerance) -> Largest:
    """Bound the size of a cohort whose margins are all within ``tolerance`` of its target.

    The bound is proven (linear relaxation): no cohort of more patients exists.
    """
    cells = _tabulate(CaseTable.of(cases), tuple(target.margins), target)
    near = tolerance if isinstance(tolerance, Tolerance) else Tolerance(tolerance)
    return achievable.largest(programme(cells, target, near, NO_MINIMUM, widened=True))


def would_help(
    cases: Sequence[Case],
    target: Target,
    size: int,
    seed: int = 0,
    *,
    cases_per_patient: str = "one",
) -> tuple[str, ...]:
    """Call :func:`~cohort_selection.matching.shortage.would_help` for the pool of ``seed``."""
    pool = tabulated(cases, target, seed, cases_per_patient=cases_per_patient)
    return who_would_help(programme(pool.cells, target, Tolerance(), NO_MINIMUM), size)


def allocate(asked: Programme, size: int, rng: np.random.Generator) -> Allocation:
    """Turn a tabulated pool and a target into counts to draw; see the module for the steps."""
    counts = asked.counts
    _check(asked, counts > 0, size)
    wanted = asked.wanted(size)
    reached: tuple[NDArray[np.float64], ...] = wanted
    found = chances(asked, wanted, size, ASSOCIATION)
    if found.largest_miss > MET:
        reached = achievable_margins(asked, size)
        found = chances(asked, reached, size, ASSOCIATION)
        if found.largest_miss > 0.5:
            raise MatchingError(
                f"raking to the achievable margins stopped {found.largest_miss:.2g} patients away "
                "from them; lower size a little, or loosen the target"
            )
    take = _rounded(asked, counts * found.probability, rng)
    return Allocation(found.probability, take, reached, wanted, found.notes)


def _tabulate(cases: CaseTable, variables: Sequence[str], target: Target) -> Cells:
    """Tabulate the pool; levels of the target that nobody has are levels with no patient."""
    cells = tabulate_coded(cases.profiles(tuple(dict.fromkeys(variables))), cases.n_patients)
    return replace(
        cells,
        levels=tuple(
            (*levels, *(level for level in target.margins.get(name, {}) if level not in levels))
            for name, levels in zip(cells.attributes, cells.levels, strict=True)
        ),
    )


def _rounded(
    asked: Programme, expected: NDArray[np.float64], rng: np.random.Generator
) -> NDArray[np.int64]:
    """Whole patients for each cell. A rounding that leaves a subgroup short is drawn again."""
    cells = asked.cells
    balance, implied = [np.ones((len(cells.counts), 1))], []
    for k in range(len(asked.shares)):
        indicator = cells.indicator(k)
        frequent_last = np.argsort(cells.counts @ indicator, kind="stable")
        balance.append(indicator[:, frequent_last[:-1]])
        implied.append(indicator[:, frequent_last[-1:]])
    balance += [
        floor.inside[:, None]
        for floor in asked.floors
        if expected @ floor.inside < floor.least + _NEAR
    ]
    columns = np.hstack(balance)
    others = np.hstack([*implied, np.zeros((len(columns), 0))])
    sure = np.floor(expected + 1e-9).astype(np.int64)
    short: list[str] = []
    for _ in range(_ROUNDINGS):
        take = sure + round_balanced(expected - sure, columns, rng, implied=others)
        short = [floor.name for floor in asked.floors if take @ floor.inside < floor.least]
        if not short:
            return take
    raise MatchingError(
        f"{_ROUNDINGS} draws each left a subgroup short of its minimum, the last {short[0]}; "
        "lower the minimum by one, or enlarge the cohort"
    )


def _one_a_patient(cases: CaseTable, n_of_patient: NDArray[np.int64], seed: int) -> CaseTable:
    tickets = generator(seed, "matching", "one case a patient").random(len(n_of_patient))
    by_patient = np.argsort(cases.patient, kind="stable")
    first = np.cumsum(n_of_patient) - n_of_patient
    chosen = by_patient[first + (tickets * n_of_patient).astype(np.int64)]
    return cases.take(np.sort(chosen))


def _check(asked: Programme, eligible: NDArray[np.bool_], size: int) -> None:
    """Refuse what no programme is needed to refuse."""
    cells = asked.cells
    available = int(cells.counts[eligible].sum())
    if size < 1:
        raise MatchingError(f"the cohort's size is {size}; give a number of patients from 1")
    if available < size and (told := nobody_has(asked)):
        raise MatchingError(f"no cohort of {size} comes near the target: {told}")
    if available < size:
        raise MatchingError(
            f"the cohort needs {size} patients but only {available} of the pool's "
            f"{int(cells.counts.sum())} have levels that all have a share in the target; "
            "lower size or widen the criteria"
        )


def shortfalls(asked: Programme, allocation: Allocation, size: int) -> tuple[str, ...]:
    """One sentence for each level whose achievable count is not the one wanted."""
    cells, sentences = asked.cells, []
    for k, (goal, reached) in enumerate(zip(allocation.wanted, allocation.achievable, strict=True)):
        pool = cells.counts @ cells.indicator(k)
        for level in np.flatnonzero(np.abs(goal - reached) > 0.5).tolist():
            sentences.append(
                f"{cells.attributes[k]} {cells.levels[k][level]}: {goal[level]:.0f} of {size} are "
                f"wanted, {reached[level]:.0f} are achievable, the pool has {pool[level]:.0f}"
            )
    return tuple(sentences)


def without_share(asked: Programme) -> tuple[str, ...]:
    """One sentence on the pool's patients who cannot be drawn: the target gives them no share."""
    cells = asked.cells
    n_out = int((cells.counts - asked.counts).sum())
    if not n_out:
        return ()
    told = []
    for k, share in enumerate(asked.shares):
        pool = cells.counts @ cells.indicator(k)
        out = np.flatnonzero((share <= 0.0) & (pool > 0.0))
        most = out[np.argsort(-pool[out], kind="stable")]
        told += [f"{asked.level(k, level)} {pool[level]:.0f}" for level in most[:_LEVELS].tolist()]
        if len(most) > _LEVELS:
            others = pool[most[_LEVELS:]].sum()
            told.append(f"{len(most) - _LEVELS} other levels of {cells.attributes[k]} {others:.0f}")
    return (
        f"{n_out} of the pool's {cells.counts.sum()} patients could not be drawn: the target gives "
        f"their level no share ({', '.join(told)})",
    )


def report_margins(
    cells: Cells, target: Target, allocation: Allocation, size: int
) -> tuple[Margin, ...]:
    """Every level of the target: what was wanted, what is achievable and what was allocated."""
    rows = []
    for k, (attribute, levels) in enumerate(
        (attribute, cells.levels[k])
        for k, attribute in enumerate(cells.attributes)
        if attribute in target.margins
    ):
        indicator = cells.indicator(k)
        pool, drawn = cells.counts @ indicator, allocation.take @ indicator
        for j, level in enumerate(levels):
            rows.append(
                Margin(
                    attribute=attribute,
                    level=level,
                    target=target.margins[attribute].get(level, 0.0),
                    achievable=float(allocation.achievable[k][j] / size),
                    cohort=float(drawn[j] / size),
                    pool=float(pool[j] / cells.counts.sum()),
                    n_cohort=int(drawn[j]),
                )
            )
    return tuple(rows)
