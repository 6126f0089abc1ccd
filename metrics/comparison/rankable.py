"""The figures that submissions can be ranked by, and their replicates for a whole board.

The weights of 64 replicates are drawn once and serve every submission: memory grows with the
submissions and with the replicates, never with both times the cases.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from metrics.arrays import Bools, Floats
from metrics.calibration.errors import log_losses
from metrics.discrimination.curves import standardized_area
from metrics.edges import called
from metrics.estimate import UndefinedMetric
from metrics.figure_name import AT_SENSITIVITY, AT_SPECIFICITY, PARTIAL_AUROC, FigureName, Kind
from metrics.operating_points import rates
from metrics.operating_points.rates import Confusion
from metrics.operating_points.utility import net_benefit
from metrics.resampling import replicates as resampling
from metrics.resampling.sums import FIGURES, LANES, Sums

_TABLE: dict[str, Callable[[Confusion[Floats]], Floats]] = {
    "sensitivity": rates.sensitivity,
    "specificity": rates.specificity,
    "ppv": rates.ppv,
    "npv": rates.npv,
    "accuracy": rates.accuracy,
    "balanced_accuracy": rates.balanced_accuracy,
    "f1": rates.f1,
    "mcc": rates.mcc,
    "youden_j": rates.youden_j,
    "lr_positive": rates.lr_positive,
    "lr_negative": rates.lr_negative,
    "false_positive_rate": rates.false_positive_rate,
    "false_negative_rate": rates.false_negative_rate,
}
_NET_BENEFIT = "net_benefit"
_AT_PREVALENCE = "_at_prevalence"
_AT_COHORT = "_at_cohort_prevalence"
_LOSSES = ("brier", "scaled_brier", "log_loss")
_WALKS = ("average_precision", "ece")
_CURVES = (AT_SPECIFICITY, AT_SENSITIVITY, PARTIAL_AUROC)
_LOWER = frozenset(
    {"brier", "log_loss", "ece", "lr_negative", "false_positive_rate", "false_negative_rate"}
)


@dataclass(frozen=True, slots=True)
class Rankable:
    """A figure that ranks: the name of its family, the values it is read at, its direction.

    ``base`` is "sensitivity_at_specificity" of "sensitivity_at_specificity_0.9", and "ppv" of
    "ppv_at_prevalence_0.1", whose ``prevalence`` is 0.1.
    """

    name: str
    base: str
    at: tuple[float, ...]
    prevalence: float | None

    @property
    def sign(self) -> float:
        """1 where higher is better, -1 where lower is."""
        return -1.0 if self.base in _LOWER else 1.0

    @property
    def of_calls(self) -> bool:
        """Whether the figure is one of the 2x2 table at the submission's threshold."""
        return self.base in _TABLE or self.base == _NET_BENEFIT


def rankable(figure: str, prevalence: float) -> Rankable:
    """Read the written name of a figure; ``prevalence`` is that of the whole cohort.

    Undefined where submissions cannot be ranked by the figure.
    """
    name = FigureName.read(figure)
    try:
        at = tuple(float(value) for value in name.at)
    except ValueError:
        at = ()
    if name.kind is Kind.PLAIN:
        if name.base in _CURVES and len(at) == (2 if name.base == PARTIAL_AUROC else 1):
            return Rankable(figure, name.base, at, None)
        own = name.base.removesuffix(_AT_PREVALENCE)
        if own != name.base and len(at) == 1 and (own in _TABLE or own == "brier"):
            return Rankable(figure, own, at, at[0])
        own = name.base.removesuffix(_AT_COHORT)
        if own != name.base and own in ("ppv", "brier"):
            return Rankable(figure, own, (), prevalence)
        if not name.at and name.base in ("auroc", _NET_BENEFIT, *_WALKS, *_LOSSES, *_TABLE):
            return Rankable(figure, name.base, (), None)
    raise UndefinedMetric(
        f"submissions cannot be ranked by {figure!r}: it has no replicates that all submissions "
        f"share; rank by auroc, average_precision, brier, log_loss, a partial area or a figure of "
        f"the 2x2 table"
    )


@dataclass(frozen=True, slots=True)
class Scored:
    """The cases of a board and what every submission gave them.

    ``y`` (cases,); ``scores`` (submissions, cases); ``thresholds`` (submissions,), not a number
    where a submission has none; ``drawn`` says what a replicate draws.
    """

    y: Bools
    scores: Floats
    thresholds: Floats
    drawn: resampling.Units
    ece_bins: int = 10


def replicated(
    figure: Rankable, board: Scored, *, replicates: int, seed: int, threads: int | None = None
) -> Floats:
    """Replicates of a figure, (submissions, replicates), not a number where one is undefined.

    The weights depend on the labels, the patients and the seed alone: a submission more changes
    no other's replicates.
    """
    if figure.base == "auroc":
        block = _areas(board)
    elif figure.base in _WALKS:
        block = _walked(figure, board)
    elif figure.base in _CURVES:
        block = _read_off(figure, board)
    else:
        block = _summed(figure, board)
    values = np.empty((board.scores.shape[0], -(-replicates // LANES) * LANES))

    def use(lanes: slice, weights: NDArray[np.uint8]) -> None:
        values[:, lanes] = block(weights)

    resampling.each_block(
        board.drawn,
        use,
        replicates=replicates,
        seed=seed,
        threads=threads,
        submissions=board.scores.shape[0],
    )
    return values[:, :replicates]


_Block = Callable[[NDArray[np.uint8]], Floats]
"""From the weights (cases, 64) of a block to the figures (submissions, 64)."""


def _areas(board: Scored) -> _Block:
    from metrics.comparison.kernels import scan_areas  # numba is costly to import

    rows = np.empty(board.scores.shape, dtype=np.int32)
    flags = np.empty(board.scores.shape, dtype=np.uint8)
    for place, s in enumerate(board.scores):
        cases = resampling.ranked(board.y, s, 2)
        rows[place] = cases.order
        flags[place] = resampling.walk(cases, None, None).flags
    flush = resampling.rows_between_flushes(board.y)

    def block(weights: NDArray[np.uint8]) -> Floats:
        out = np.empty((len(rows), LANES))
        scan_areas(weights, rows, flags, flush, out)
        return out

    return block


def _walked(figure: Rankable, board: Scored) -> _Block:
    from metrics.resampling.kernels import scan  # numba is costly to import

    walks = []
    for s in board.scores:
        cases = resampling.ranked(board.y, s, board.ece_bins)
        flags = resampling.walk(cases, None, None).flags
        gap = np.empty_like(cases.gap)
        gap[cases.order] = cases.gap
        walks.append((cases.order.astype(np.int32), flags, gap))
    flush = resampling.rows_between_flushes(board.y)
    no_squares = np.zeros(board.y.size, dtype=np.float32)

    def block(weights: NDArray[np.uint8]) -> Floats:
        values = np.empty((len(walks), LANES))
        for place, (rows, flags, gap) in enumerate(walks):
            out = np.empty((FIGURES, LANES))
            scan(weights, rows, flags, gap, no_squares, flush, out)
            sums = Sums(out)
            values[place] = sums.ece if figure.base == "ece" else sums.average_precision
        return values

    return block


def _read_off(figure: Rankable, board: Scored) -> _Block:
    """Figures of the ROC curve; a specificity is the sensitivity of the classes swapped."""
    from metrics.resampling.kernels import scan_roc  # numba is costly to import

    swapped = figure.base == AT_SENSITIVITY
    y = ~board.y if swapped else board.y
    walks = []
    for s in board.scores:
        cases = resampling.ranked(y, -s if swapped else s, 2)
        walks.append((cases.order.astype(np.int32), resampling.walk(cases, None, None).flags))
    partial = figure.base == PARTIAL_AUROC
    read = np.array(figure.at if partial else [1.0 - figure.at[0]])

    def block(weights: NDArray[np.uint8]) -> Floats:
        values = np.empty((len(walks), LANES))
        heights, areas = np.empty((LANES, read.size)), np.empty((LANES, read.size))
        for place, (rows, flags) in enumerate(walks):
            scan_roc(weights, rows, flags, read, heights, areas)
            if partial:
                low, high = figure.at
                values[place] = standardized_area(areas[:, 1] - areas[:, 0], low, high)
            else:
                values[place] = heights[:, 0]
        return values

    return block


def _summed(figure: Rankable, board: Scored) -> _Block:
    """Figures of sums over each class: of calls, or of losses."""
    y = board.y
    each: NDArray[np.floating]
    if figure.of_calls:
        each = np.stack(
            [called(s, t) for s, t in zip(board.scores, board.thresholds, strict=True)]
        ).astype(np.float32)  # counts are whole: exact
    elif figure.base == "log_loss":
        each = np.stack([log_losses(y, s) for s in board.scores])
    else:
        each = (board.scores - y) ** 2
    positive, negative = each[:, y], each[:, ~y]

    def block(weights: NDArray[np.uint8]) -> Floats:
        w = weights.astype(each.dtype)
        sums = _Sides(
            (positive @ w[y]).astype(np.float64),
            (negative @ w[~y]).astype(np.float64),
            weights[y].sum(axis=0, dtype=np.float64)[None, :],
            weights[~y].sum(axis=0, dtype=np.float64)[None, :],
        )
        return _of_sides(figure, sums, board.thresholds)

    return block


@dataclass(frozen=True, slots=True)
class _Sides:
    """Sums over the positives and the negatives (submissions, replicates), and their weights."""

    positive: Floats
    negative: Floats
    positives: Floats
    negatives: Floats


def _of_sides(figure: Rankable, sums: _Sides, thresholds: Floats) -> Floats:
    m, n = sums.positives, sums.negatives
    share = m / (m + n) if figure.prevalence is None else np.full_like(m, figure.prevalence)
    if not figure.of_calls:
        if figure.prevalence is None:
            loss = _over(sums.positive + sums.negative, m + n)
        else:
            loss = share * _over(sums.positive, m) + (1.0 - share) * _over(sums.negative, n)
        if figure.base != "scaled_brier":
            return loss
        return 1.0 - _over(loss, share * (1.0 - share))
    tp, fp = sums.positive, sums.negative
    table = Confusion(tp, fp, m - tp, n - fp)
    if figure.prevalence is not None:
        hit, alarm = _over(tp, m), _over(fp, n)
        table = Confusion(
            share * hit, (1.0 - share) * alarm, share * (1.0 - hit), (1.0 - share) * (1.0 - alarm)
        )
    if figure.base != _NET_BENEFIT:
        return _TABLE[figure.base](table)
    rows = [Confusion(*parts) for parts in zip(table.tp, table.fp, table.fn, table.tn, strict=True)]
    return np.stack([net_benefit(row, float(t)) for row, t in zip(rows, thresholds, strict=True)])


def _over(part: Floats, whole: Floats) -> Floats:
    """Divide; not a number where the whole is 0."""
    whole = np.broadcast_to(whole, part.shape)
    return np.divide(part, whole, out=np.full(part.shape, np.nan), where=whole > 0)
