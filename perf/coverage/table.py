"""The tables of docs/intervals.md, from the results that are kept."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from metrics.group import FIXED_PREVALENCE
from metrics.resampling.bootstrap import holm
from perf.coverage.cohorts import Images
from perf.coverage.counting import ABOVE, BELOW, DEFINED, FLAT, REJECTED, TESTED, Cell
from perf.coverage.gaps import (
    ALPHA,
    Groups,
    family_cells,
    simultaneous_cells,
    size_cells,
)
from perf.coverage.intervals import IntervalCell, interval_cells
from perf.coverage.power import POWER, PowerCell, power_cells
from perf.coverage.standardised import standardised_cells
from perf.coverage.study import KEPT, Kept, read

BEGIN = "<!-- made by `python -m perf.coverage --table` -->"
END = "<!-- end of what it makes -->"
DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "intervals.md"
LEAST, LEAST_SHARE = 100, 0.05
"""The share of intervals is shown where so many runs, and so large a share of them, had one."""
LEAST_TESTED = 0.5
"""The share of rejections is shown where so large a share of the runs had the test.

Fewer have it only where chance gave a group more of a class than expected, and calibration then
differs by that very surplus.
"""
LACKING = "insufficient data"
LARGEST_SIZE = 0.06
LOWEST_SHARE, HIGHEST_SHARE = 0.93, 0.98
NEAR = 0.03

_Results = Mapping[str, Kept]


def replaced(document: str, block: str, begin: str = BEGIN) -> str:
    """The document with what stands between the marks replaced."""
    before, _, rest = document.partition(begin)
    _, found, after = rest.partition(END)
    if not found:
        raise ValueError(f"{DOCUMENT.name} needs the lines {begin} and {END}")
    return f"{before}{begin}\n\n{block}\n{END}{after}"


def block(results: _Results | None = None) -> str:
    """Every table, from the results given or those kept in the project."""
    results = read(KEPT) if results is None else results
    parts = (
        _intervals(results),
        _sizes(results),
        _families(results),
        _simultaneous(results),
        _power(results),
        _standardised(results),
    )
    return "\n".join(part for part in parts if part) or "Nothing has been simulated yet.\n"


_INTERVAL_COLUMNS = ("set by design", "sampled", "1 to 5 images", "1 to 60 images")


def _column(cell: IntervalCell) -> str:
    if cell.images is Images.FEW:
        return _INTERVAL_COLUMNS[2]
    if cell.images is Images.SKEWED:
        return _INTERVAL_COLUMNS[3]
    return _INTERVAL_COLUMNS[0] if cell.design == FIXED_PREVALENCE else _INTERVAL_COLUMNS[1]


def _intervals(results: _Results) -> str:
    """A line a figure: the least and the largest share over the cells of each kind."""
    shares: dict[str, dict[str, list[float]]] = {}
    least: dict[str, tuple[float, IntervalCell]] = {}
    flat: dict[str, int] = {}
    unstudied: set[str] = set()
    for cell in interval_cells():
        kept = results.get(cell.name)
        for figure, counts in (kept.counts.rows if kept else {}).items():
            flat[figure] = flat.get(figure, 0) + counts[FLAT]
            if kept is None or not _told(counts, kept):
                continue
            share = _held(counts)
            shares.setdefault(figure, {}).setdefault(_column(cell), []).append(share)
            least[figure] = min(least.get(figure, (2.0, cell)), (share, cell), key=lambda x: x[0])
        unstudied |= kept.counts.unstudied if kept else set()
    if not shares:
        return ""
    head = ["figure", *_INTERVAL_COLUMNS, "cells under 0.93", "least, where", "width 0"]
    rows = [
        [
            figure,
            *(_range(shares[figure].get(column, ())) for column in _INTERVAL_COLUMNS),
            _under([share for column in shares[figure].values() for share in column]),
            f"{least[figure][0]:.3f}: {_described(least[figure][1])}",
            str(flat[figure]),
        ]
        for figure in sorted(shares)
    ]
    text = f"How often 95 % intervals held the true figure{made(results, interval_cells())}:\n\n"
    text += rows_of(head, rows)
    if unstudied:
        text += f"\nNot studied, since no truth is known: {', '.join(sorted(unstudied))}.\n"
    return text


def _described(cell: IntervalCell) -> str:
    images = "" if cell.images is Images.ONE else f", {cell.images.value}"
    return (
        f"n {cell.n}, AUROC {cell.auroc:g}, prevalence {cell.prevalence:g}, {cell.design}{images}"
    )


def _sizes(results: _Results) -> str:
    """A line a cell: the size of each figure's test; below, which sizes are too large."""
    found = [(cell, results[cell.name]) for cell in size_cells() if cell.name in results]
    figures = list(dict.fromkeys(row for _, kept in found for row in kept.counts.rows))
    if not figures:
        return ""
    rows = [
        [
            *_groups(cell.groups),
            *(_rate(kept, figure) if figure in cell.groups.null else "" for figure in figures),
        ]
        for cell, kept in found
    ]
    text = (
        f"P(p <= 0.05) of the test of a gap where there is none{made(results, size_cells())}:\n\n"
    )
    text += rows_of(["groups", "AUROC", "prevalence", *figures], rows)
    tests = [
        (f"{cell.name}, {row}", counts)
        for cell, kept in found
        for row, counts in kept.counts.rows.items()
        if _tested(counts, kept)
    ]
    return text + "\n" + _verdict(tests)


def _families(results: _Results) -> str:
    found = [(cell, results[cell.name]) for cell in family_cells() if cell.name in results]
    if not any(kept.counts.rows for _, kept in found):
        return ""
    rows = [[*_groups(cell.groups), _rate(kept, "any")] for cell, kept in found]
    text = (
        "P(any adjusted p <= 0.05 without a true gap): three figures by three attributes"
        f"{made(results, family_cells())}:\n\n"
    )
    text += rows_of(["groups", "AUROC", "prevalence", "any false call"], rows)
    tests = [
        (cell.name, counts)
        for cell, kept in found
        for counts in kept.counts.rows.values()
        if _tested(counts, kept)
    ]
    return text + "\n" + _verdict(tests)


def _simultaneous(results: _Results) -> str:
    """A line a figure and kind of gap: the range over the cells."""
    shares: dict[str, list[float]] = {}
    least: dict[str, tuple[float, Groups]] = {}
    for cell in simultaneous_cells():
        kept = results.get(cell.name)
        for row, counts in (kept.counts.rows if kept else {}).items():
            if kept is not None and _told(counts, kept):
                share = _held(counts)
                shares.setdefault(row, []).append(share)
                least[row] = min(
                    least.get(row, (2.0, cell.groups)), (share, cell.groups), key=lambda x: x[0]
                )
    if not shares:
        return ""
    rows = []
    for row in sorted(shares):
        figure, _, kind = row.partition(": ")
        lowest, groups = least[row]
        where = " / ".join(_groups(groups))
        outside = sum(not LOWEST_SHARE <= share <= HIGHEST_SHARE for share in shares[row])
        counted = f"{outside} of {len(shares[row])}"
        rows.append([figure, kind, _range(shares[row]), counted, f"{lowest:.3f}: {where}"])
    text = "How often all differences to the reference, or max - min, were held"
    text += f"{made(results, simultaneous_cells())}:\n\n"
    head = ["figure", "gap", "held", "cells outside 0.93-0.98", "least, where"]
    return text + rows_of(head, rows)


def _power(results: _Results) -> str:
    found = [(cell, results[cell.name]) for cell in power_cells() if cell.name in results]
    found = [(cell, kept) for cell, kept in found if kept.counts.rows]
    if not found:
        return ""
    rows = [
        [cell.figure, *_groups(cell.groups), f"{POWER:g}", _rate(kept, cell.figure)]
        for cell, kept in found
    ]
    text = f"Power found where {POWER:.0%} is stated{made(results, power_cells())}:\n\n"
    text += rows_of(["figure", "groups", "AUROC", "prevalence", "stated", "found"], rows)
    far = [cell.name for cell, kept in found if abs(_power_found(cell, kept) - POWER) > NEAR]
    return f"{text}\nMore than 0.03 from the power stated: {'; '.join(far) or 'none'}.\n"


def _standardised(results: _Results) -> str:
    """A line a cohort: how often each figure's interval held the target population's figure."""
    found = [(cell, results[cell.name]) for cell in standardised_cells() if cell.name in results]
    figures = list(dict.fromkeys(row for _, kept in found for row in kept.counts.rows))
    if not figures:
        return ""
    rows = []
    for cell, kept in found:
        counts = [kept.counts.rows.get(figure, (0, 0, 0, 0)) for figure in figures]
        shares = [f"{_held(row):.3f}" if _told(row, kept) else LACKING for row in counts]
        rows.append([str(cell.n), cell.weights, *shares])
    text = "How often 95 % intervals of figures weighted to the target held what it has"
    text += f"{made(results, standardised_cells())}:\n\n"
    return text + rows_of(["patients", "weights", *figures], rows)


def _power_found(cell: PowerCell, kept: Kept) -> float:
    counts = kept.counts.rows[cell.figure]
    return counts[REJECTED] / counts[TESTED]


def _groups(groups: Groups) -> list[str]:
    """Sizes with what is special about the groups, AUROC, prevalence."""
    notes = {
        "equal": "",
        "spread": ", unequal spread",
        "prevalences": ", calibrated",
        "lower": f", last {groups.lower:g}",
    }
    sizes = " / ".join(map(str, groups.pattern.sizes))
    images = "" if groups.pattern.images is Images.ONE else f", {groups.pattern.images.value}"
    design = ", set by design" if groups.design == FIXED_PREVALENCE else ""
    share = "0.2 / 0.4 / 0.6" if groups.kind == "prevalences" else f"{groups.prevalence:g}"
    return [f"{sizes}{images}{notes[groups.kind]}{design}", f"{groups.auroc:g}", share]


def _verdict(tests: Sequence[tuple[str, list[int]]]) -> str:
    """Which sizes are significantly above 5 %, by Holm over them, and which above 6 %."""
    from scipy.stats import binom

    if not tests:
        return ""
    tested, rejected = np.array([counts for _, counts in tests]).T
    p = binom.sf(rejected - 1, tested, ALPHA)
    above = [name for (name, _), q in zip(tests, holm(p), strict=True) if q < ALPHA]
    large = [name for name, counts in tests if counts[REJECTED] / counts[TESTED] > LARGEST_SIZE]
    return (
        f"Significantly above 0.05 (Holm over {len(tests)}): {'; '.join(above) or 'none'}. "
        f"Above 0.06: {'; '.join(large) or 'none'}.\n"
    )


def _held(counts: Sequence[int]) -> float:
    return 1.0 - (counts[BELOW] + counts[ABOVE]) / counts[DEFINED]


def _under(shares: Sequence[float]) -> str:
    return f"{sum(share < LOWEST_SHARE for share in shares)} of {len(shares)}"


def _range(shares: Sequence[float]) -> str:
    if not shares:
        return ""
    low, high = f"{min(shares):.3f}", f"{max(shares):.3f}"
    return low if low == high else f"{low}-{high}"


def _told(counts: Sequence[int], kept: Kept) -> bool:
    """Whether enough runs had an interval, or a test, for a share of them to be told."""
    return counts[0] >= max(LEAST, LEAST_SHARE * kept.runs)


def _tested(counts: Sequence[int], kept: Kept) -> bool:
    """Whether enough runs had a test for the share of rejections to be told."""
    return counts[TESTED] >= max(LEAST, LEAST_TESTED * kept.runs)


def _rate(kept: Kept, row: str) -> str:
    """Share of rejections with its standard error."""
    counts = kept.counts.rows.get(row, (0, 0))
    if not _tested(counts, kept):
        return LACKING
    share = counts[REJECTED] / counts[TESTED]
    return f"{share:.3f} ({math.sqrt(share * (1.0 - share) / counts[TESTED]):.3f})"


def made(results: _Results, cells: Iterable[Cell]) -> str:
    """How many cells and runs a table rests on, with the processor time and the code."""
    kept = [results[cell.name] for cell in cells if cell.name in results]
    runs = sorted({one.runs for one in kept})
    each = f"{runs[0]:,}" if len(runs) == 1 else f"{runs[0]:,} to {runs[-1]:,}"
    minutes = sum(one.seconds for one in kept) / 60.0
    codes = Counter(one.code for one in kept)
    by = " and ".join(
        code if len(codes) == 1 else f"{code} in {count}" for code, count in codes.most_common()
    )
    return f" ({len(kept)} cells of {each} runs, {minutes:.0f} minutes of one core, code {by})"


def rows_of(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
