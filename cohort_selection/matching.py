"""Draw a cohort whose margins match a target population.

Three steps. A linear programme over the cells of the joint table says what is achievable. Capped
raking to those margins gives every patient's inclusion probability. The cube method rounds the
cells' expected counts, and patients are drawn at random within each cell. The programme's own
solution is never the cohort: its margins are perfect, but most patients have no chance in it and
the joint distribution is destroyed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog
from scipy.sparse import csr_matrix, hstack, identity, vstack

from cohort_selection.balanced_sampling import round_balanced
from cohort_selection.cells import Cells, profiles, tabulate
from cohort_selection.cohort import Case
from cohort_selection.raking import rake
from cohort_selection.randomness import draw_in_cells, generator
from cohort_selection.targets import Target

DEFAULT_TOLERANCE = 0.05
_LEAST_CHANCE = 0.01  # of the average chance: what the programme leaves to every eligible patient
_COMBINATIONS = 50_000
_RAKED = 1e-4  # patients: a margin nearer than this counts as met


class MatchingError(ValueError):
    """No cohort can meet what was asked; says which level, how many there are and are needed."""


@dataclass(frozen=True, slots=True)
class Margin:
    """One level: the share asked for, the share that is achievable, and what was drawn."""

    attribute: str
    level: str
    target: float
    achievable: float
    cohort: float
    pool: float
    n_cohort: int
    n_pool: int


@dataclass(frozen=True, slots=True)
class Matched:
    """A matched cohort; ``inclusion`` is each pool case's probability of having been drawn.

    Where one case of each patient was drawn first, the cases left out then have no entry, and the
    probability of the others is that of both draws.
    ``certain_share`` and ``excluded_share`` are the shares of the pool's patients with probability
    1 and 0; ``binding`` says in sentences what kept the cohort from its target.
    """

    cases: tuple[Case, ...]
    inclusion: Mapping[str, float]
    margins: tuple[Margin, ...]
    certain_share: float
    excluded_share: float
    binding: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Allocation:
    """For each cell of a pool: inclusion probability, patients to take, and achievable margins.

    ``achievable`` and ``wanted`` are patients for each level of each attribute, in the order of
    the cells' levels.
    """

    probability: NDArray[np.float64]
    take: NDArray[np.int64]
    achievable: tuple[NDArray[np.float64], ...]
    wanted: tuple[NDArray[np.float64], ...]


@dataclass(frozen=True, slots=True)
class Largest:
    """Proven upper bound on the size of a cohort within a tolerance, and the levels that bind."""

    bound: int
    binding: tuple[str, ...]


def match(
    cases: Sequence[Case],
    target: Target,
    size: int,
    seed: int,
    *,
    cases_per_patient: str = "one",
    tolerance: float = DEFAULT_TOLERANCE,
) -> Matched:
    """Draw ``size`` patients whose margins are as near to ``target`` as the pool allows.

    ``size`` 0 asks for the largest cohort within ``tolerance``, and then for the closest of that
    size. To balance cases and controls see :func:`cohort_selection.targets.tie_to_label`.
    ``cases_per_patient``: "one" draws one case of each patient at random first, all equally
    likely, and matches those; "all" keeps every case of a drawn patient, and a patient whose cases
    differ in a target attribute cannot be drawn. Levels the target does not name have share 0.
    Raises MatchingError where the pool is too small, a level has nobody, or the best achievable
    margin is further than ``tolerance`` from its target. Nothing depends on the order of ``cases``.
    """
    if cases_per_patient not in {"one", "all"}:
        raise MatchingError(f"cases_per_patient is {cases_per_patient!r}; give 'one' or 'all'")
    ordered = sorted(cases, key=lambda case: (case.patient_id, case.case_id))
    n_of_patient: dict[str, int] = {}
    for case in ordered:
        n_of_patient[case.patient_id] = n_of_patient.get(case.patient_id, 0) + 1
    if cases_per_patient == "one":
        ordered = _one_a_patient(ordered, n_of_patient, seed)
    patients, columns = profiles(ordered, tuple(target.margins))
    cells = _tabulate(columns, len(patients), target)
    if size == 0:
        size = largest_of_cells(cells, target, tolerance).bound
        if size == 0:
            raise MatchingError(
                f"no cohort of any size is within {tolerance:.3g} of the target; allow more, or "
                "change the target"
            )
    allocation = allocate(cells, target, size, generator(seed, "matching", "round"), tolerance)
    drawn = draw_in_cells(cells.of_unit, allocation.take, generator(seed, "matching", "draw"))
    chosen = {patient for patient, taken in zip(patients, drawn, strict=True) if taken}
    chance = dict(zip(patients, allocation.probability[cells.of_unit].tolist(), strict=True))
    one = cases_per_patient == "one"
    inclusion = {
        case.case_id: chance[case.patient_id] / (n_of_patient[case.patient_id] if one else 1)
        for case in ordered
    }
    per_patient = allocation.probability[cells.of_unit]
    return Matched(
        cases=tuple(case for case in ordered if case.patient_id in chosen),
        inclusion=inclusion,
        margins=_report(cells, target, allocation, size),
        certain_share=float(np.mean(per_patient >= 1.0)),
        excluded_share=float(np.mean(per_patient <= 0.0)),
        binding=_shortfalls(cells, allocation, size),
    )


def largest(cases: Sequence[Case], target: Target, tolerance: float) -> Largest:
    """Bound the size of a cohort of which every margin is within ``tolerance`` of its target.

    The bound is proven (linear relaxation): no cohort of more patients exists.
    """
    patients, columns = profiles(cases, tuple(target.margins))
    cells = _tabulate(columns, len(patients), target)
    return largest_of_cells(cells, target, tolerance)


def largest_of_cells(cells: Cells, target: Target, tolerance: float) -> Largest:
    """As :func:`largest`, for a pool that is already tabulated."""
    eligible = _eligible(cells, _shares(cells, target), tolerance)
    rows, names, bounds = [], [], cells.counts * eligible
    for k, shares in enumerate(_shares(cells, target)):
        indicator = cells.indicator(k)
        for level, share in enumerate(shares):
            column = indicator[:, level]
            name = f"{cells.attributes[k]} {cells.levels[k][level]}"
            rows.extend([column - (share + tolerance), (share - tolerance) - column])
            names.extend([(name, "at most", k, level), (name, "at least", k, level)])
    solved = linprog(
        -np.ones(len(bounds)),
        A_ub=csr_matrix(np.array(rows)) if rows else None,
        b_ub=np.zeros(len(rows)) if rows else None,
        bounds=np.column_stack([np.zeros(len(bounds)), bounds]),
        method="highs",
    )
    duals = solved.ineqlin.marginals if rows else np.zeros(0)
    binding = tuple(
        f"{name} is {side} its share: the pool has {int(bounds @ cells.indicator(k)[:, level])}"
        for (name, side, k, level), dual in zip(names, duals, strict=True)
        if abs(dual) > 1e-9
    )
    return Largest(int(np.floor(-solved.fun + 1e-6)), binding)


def would_help(
    cases: Sequence[Case], target: Target, size: int, *, cases_per_patient: str = "one"
) -> tuple[str, ...]:
    """Say how many more patients, and of which levels, would let ``size`` meet the target exactly.

    The fewest, by linear programme over every combination of levels that has a share; other mixes
    of as many may do as well. Empty where none is needed.
    """
    if cases_per_patient == "one":
        first = {case.patient_id: case for case in sorted(cases, key=lambda case: case.case_id)}
        cases = tuple(first.values())
    patients, columns = profiles(cases, tuple(target.margins))
    cells = _tabulate(columns, len(patients), target)
    shares = _shares(cells, target)
    wanted = [_whole(share * size, size) for share in shares]
    held = cells.counts * _eligible(cells, shares, 0.0)
    choices = [np.flatnonzero(share > 0) for share in shares]
    n_new = int(np.prod([len(choice) for choice in choices]))
    if n_new > _COMBINATIONS:
        return (f"the target has {n_new} combinations of levels, too many to search for help",)
    combinations = np.stack(np.meshgrid(*choices, indexing="ij"), axis=-1).reshape(n_new, -1)
    rows = []
    for k, share in enumerate(shares):
        extra: NDArray[np.float64] = np.zeros((n_new, len(share)))
        extra[np.arange(n_new), combinations[:, k]] = 1.0
        rows.append(np.hstack([cells.indicator(k).T, extra.T]))
    solved = linprog(
        np.concatenate([np.zeros(len(held)), np.ones(n_new)]),
        A_eq=csr_matrix(np.vstack(rows)),
        b_eq=np.concatenate(wanted),
        bounds=[(0.0, float(n)) for n in held] + [(0.0, None)] * n_new,
        method="highs",
    )
    if solved.x is None:
        return (
            "no number of further patients meets the target: its margins contradict each other",
        )
    needed = np.ceil(solved.x[len(held) :] - 1e-6)
    return tuple(
        f"{needed[c]:.0f} more: "
        + ", ".join(
            f"{name} {cells.levels[k][combinations[c, k]]}"
            for k, name in enumerate(cells.attributes)
        )
        for c in np.argsort(-needed, kind="stable")
        if needed[c] > 0
    )


def allocate(
    cells: Cells, target: Target, size: int, rng: np.random.Generator, tolerance: float
) -> Allocation:
    """Turn a tabulated pool and a target into counts to draw; see the module for the steps."""
    shares = _shares(cells, target)
    eligible = _eligible(cells, shares, 0.0)
    _check(cells, eligible, size)
    wanted = tuple(_whole(share * size, size) for share in shares)
    counts = np.where(eligible, cells.counts, 0)
    inside = np.flatnonzero(eligible)
    columns, goals = _columns(cells, wanted, inside, size)
    achievable = wanted
    raked = rake(counts[inside], columns, goals)
    if _miss(cells, inside, raked.probability, wanted) > _RAKED:
        achievable = _achievable(cells, wanted, counts, size)
        _refuse(cells, counts, wanted, achievable, size, tolerance)
        columns, goals = _columns(cells, achievable, inside, size)
        raked = rake(counts[inside], columns, goals)
        miss = _miss(cells, inside, raked.probability, achievable)
        if miss > 0.5:
            raise MatchingError(
                f"raking to the achievable margins stopped {miss:.2g} patients away from them; "
                "lower size a little, or loosen the target"
            )
    probability: NDArray[np.float64] = np.zeros(len(cells.counts))
    probability[inside] = raked.probability
    expected = counts * probability
    sure = np.floor(expected + 1e-9).astype(np.int64)
    take = sure + _rounded(cells, expected - sure, rng)
    return Allocation(probability, take, achievable, wanted)


def _miss(
    cells: Cells,
    inside: NDArray[np.int64],
    probability: NDArray[np.float64],
    wanted: Sequence[NDArray[np.float64]],
) -> float:
    """Largest difference, in patients, of the expected margins from those wanted."""
    expected = cells.counts[inside] * probability
    return max(
        (
            float(np.abs(expected @ cells.indicator(k)[inside] - goal).max())
            for k, goal in enumerate(wanted)
        ),
        default=0.0,
    )


def _tabulate(columns: dict[str, list[str]], n_patients: int, target: Target) -> Cells:
    """Tabulate the pool; levels of the target that nobody has are levels with no patient."""
    cells = tabulate(columns or {"everyone": [""] * n_patients})
    return replace(
        cells,
        levels=tuple(
            (*levels, *(level for level in target.margins.get(name, {}) if level not in levels))
            for name, levels in zip(cells.attributes, cells.levels, strict=True)
        ),
    )


def _rounded(
    cells: Cells, fraction: NDArray[np.float64], rng: np.random.Generator
) -> NDArray[np.int64]:
    balance = [np.ones((len(cells.counts), 1))]
    for k in range(len(cells.attributes)):
        indicator = cells.indicator(k)
        frequent_last = np.argsort(cells.counts @ indicator, kind="stable")
        balance.append(indicator[:, frequent_last[:-1]])
    return round_balanced(fraction, np.hstack(balance), rng)


def _one_a_patient(
    ordered: Sequence[Case], n_of_patient: Mapping[str, int], seed: int
) -> list[Case]:
    rng = generator(seed, "matching", "one case a patient")
    tickets = rng.random(len(n_of_patient))
    which = {
        patient: int(ticket * n)
        for (patient, n), ticket in zip(n_of_patient.items(), tickets, strict=True)
    }
    kept: list[Case] = []
    position: dict[str, int] = {}
    for case in ordered:
        place = position.get(case.patient_id, 0)
        position[case.patient_id] = place + 1
        if place == which[case.patient_id]:
            kept.append(case)
    return kept


def _shares(cells: Cells, target: Target) -> tuple[NDArray[np.float64], ...]:
    """Target shares in the order of the cells' levels; a level not named has 0."""
    return tuple(
        np.array([target.margins[attribute].get(level, 0.0) for level in levels])
        for attribute, levels in zip(cells.attributes, cells.levels, strict=True)
        if attribute in target.margins
    )


def _eligible(
    cells: Cells, shares: Sequence[NDArray[np.float64]], tolerance: float
) -> NDArray[np.bool_]:
    """Cells all of whose levels may occur in the cohort."""
    allowed: NDArray[np.bool_] = np.ones(len(cells.counts), dtype=np.bool_)
    for k, share in enumerate(shares):
        allowed &= share[cells.codes[:, k]] + tolerance > 0
    return allowed


def _check(cells: Cells, eligible: NDArray[np.bool_], size: int) -> None:
    """Refuse what no programme is needed to refuse."""
    available = int(cells.counts[eligible].sum())
    if size < 1:
        raise MatchingError(f"the cohort's size is {size}; give a number of patients from 1")
    if available < size:
        raise MatchingError(
            f"the cohort needs {size} patients but only {available} of the pool's "
            f"{int(cells.counts.sum())} have levels that all have a share in the target; "
            "lower size or widen the criteria"
        )


def _whole(wanted: NDArray[np.float64], size: int) -> NDArray[np.float64]:
    """Round to whole patients that sum to ``size``, by largest remainder."""
    if not len(wanted) or abs(wanted.sum() - size) > 0.5:
        return wanted
    whole = np.floor(wanted + 1e-9)
    short = round(size - float(whole.sum()))
    whole[np.argsort(whole - wanted, kind="stable")[:short]] += 1
    return whole


def _columns(
    cells: Cells,
    margins: Sequence[NDArray[np.float64]],
    inside: NDArray[np.int64],
    size: int,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Raking columns over eligible cells: the whole, and each level but one of each attribute."""
    columns = [np.ones((len(inside), 1))]
    goals = [np.array([float(size)])]
    for k, margin in enumerate(margins):
        indicator = cells.indicator(k)[inside]
        present = np.flatnonzero(indicator.any(axis=0))
        but_one = np.delete(present, np.argmax(margin[present]))
        columns.append(indicator[:, but_one])
        goals.append(margin[but_one])
    return np.hstack(columns), np.concatenate(goals)


def _achievable(
    cells: Cells, wanted: Sequence[NDArray[np.float64]], counts: NDArray[np.int64], size: int
) -> tuple[NDArray[np.float64], ...]:
    """Margins a cohort of ``size`` can have: least maximum deviation, then least total deviation.

    Each eligible patient keeps a small chance, so that raking to the margins has a solution.
    """
    indicators = [cells.indicator(k) for k in range(len(wanted))]
    levels = csr_matrix(np.hstack(indicators).T)
    goal = np.concatenate(wanted)
    n_cells, n_levels = len(counts), len(goal)
    least = counts * (_LEAST_CHANCE * size / counts.sum())
    slack = identity(n_levels, format="csr")
    nothing = csr_matrix((n_levels, 1))
    over = hstack([levels, -slack, nothing])
    under = hstack([-levels, -slack, nothing])
    worst = hstack([csr_matrix((n_levels, n_cells)), slack, csr_matrix(-np.ones((n_levels, 1)))])
    everything = vstack([over, under, worst]).tocsr()
    right = np.concatenate([goal, -goal, np.zeros(n_levels)])
    whole = csr_matrix(np.concatenate([np.ones(n_cells), np.zeros(n_levels + 1)])[None, :])
    lower = np.concatenate([least, np.zeros(n_levels + 1)])
    upper = np.concatenate([counts, np.full(n_levels + 1, np.inf)])
    cost = np.concatenate([np.zeros(n_cells + n_levels), [1.0]])
    for stage in range(2):
        solved = linprog(
            cost,
            A_ub=everything,
            b_ub=right,
            A_eq=whole,
            b_eq=[float(size)],
            bounds=np.column_stack([lower, upper]),
            method="highs",
        )
        if solved.x is None:
            raise MatchingError(
                f"the linear programme for the achievable margins ended with {solved.message!r}"
            )
        if stage == 0:
            upper[-1] = solved.x[-1] * (1 + 1e-7) + 1e-7
            cost = np.concatenate([np.zeros(n_cells), np.ones(n_levels), [0.0]])
    reached = solved.x[:n_cells]
    return tuple(reached @ indicator for indicator in indicators)


def _refuse(
    cells: Cells,
    counts: NDArray[np.int64],
    wanted: Sequence[NDArray[np.float64]],
    achievable: Sequence[NDArray[np.float64]],
    size: int,
    tolerance: float,
) -> None:
    """Raise where the best achievable margin is beyond the tolerance."""
    worst = max(
        (
            (abs(float(margin[level] - goal[level])), k, level)
            for k, (goal, margin) in enumerate(zip(wanted, achievable, strict=True))
            for level in range(len(goal))
        ),
        default=(0.0, 0, 0),
    )
    if worst[0] <= tolerance * size + 1.0:
        return
    k, level = _scarce(cells, counts, wanted) or worst[1:]
    have = int(counts @ cells.indicator(k)[:, level])
    if have == 0:
        pool = cells.counts @ cells.indicator(k)
        present = [name for name, n in zip(cells.levels[k], pool, strict=True) if n > 0]
        raise MatchingError(
            f"the target wants {int(wanted[k][level])} patients of {cells.attributes[k]} "
            f"{cells.levels[k][level]!r} and the pool has none; its levels are {', '.join(present)}"
        )
    raise MatchingError(
        f"no cohort of {size} comes within {tolerance:.3g} of the target: "
        f"{cells.attributes[k]} {cells.levels[k][level]} takes {int(wanted[k][level])} patients "
        f"and the pool has {have}; lower size, change the target, or allow more than "
        f"{worst[0] / size:.3g}"
    )


def _scarce(
    cells: Cells, counts: NDArray[np.int64], wanted: Sequence[NDArray[np.float64]]
) -> tuple[int, int] | None:
    """The level that lacks most patients even if everybody who has it were taken."""
    lacking = [
        (float(goal[level] - counts @ cells.indicator(k)[:, level]), k, level)
        for k, goal in enumerate(wanted)
        for level in range(len(goal))
    ]
    most = max(lacking, default=(0.0, 0, 0))
    return (most[1], most[2]) if most[0] > 0 else None


def _shortfalls(cells: Cells, allocation: Allocation, size: int) -> tuple[str, ...]:
    """One sentence for each level whose achievable count is not the one wanted."""
    sentences = []
    for k, (goal, reached) in enumerate(zip(allocation.wanted, allocation.achievable, strict=True)):
        pool = cells.counts @ cells.indicator(k)
        for level in np.flatnonzero(np.abs(goal - reached) > 0.5).tolist():
            sentences.append(
                f"{cells.attributes[k]} {cells.levels[k][level]}: {goal[level]:.0f} of {size} are "
                f"wanted, {reached[level]:.0f} are achievable, the pool has {pool[level]:.0f}"
            )
    return tuple(sentences)


def _report(cells: Cells, target: Target, allocation: Allocation, size: int) -> tuple[Margin, ...]:
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
                    attribute,
                    level,
                    target.margins[attribute].get(level, 0.0),
                    float(allocation.achievable[k][j] / size),
                    float(drawn[j] / size),
                    float(pool[j] / cells.counts.sum()),
                    int(drawn[j]),
                    int(pool[j]),
                )
            )
    return tuple(rows)
