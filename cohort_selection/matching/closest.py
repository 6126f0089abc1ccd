"""The margins nearest to the target that a cohort of one size can have.

Four steps, each of linear programmes that keep what the one before it reached: the least largest
deviation, then the least total deviation, then the least relative changes of the levels (chi
square), and last whole patients where they fit. Without the third a level that nobody has would
leave its whole share to one other level. It is taken where it moves a level by a patient or more.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import OptimizeResult, linprog
from scipy.sparse import csr_matrix, hstack, identity, vstack

from cohort_selection.matching.achievable import MatchingError, Programme, smallest, whole_patients
from cohort_selection.matching.shortage import lacking, scarcest, would_help

_LEAST_CHANCES = (0.01, 1e-3, 1e-5)  # of the average chance: what every eligible patient keeps
_TRIES = 16
_TIGHTEST = 1e-3  # of the loosest tolerance: weight of a margin that may not deviate
_BEYOND = 1.0 + 1e-6  # patients that a margin may be beyond its tolerance: whole patients round
_WORTH = 1.0  # patients: margins that differ by less are left as the programme gives them
_PIECES = 48  # of a square
_STEP = 1000  # a tolerance is named in thousandths


@dataclass(slots=True)
class _Sized:
    """The programme of one size. Variables: the cells, each level's deviation, the largest."""

    asked: Programme
    size: int
    goal: NDArray[np.float64]
    rows: csr_matrix
    limit: NDArray[np.float64]
    lower: NDArray[np.float64]
    upper: NDArray[np.float64]

    def solve(self, cost: NDArray[np.float64]) -> OptimizeResult:
        """Minimise ``cost``, that of each variable."""
        n_cells = len(self.asked.counts)
        return linprog(
            cost,
            A_ub=self.rows,
            b_ub=self.limit,
            A_eq=csr_matrix(np.append(np.ones(n_cells), np.zeros(len(cost) - n_cells))[None, :]),
            b_eq=[float(self.size)],
            bounds=np.column_stack([self.lower, self.upper]),
            method="highs",
        )

    @property
    def deviations(self) -> slice:
        """Where the levels' deviations stand among the variables."""
        return slice(len(self.asked.counts), len(self.asked.counts) + len(self.goal))

    def margins(self, solution: NDArray[np.float64]) -> NDArray[np.float64]:
        """(levels,) patients of each level of every attribute."""
        return np.asarray(self.asked.levels() @ solution[: len(self.asked.counts)])


def _sized(asked: Programme, size: int, least_chance: float, *, strict: bool) -> _Sized:
    """State the programme of one size. ``strict``: whole patients in tolerance."""
    counts, levels = asked.counts, asked.levels()
    goal = np.concatenate([*asked.wanted(size), np.zeros(0)])
    n_cells, n_levels = len(counts), len(goal)
    tolerance = np.repeat(asked.tolerance, [len(share) for share in asked.shares])
    loosest = max(asked.tolerance, default=0.0)
    weight = np.maximum(tolerance / loosest, _TIGHTEST) if loosest else np.ones(n_levels)
    slack, nothing = identity(n_levels, format="csr"), csr_matrix((n_levels, 1))
    minima, least = asked.minima()
    blocks = [
        hstack([levels, -slack, nothing]),
        hstack([-levels, -slack, nothing]),
        hstack([csr_matrix((n_levels, n_cells)), slack, csr_matrix(-weight[:, None])]),
        hstack([-minima, csr_matrix((len(least), n_levels + 1))]),
    ]
    right = [goal, -goal, np.zeros(n_levels), -least]
    if strict and n_levels:
        share = np.concatenate(asked.shares)
        wide = csr_matrix((n_levels, n_levels + 1))
        blocks += [hstack([levels, wide]), hstack([-levels, wide])]
        right += [
            np.floor((share + tolerance) * size + 1e-6),
            -np.ceil((share - tolerance) * size - 1e-6),
        ]
    kept = np.minimum(counts * (least_chance * size / max(counts.sum(), 1)), counts)
    return _Sized(
        asked,
        size,
        goal,
        vstack(blocks).tocsr(),
        np.concatenate(right),
        np.append(kept, np.zeros(n_levels + 1)),
        np.append(counts.astype(np.float64), np.full(n_levels + 1, np.inf)),
    )


def _last(sized: _Sized) -> NDArray[np.float64]:
    """The cost of the largest deviation alone."""
    return np.append(np.zeros(len(sized.lower) - 1), 1.0)


def drawable_size(asked: Programme, bound: int) -> int:
    """The largest size found, from ``bound`` down, whose margins in whole patients all fit.

    Every eligible patient keeps a chance, which the bound does not ask for. 0 where none is found.
    """
    step, size = 1, bound
    while size > 0 and not _fits(asked, size):
        size -= step
        step += max(1, step // 2)
    if size == bound:
        return size
    between = np.linspace(size + 1, min(size + step, bound), _TRIES).astype(int)
    return next(
        (n for n in sorted(set(between.tolist()), reverse=True) if _fits(asked, n)), max(size, 0)
    )


def _fits(asked: Programme, size: int) -> bool:
    """Whether some margins fit: if they do with any chance kept, they do with the least."""
    if size <= 0:
        return False
    sized = _sized(asked, size, _LEAST_CHANCES[-1], strict=True)
    return sized.solve(np.zeros(len(sized.lower))).x is not None


def achievable_margins(asked: Programme, size: int) -> tuple[NDArray[np.float64], ...]:
    """Margins a cohort of ``size`` can have: the steps are in the module's text.

    Deviations count in units of each margin's tolerance. Each eligible patient keeps a small
    chance, so that raking to the margins has a solution. Raises MatchingError where a minimum
    cannot be met, or the best margins are beyond their tolerance.
    """
    found = _closest(asked, size)
    if found is None:
        raise MatchingError(_refusal(asked, size))
    sized, reached = found
    margins, even = sized.margins(reached), _spread(sized, reached)
    if np.abs(even - margins).max(initial=0.0) >= _WORTH:
        margins = _whole(sized, even)
    return _by_attribute(asked, margins)


def _closest(asked: Programme, size: int) -> tuple[_Sized, NDArray[np.float64]] | None:
    """The first two steps within the tolerance, with as large a chance kept as they allow."""
    for strict in (True, False):
        if strict and not _fits(asked, size):
            continue
        for least in _LEAST_CHANCES:
            sized = _sized(asked, size, least, strict=strict)
            reached = _nearest(sized)
            if reached is not None and (
                strict or _farthest(asked, size, sized.margins(reached))[0] <= _BEYOND
            ):
                return sized, reached
    return None


def _nearest(sized: _Sized) -> NDArray[np.float64] | None:
    """Least largest deviation, then least total; both are kept as bounds of ``sized``."""
    n_cells, n_levels = len(sized.asked.counts), len(sized.goal)
    first = sized.solve(_last(sized))
    if first.x is None:
        return None
    sized.upper[-1] = first.x[-1] * (1 + 1e-7) + 1e-7
    total = np.concatenate([np.zeros(n_cells), np.ones(n_levels), [0.0]])
    second = sized.solve(total)
    if second.x is None:
        return None
    sized.rows = vstack([sized.rows, csr_matrix(total[None, :])]).tocsr()
    sized.limit = np.append(sized.limit, second.fun * (1 + 1e-7) + 1e-7)
    return np.asarray(second.x)


def _spread(sized: _Sized, reached: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of margins that are equally near, those whose levels change least in proportion.

    Least sum of squared changes over the number wanted, so that levels share what another lacks in
    proportion to their own. The square is made of straight pieces, first for changes of any
    length, then of finer ones about what the first gave. Margins are (levels,).
    """
    scale = np.concatenate([*sized.asked.shares, np.zeros(0)]) * sized.size
    where, levels = sized.deviations, np.flatnonzero(scale)
    if float(reached[where].sum()) < _WORTH:
        return sized.margins(reached)
    farthest = float(reached[where].max())
    change = np.geomspace(
        _WORTH / 2.0 / scale.max(), 2.0 * farthest / scale[levels].min() + 1.0, _PIECES
    )
    ends = np.tile(change, (len(levels), 1))
    for _ in range(2):
        solved = _least_squares(sized, levels, ends * scale[levels][:, None], ends)
        if solved is None:
            break
        reached = solved
        found = (reached[where][levels] / scale[levels])[:, None]
        near = np.linspace(0.7, 1.4, _PIECES - 1)
        ends = np.hstack([np.maximum(found, change[0]) * near, np.full_like(found, change[-1])])
    return sized.margins(reached)


def _least_squares(
    sized: _Sized,
    levels: NDArray[np.int64],
    ends: NDArray[np.float64],
    change: NDArray[np.float64],
) -> NDArray[np.float64] | None:
    """Least sum of squares in pieces that end at ``ends`` (levels, pieces), in patients.

    ``change`` are the same ends as relative changes: what one patient more costs there.
    """
    n_levels, n_pieces = ends.shape
    n, start = len(sized.lower), sized.deviations.start
    lengths = np.diff(ends, axis=1, prepend=0.0)
    costs = change - np.diff(change, axis=1, prepend=0.0) / 2.0
    deviation = csr_matrix(
        (np.ones(n_levels), (np.arange(n_levels), start + levels)), shape=(n_levels, n)
    )
    pieces = csr_matrix(
        (-np.ones(ends.size), (np.repeat(np.arange(n_levels), n_pieces), np.arange(ends.size)))
    )
    wider = replace(
        sized,
        rows=vstack(
            [
                hstack([sized.rows, csr_matrix((sized.rows.shape[0], ends.size))]),
                hstack([deviation, pieces]),
            ]
        ).tocsr(),
        limit=np.append(sized.limit, np.zeros(n_levels)),
        lower=np.append(sized.lower, np.zeros(ends.size)),
        upper=np.append(sized.upper, lengths.ravel()),
    )
    solved = wider.solve(np.append(np.zeros(n), costs.ravel()))
    return None if solved.x is None else np.asarray(solved.x)[:n]


def _whole(sized: _Sized, margins: NDArray[np.float64]) -> NDArray[np.float64]:
    """Margins (levels,) in whole patients, where these are as near and can be had together."""
    asked, size = sized.asked, sized.size
    whole = np.concatenate(
        [whole_patients(margin, size) for margin in _by_attribute(asked, margins)] + [np.zeros(0)]
    )
    apart = np.abs(whole - sized.goal)
    allowed = np.abs(margins - sized.goal)
    if apart.max(initial=0.0) > allowed.max(initial=0.0) + 1e-6 or apart.sum() > (
        allowed.sum() + 1e-6
    ):
        return margins
    n_cells = len(asked.counts)
    minima, least = asked.minima()
    there = linprog(
        np.zeros(n_cells),
        A_ub=-minima if len(least) else None,
        b_ub=-least if len(least) else None,
        A_eq=vstack([asked.levels(), csr_matrix(np.ones((1, n_cells)))]).tocsr(),
        b_eq=np.append(whole, float(size)),
        bounds=np.column_stack([sized.lower[:n_cells], sized.upper[:n_cells]]),
        method="highs",
    )
    return margins if there.x is None else whole


def _by_attribute(
    asked: Programme, margins: NDArray[np.float64]
) -> tuple[NDArray[np.float64], ...]:
    ends = np.cumsum([len(share) for share in asked.shares])[:-1]
    return tuple(np.split(margins, ends)) if asked.shares else ()


def _farthest(
    asked: Programme, size: int, reached: NDArray[np.float64]
) -> tuple[float, float, int, int]:
    """Patients beyond the tolerance, the deviation, and which level, of the margin worst off."""
    worst = (-np.inf, 0.0, 0, 0)
    margins = _by_attribute(asked, reached)
    for k, (goal, margin) in enumerate(zip(asked.wanted(size), margins, strict=True)):
        for j, off in enumerate(np.abs(margin - goal).tolist()):
            worst = max(worst, (off - asked.tolerance[k] * size, off, k, j))
    return worst


def least_tolerance(asked: Programme, size: int) -> float | None:
    """The smallest tolerance, in thousandths, with which a cohort of ``size`` is drawn.

    Margins that are allowed more already keep theirs. None where no tolerance helps.
    """

    def drawn(thousandths: int) -> bool:
        least = thousandths / _STEP
        allowed = tuple(max(tolerance, least) for tolerance in asked.tolerance)
        return _closest(replace(asked, tolerance=allowed), size) is not None

    low, high = int(min(asked.tolerance, default=0.0) * _STEP + 1e-9), _STEP
    if not drawn(high):
        return None
    # What it is where every margin has the same tolerance, and near it elsewhere.
    equal = replace(asked, tolerance=(1.0,) * len(asked.tolerance))
    sized = _sized(equal, size, _LEAST_CHANCES[-1], strict=False)
    if (nearest := sized.solve(_last(sized))).x is not None:
        guess = int(np.ceil((float(nearest.fun) - _BEYOND) / size * _STEP))
        if low < guess < high and drawn(guess):
            high = guess
        if low < guess - 1 < high and not drawn(guess - 1):
            low = guess - 1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if drawn(middle) else (middle, high)
    return high / _STEP


def _refusal(asked: Programme, size: int) -> str:
    """One sentence: the level in the way, what it takes and has, and who would help."""
    told = lacking(asked, size)
    if told:
        enough = smallest(asked)
        remedy = (
            "no size meets every minimum within the tolerance: lower the minimum, exempt the level "
            "or allow more"
            if enough is None
            else f"all are met from a size of {enough} on: enlarge the cohort or lower the minimum"
        )
        return f"no cohort of {size} has the minimum of every subgroup: {'; '.join(told)}; {remedy}"
    allow = least_tolerance(asked, size)
    if allow is None:
        return (
            f"no cohort of {size} has the minimum of every subgroup and the target's margins; "
            "lower the minimum, or allow a larger tolerance"
        )
    cells, wanted = asked.cells, asked.wanted(size)
    k, level = scarcest(asked, size) or _worst_level(asked, size, allow)
    tolerance = asked.tolerance[k]
    have = int(asked.counts @ cells.indicator(k)[:, level])
    enough_for = _named(asked, allow)
    if have == 0:
        pool = cells.counts @ cells.indicator(k)
        present = [name for name, n in zip(cells.levels[k], pool, strict=True) if n > 0]
        return (
            f"the target wants {int(wanted[k][level])} patients of {cells.attributes[k]} "
            f"{cells.levels[k][level]!r} and the pool has none; its levels are "
            f"{', '.join(present)}; change the target, or allow {enough_for}"
        )
    helped = would_help(asked, size)[:3]
    return (
        f"no cohort of {size} comes within {tolerance:.3g} of the target: "
        f"{asked.level(k, level)} takes {int(wanted[k][level])} patients and the pool has {have}; "
        f"lower size, change the target, or allow {enough_for}; "
        f"what would help: {'; '.join(helped)}"
    )


def _worst_level(asked: Programme, size: int, allow: float) -> tuple[int, int]:
    """The level that is farthest beyond its tolerance where ``allow`` is allowed instead."""
    allowed = tuple(max(tolerance, allow) for tolerance in asked.tolerance)
    found = _closest(replace(asked, tolerance=allowed), size)
    if found is None:
        return 0, 0
    _, _, k, level = _farthest(asked, size, found[0].margins(found[1]))
    return k, level


def _named(asked: Programme, allow: float) -> str:
    """A tolerance, and the margins that need it where the others are allowed as much already."""
    names = asked.cells.attributes
    less = [names[k] for k, tolerance in enumerate(asked.tolerance) if tolerance < allow]
    return f"{allow:g}" + ("" if len(less) == len(asked.tolerance) else f" for {', '.join(less)}")
