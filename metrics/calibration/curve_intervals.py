"""Intervals of figures of calibration curves: noise pushes them up, and 0 bounds them.

All take their noise from one place. Cases with near predictions form at most 100 cells; noise of
the residuals is drawn for these (``calibration_noise``), and each figure is computed again from
the cells with that noise. The cells serve the noise alone: values are those of the cases. The cost
hardly grows with the number of cases.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from metrics import arrays
from metrics.arrays import Floats
from metrics.calibration import noise as calibration_noise
from metrics.calibration.errors import mass_bin_of
from metrics.calibration.noise import Residuals
from metrics.estimate import Interval
from metrics.group import Group
from metrics.intervals import linearised
from metrics.resampling.bootstrap import quantile

DRAWS = 200
CELLS = 100
_SPAN = 2.0 / 3.0
_SIGMAS = np.geomspace(0.002, 1.0, 20)
_GRID = (np.arange(64) + 0.5) / 64

_Rows = Callable[[Floats], Floats]


def curve_intervals(
    group: Group, values: Mapping[str, float], confidence: float, seed: int
) -> dict[str, Interval]:
    """Intervals of those figures that ``values`` has, by name.

    ``ici``, ``e50``, ``e90``, ``emax``, ``smooth_ece``, ``rms_calibration_error_debiased`` and
    ``corp_miscalibration``: F(g) of the cells' gaps g. The lower end is F less the upper quantile
    of F(m + e) - F(m), m the smooth calibration curve taken for noise as far as noise explains it
    and e noise of the data, or the same with the curve c as it is if that is more; it is 0 unless
    outcomes drawn by p, as if every prediction were right, would give such an F less often than
    (1 - ``confidence``) / 2. The upper end is F plus the most of F(m + e) and F(c + e) falling to
    their lower quantiles, and of F(c + e) rising from its median to its upper one. ``e50`` and
    ``e90`` also allow for the curve moved to either end of its interval at every point; the root
    mean square takes its square.
    ``corp_discrimination``: its influence function, Student's t, the lower end less the mean that
    noise adds, twice. All are conservative. Undefined with one patient or predictions that are no
    probabilities.
    """
    p = arrays.probabilities(group.s, group.y.size)
    member, n_cells = calibration_noise.cells_of(p, CELLS)
    residuals = calibration_noise.residuals(group, member, n_cells)
    noise = _noise(residuals, confidence, seed)
    limits: dict[str, Interval] = {}
    for name, rows in _figures(residuals).items():
        if name in values:
            low, high = _ends(values[name], rows, noise, confidence)
            if name in _LEVELS:
                low, high = _within_band(residuals, noise, values[name], (low, high), _LEVELS[name])
            limits[name] = Interval(low, min(1.0, high), _METHOD)
    name = "rms_calibration_error_debiased"
    if name in values:
        low, high = _root_ends(values[name], residuals, noise, confidence)
        limits[name] = Interval(low, min(1.0, high), _METHOD)
    if "corp_discrimination" in values:
        limits["corp_discrimination"] = _discrimination(
            group, values["corp_discrimination"], residuals, noise, confidence
        )
    return limits


_METHOD = (
    f"noise of residuals in {CELLS} cells, {DRAWS} draws, lower end 0 unless right predictions "
    "would rarely give so much; conservative"
)


_LEVELS = {"e50": 0.5, "e90": 0.9}


@dataclass(frozen=True, slots=True)
class _Noise:
    """Draws (draws, cells) of the gaps, of right predictions and of the data, and both centres.

    ``shrunk`` and ``curve`` (cells,) are the smooth curve's gaps less noise and as they are;
    ``reach`` half the width of the curve's interval in each cell.
    """

    right: Floats
    data: Floats
    shrunk: Floats
    curve: Floats
    reach: Floats


def _noise(residuals: Residuals, confidence: float, seed: int) -> _Noise:
    share = residuals.share
    smoother = local_lines(residuals.predicted, share)
    per_case = smoother / share
    curve = per_case @ residuals.gap
    variance = np.einsum("ij,jk,ik->i", per_case, residuals.covariance, per_case)
    square = curve**2
    shrunk = np.divide(variance, square, out=np.ones(square.size), where=square > variance)
    return _Noise(
        calibration_noise.of_calibrated(residuals, DRAWS, confidence, seed),
        calibration_noise.of_data(residuals, DRAWS, confidence, seed),
        share * curve * np.sqrt(1.0 - shrunk),
        share * curve,
        linearised.quantile(confidence, residuals.freedom) * np.sqrt(np.maximum(variance, 0.0)),
    )


def _ends(
    value: float, rows: _Rows, noise: _Noise, confidence: float, exact: _Rows | None = None
) -> tuple[float, float]:
    """Both ends; of the two centres, the curve and the shrunk one, each end takes the farther.

    ``exact`` is the figure of gaps without noise, where that is another function.
    """
    upper = 0.5 + confidence / 2.0
    fall, rise = 0.0, 0.0
    for centre in (noise.shrunk, noise.curve):
        truth = float((exact or rows)(centre[None, :])[0])
        about = np.sort(rows(centre + noise.data))
        fall = max(fall, quantile(about, upper) - truth)
        rise = max(rise, truth - quantile(about, 1.0 - upper))
    rise = max(rise, quantile(about, upper) - quantile(about, 0.5))
    right = quantile(np.sort(rows(noise.right)), upper)
    low = value - fall if value > right + 1e-12 else 0.0
    return min(max(0.0, low), value), value + rise


def _root_ends(
    value: float, residuals: Residuals, noise: _Noise, confidence: float
) -> tuple[float, float]:
    """Ends of the root mean square error: those of its square, which has no bias."""
    debiased, exact = _squares(residuals)
    low, high = _ends(value**2, debiased, noise, confidence, exact)
    return float(np.sqrt(low)), float(np.sqrt(high))


def _within_band(
    residuals: Residuals, noise: _Noise, value: float, ends: tuple[float, float], level: float
) -> tuple[float, float]:
    """Widen the ends of a quantile to that of the curve moved by its interval at every point."""
    share = residuals.share
    curve = np.abs(noise.curve / share)
    band = np.stack([curve, np.maximum(0.0, curve - noise.reach), curve + noise.reach])
    middle, lowest, highest = _quantiles(band, share, level)
    low, high = ends
    return (
        max(0.0, min(low, value - float(middle - lowest))),
        max(high, value + float(highest - middle)),
    )


def _figures(residuals: Residuals) -> dict[str, _Rows]:
    """Each figure from rows of gaps (rows, cells)."""
    share = residuals.share
    smoother = (local_lines(residuals.predicted, share) / share).T

    def distances(gaps: Floats) -> Floats:
        return np.asarray(np.abs(gaps @ smoother))

    return {
        "ici": lambda gaps: distances(gaps) @ share,
        "e50": lambda gaps: _quantiles(distances(gaps), share, 0.5),
        "e90": lambda gaps: _quantiles(distances(gaps), share, 0.9),
        "emax": lambda gaps: distances(gaps).max(axis=1),
        "smooth_ece": _smooth(residuals.predicted),
        "corp_miscalibration": lambda gaps: _miscalibration(residuals, gaps),
    }


def local_lines(x: Floats, share: Floats) -> Floats:
    """Weights (points, points) of lowess without robustness steps on weighted points.

    ``x`` rises. A line is fitted at each point to the nearest two thirds of the weight, with
    tricube weights: the curve is the result times what is smoothed (Cleveland 1979).
    """
    distance = np.abs(x[:, None] - x[None, :])
    order = np.argsort(distance, axis=1, kind="stable")
    reached = np.cumsum(share[order], axis=1) >= min(_SPAN, 1.0) - 1e-9
    last = order[np.arange(x.size), np.argmax(reached, axis=1)]
    width = np.maximum(distance[np.arange(x.size), last], 1e-12)[:, None]
    weight = share * np.maximum(0.0, 1.0 - (distance / (width * 1.001)) ** 3) ** 3
    weight /= weight.sum(axis=1, keepdims=True)
    centre = weight @ x
    apart = x[None, :] - centre[:, None]
    spread = np.sum(weight * apart**2, axis=1)
    wide = np.sqrt(spread) > 0.001 * (x[-1] - x[0])
    slope = np.where(wide, (x - centre) / np.where(wide, spread, 1.0), 0.0)
    return np.asarray(weight * (1.0 + slope[:, None] * apart))


def _quantiles(distance: Floats, share: Floats, level: float) -> Floats:
    order = np.argsort(distance, axis=1)
    place = np.argmax(np.cumsum(share[order], axis=1) >= level - 1e-9, axis=1)
    rows = np.arange(distance.shape[0])
    return np.asarray(distance[rows, order[rows, place]])


def _smooth(predicted: Floats) -> _Rows:
    """Smooth ECE from the cells: where the error at a ladder of widths crosses the width."""
    mirrored = [predicted, -predicted, 2.0 - predicted]
    kernels = []
    for sigma in _SIGMAS:
        bells = [np.exp(-(((_GRID[:, None] - at) / sigma) ** 2) / 2.0) for at in mirrored]
        kernel = sum(bells)
        kernels.append(kernel / np.maximum(kernel.mean(axis=0), 1e-300))

    def rows(gaps: Floats) -> Floats:
        excess = np.stack(
            [np.abs(gaps @ k.T).mean(axis=1) - s for k, s in zip(kernels, _SIGMAS, strict=True)]
        )
        first = np.argmax(excess <= 0.0, axis=0)
        before = np.maximum(first - 1, 0)
        each = np.arange(gaps.shape[0])
        above, below = excess[before, each], excess[first, each]
        step = np.where(first > 0, above / np.where(first > 0, above - below, 1.0), 0.0)
        crossed = _SIGMAS[before] + step * (_SIGMAS[first] - _SIGMAS[before])
        return np.where(first > 0, crossed, excess[0] + _SIGMAS[0])

    return rows


def _squares(residuals: Residuals) -> tuple[_Rows, _Rows]:
    """Mean square error over ten runs of cells of about equal weight: debiased, and as it is."""
    member, n_bins = arrays.renumbered(
        mass_bin_of(residuals.predicted, residuals.count.astype(np.float64), 10)
    )
    pooled = np.zeros((residuals.predicted.size, n_bins))
    pooled[np.arange(member.size), member] = 1.0
    share = residuals.share @ pooled
    observed = (residuals.share * residuals.predicted + residuals.gap) @ pooled / share
    added = observed * (1.0 - observed) / np.maximum(residuals.count @ pooled - 1.0, 1.0)

    def exact(gaps: Floats) -> Floats:
        return np.asarray(((gaps @ pooled) / share) ** 2 @ share)

    return (lambda gaps: exact(gaps) - float(added @ share)), exact


def _miscalibration(residuals: Residuals, gaps: Floats) -> Floats:
    """CORP's miscalibration: what the rising fit takes off the squared error of the cells."""
    observed = residuals.predicted + gaps / residuals.share
    fitted = _rising(observed, residuals.share)
    return np.asarray(
        ((observed - residuals.predicted) ** 2 - (observed - fitted) ** 2) @ residuals.share
    )


def _rising(observed: Floats, share: Floats) -> Floats:
    from metrics.resampling.rank_kernels import isotonic_rows  # numba is costly to import

    fitted = np.empty_like(observed)
    isotonic_rows(observed, share, fitted)
    return fitted


def _discrimination(
    group: Group, value: float, residuals: Residuals, noise: _Noise, confidence: float
) -> Interval:
    """CORP's discrimination: variance of the rising fit over the cases.

    Its influence is (y - mean y)^2 - (y - c)^2 less the figure, c the rising fit. Noise makes the
    fit rise where nothing does; twice what it adds on average is taken off the lower end, which is
    0 unless outcomes of one risk for all would give such a figure less often.
    """
    share = residuals.share
    prevalence = group.prevalence
    members = calibration_noise.cells_of(group.s, CELLS)[0]
    observed = residuals.predicted + residuals.gap / share
    fitted = _rising(observed[None, :], share)[0]
    part = (group.y - prevalence) ** 2 - (group.y - fitted[members]) ** 2
    known = linearised.error(group, (part - part.mean()) / group.y.size)
    reach = known.reach(confidence)
    risk = np.clip(residuals.predicted + noise.curve / share, 0.0, 1.0)
    risk = _rising(risk[None, :], share)[0]
    again = _spread(_rising(risk + noise.data / share, share), share)
    added = max(0.0, float(again.mean()) - float(_spread(risk[None, :], share)[0]))
    spread = np.sqrt(prevalence * (1.0 - prevalence) / residuals.count * residuals.effect)
    generator = np.random.default_rng([DRAWS, residuals.count.size])
    flat = prevalence + spread * generator.standard_normal((DRAWS, share.size))
    upper = quantile(np.sort(_spread(_rising(flat, share), share)), 0.5 + confidence / 2.0)
    low = max(0.0, value - 2.0 * added - reach) if value > upper else 0.0
    highest = max(value, prevalence * (1.0 - prevalence))
    return Interval(low, min(highest, value + reach), "influence function, t; conservative")


def _spread(fitted: Floats, share: Floats) -> Floats:
    mean = fitted @ share
    return np.asarray((fitted - mean[:, None]) ** 2 @ share)
