"""``python -m perf.grades``: whether intervals of figures of grades hold the truth.

Cells are simulated as those of ``perf.coverage`` and kept in ``perf/grades.json`` after each chunk;
a run that was cut off goes on. Patients have one case, or one to three that resemble each other.
The truth of each figure is summed out over the joint distribution of reference and grade.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise, product
from pathlib import Path

import numpy as np

from metrics.arrays import Floats, Ints
from metrics.grades.agreement import REACH
from metrics.grades.figures import Graded, grade_figures
from metrics.group import DESIGNS, SAMPLED, everyone
from perf.coverage.command import continued
from perf.coverage.counting import ABOVE, BELOW, DEFINED, Cell, Counts, generator
from perf.coverage.study import Kept
from perf.coverage.table import replaced

KEPT = Path(__file__).resolve().parent / "grades.json"
DOCUMENT = KEPT.parent.parent / "docs" / "grades.md"
BEGIN = "<!-- made by `python -m perf.grades --table` -->"
CONFIDENCE = 0.95
SIZES = (20, 40, 100, 300, 2_000)
FIGURES = (
    *("quadratic_weighted_kappa", "linear_weighted_kappa", "prediction_probability"),
    *("kendall_tau_b", "mean_absolute_error", "mean_difference", "limit_of_agreement_low"),
)


@dataclass(frozen=True, slots=True)
class Reader:
    """Grades of a normal severity cut into bands; the model sees severity and error, bent.

    ``none`` is the share of the lowest grade, the others have bands of equal chance. The model's
    severity correlates with the true one by ``seen`` and is ``shift`` higher.
    """

    name: str
    highest: int
    none: float
    seen: float
    shift: float = 0.0

    @property
    def cuts(self) -> Floats:
        """Severities between the grades, (highest,)."""
        from scipy.special import ndtri

        shares = self.none + (1.0 - self.none) * np.arange(self.highest) / self.highest
        return np.asarray(ndtri(shares))

    def joint(self) -> Floats:
        """Chance of each reference grade (rows) with each predicted one (columns)."""
        from scipy.special import ndtr
        from scipy.stats import norm

        edges = np.concatenate([[-8.5], self.cuts, [8.5]])
        rows = []
        for low, high in pairwise(edges.tolist()):
            x, w = np.polynomial.legendre.leggauss(60)
            severity = (high - low) / 2 * x + (high + low) / 2
            density = norm.pdf(severity) * w * (high - low) / 2
            spread = math.sqrt(1.0 - self.seen**2)
            below = ndtr((edges[1:-1, None] - self.shift - self.seen * severity) / spread)
            whole = np.vstack([np.zeros(60), below, np.ones(60)])
            rows.append(np.diff(whole, axis=0) @ density)
        found = np.array(rows)
        return np.asarray(found / found.sum())


READERS = (
    Reader("0 to 24, one in five without", 24, 0.2, 0.9),
    Reader("0 to 24, weak and too high", 24, 0.2, 0.6, 0.4),
    Reader("0 to 8", 8, 1 / 9, 0.95),
    Reader("0 to 3, seven in ten without", 3, 0.7, 0.8),
)


@cache
def truth_of(reader: Reader) -> Mapping[str, float]:
    """The true figures, summed over the joint distribution."""
    p = reader.joint()
    grade = np.arange(reader.highest + 1, dtype=np.float64)
    apart = grade[None, :] - grade[:, None]  # predicted less reference
    margins = np.outer(p.sum(axis=1), p.sum(axis=0))
    mean = float((p * apart).sum())
    deviation = math.sqrt(float((p * apart**2).sum()) - mean**2)
    above = p[::-1, ::-1].cumsum(axis=0).cumsum(axis=1)[::-1, ::-1]
    right = np.zeros_like(p)
    right[:-1, :-1] = above[1:, 1:]
    below = p[::-1].cumsum(axis=0)[::-1].cumsum(axis=1)
    wrong = np.zeros_like(p)
    wrong[:-1, 1:] = below[1:, :-1]
    concordant, discordant = 2.0 * float((p * right).sum()), 2.0 * float((p * wrong).sum())
    of_reference = 1.0 - float((p.sum(axis=1) ** 2).sum())
    of_grade = 1.0 - float((p.sum(axis=0) ** 2).sum())
    balance = concordant - discordant
    return {
        "quadratic_weighted_kappa": 1 - float((p * apart**2).sum() / (margins * apart**2).sum()),
        "linear_weighted_kappa": 1
        - float((p * np.abs(apart)).sum() / (margins * np.abs(apart)).sum()),
        "prediction_probability": (1.0 + balance / of_reference) / 2.0,
        "kendall_tau_b": balance / math.sqrt(of_reference * of_grade),
        "mean_absolute_error": float((p * np.abs(apart)).sum()),
        "mean_difference": mean,
        "limit_of_agreement_low": mean - REACH * deviation,
    }


@dataclass(frozen=True, slots=True)
class GradeCell:
    """Figures of ``n`` patients; ``images`` of them alike, one or one to three."""

    reader: Reader
    n: int
    images: str
    design: str
    runs: int = 1_000
    chunk: int = 250

    @property
    def name(self) -> str:
        """``grades``, the reader, patients, images and design."""
        return f"grades/{self.reader.name}/{self.n}/{self.images}/{self.design}"

    def simulate(self, first: int, last: int) -> Counts:
        """Count intervals that missed the true figures."""
        counts = Counts()
        truth = truth_of(self.reader)
        half = int(np.argmax(self.reader.joint().sum(axis=1).cumsum() >= 0.5))
        for run in range(first, last):
            random = generator(self.name, run)
            patient = _patients(random, self.n, self.images)
            severity = self._severity(random, patient, half)
            seen, shift = self.reader.seen, self.reader.shift
            error = _alike(random, patient, self.n)
            predicted = shift + seen * severity + math.sqrt(1.0 - seen**2) * error
            cuts = self.reader.cuts
            a, b = (np.searchsorted(cuts, x).astype(np.float64) for x in (severity, predicted))
            group = everyone(a > half, b, patient, self.n, self.design)
            found = grade_figures(Graded(a, b, 0, self.reader.highest), group, CONFIDENCE)
            for name in FIGURES:
                estimate = found[name]
                if estimate.low is not None and estimate.high is not None:
                    counts.interval(name, estimate.low, estimate.high, truth[name])
        return counts

    def _severity(self, random: np.random.Generator, patient: Ints, half: int) -> Floats:
        """Severities; by design as many patients beyond the ``half`` grade as are expected."""
        if self.design == SAMPLED:
            return _alike(random, patient, self.n)
        from scipy.special import ndtr, ndtri

        limit = float(ndtr(self.reader.cuts[half]))
        positive = np.arange(self.n) >= round(limit * self.n)
        u = random.random(self.n)
        return np.asarray(ndtri(np.where(positive, limit + (1.0 - limit) * u, limit * u)))


def _patients(random: np.random.Generator, n: int, images: str) -> Ints:
    if images == "one":
        return np.arange(n)
    return np.repeat(np.arange(n), random.integers(1, 4, n))


def _alike(random: np.random.Generator, patient: Ints, n: int) -> Floats:
    """Standard normal numbers; those of a patient have the correlation one half."""
    shared = random.standard_normal(n)[patient]
    return np.asarray((shared + random.standard_normal(patient.size)) / math.sqrt(2.0))


def all_cells() -> tuple[Cell, ...]:
    """Every cell, in the order in which they are run."""
    return tuple(GradeCell(reader, *kind) for reader, kind in product(READERS, _kinds()))


def _kinds() -> Iterator[tuple[int, str, str]]:
    for n in SIZES:
        yield n, "one", SAMPLED
        if n in SIZES[1:4]:
            yield n, "one to three", SAMPLED
            yield n, "one", DESIGNS[0]


def block(kept: Mapping[str, Kept]) -> str:
    """The table, from the results that are kept."""
    cells = [(c, kept[c.name]) for c in all_cells() if c.name in kept]
    runs = sorted({each.runs for _, each in cells}) or [0]
    code = " and ".join(sorted({each.code for _, each in cells}))
    lines = [
        f"How often 95 % intervals of grades held the truth ({len(cells)} cells of {runs[-1]:,} "
        f"runs, {code}); in brackets the lowest of a cell:",
        "",
        f"| grades | patients | {' | '.join(f'`{name}`' for name in FIGURES)} |",
        f"| --- | --- |{' --- |' * len(FIGURES)}",
    ]
    groups: dict[tuple[str, int], list[Kept]] = {}
    for cell, each in cells:
        assert isinstance(cell, GradeCell)
        groups.setdefault((cell.reader.name, cell.n), []).append(each)
    for (reader, n), mine in groups.items():
        shares = " | ".join(_held(mine, name) for name in FIGURES)
        lines.append(f"| {reader} | {n:,} | {shares} |")
    return "\n".join((*lines, ""))


def _held(cells: Sequence[Kept], figure: str) -> str:
    defined = [share for each in cells if (share := held(each, figure)) is not None]
    return f"{np.mean(defined):.3f} ({min(defined):.3f})" if defined else "no interval"


def held(cell: Kept, figure: str) -> float | None:
    """Share of a cell's intervals that held the truth; None where fewer than half had one."""
    counts = cell.counts.rows.get(figure)
    if counts is None or counts[DEFINED] < cell.runs / 2:
        return None
    return 1.0 - (counts[BELOW] + counts[ABOVE]) / counts[DEFINED]


def main() -> None:
    """Run what is missing, then write the table."""
    kept = continued("python -m perf.grades", __doc__, all_cells, KEPT)
    DOCUMENT.write_text(replaced(DOCUMENT.read_text(), block(kept), BEGIN))


if __name__ == "__main__":
    from perf import grades  # cells are known by the module's own name

    grades.main()
