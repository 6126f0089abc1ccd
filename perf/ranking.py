"""``python -m perf.ranking``: whether rankings hold what they say, and how fast they are.

Cells are simulated as those of ``perf.coverage`` and kept in ``perf/ranking.json`` after each
chunk; a run that was cut off goes on. Models score binormally: each score is a part that all models
share, which gives the declared correlation of the scores within a class, and a part of its own.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from statistics import NormalDist

import numpy as np

from metrics.arrays import Bools, Floats
from metrics.comparison import standings
from metrics.comparison.all_pairs import delong_pairs
from metrics.comparison.pairs import rank_stability
from metrics.comparison.ranking import Submitted, ranked
from metrics.comparison.selection import Tails, correlation_of, tails_of_best
from metrics.discrimination.delong import auroc_estimate
from perf.coverage import study
from perf.coverage.counting import Cell, Counts, generator

KEPT = Path(__file__).resolve().parent / "ranking.json"
DOCUMENT = Path(__file__).resolve().parents[1] / "docs" / "ranking.md"
BEGIN = "<!-- made by `python -m perf.ranking --table` -->"
END = "<!-- end of what it makes -->"

PREVALENCE = 0.3
CONFIDENCE = 0.95
PATTERNS = ("equal", "spread", "leader")
"""All alike; from the best down in equal steps to 0.1 less; one ahead of the others by 0.05."""
LOOKS = (1, 2, 5, 20, 100)
CORRELATIONS = (0.0, 0.5, 0.9, 0.99)
SIZES = (200, 1000)
AUROCS = (0.76, 0.9)
MILLIONTHS = 10**6
REPLICATES = 500
PLAIN, CORRECTED, ALONE, WIDTHS = "plain", "corrected", "best alone given", "widths"
INTERVAL, RESAMPLED, TIERS = "rank interval", "resampled ranks", "tiers"


@dataclass(frozen=True, slots=True)
class Models:
    """How many models, how their true AUROCs lie, how alike their scores are, and the cohort."""

    number: int
    pattern: str
    correlation: float
    n: int
    auroc: float

    @property
    def name(self) -> str:
        """Parts joined by slashes."""
        return f"{self.number}/{self.pattern}/{self.correlation:g}/{self.n}/{self.auroc:g}"

    @property
    def truth(self) -> Floats:
        """True AUROC of each model; the best is the last."""
        if self.pattern == "spread":
            return self.auroc - np.linspace(0.1, 0.0, self.number)
        found = np.full(self.number, self.auroc)
        if self.pattern == "leader":
            found[:-1] -= 0.05
        return found

    @property
    def apart(self) -> Floats:
        """Standard deviations between the classes, of each model."""
        normal = NormalDist()
        return np.array([math.sqrt(2.0) * normal.inv_cdf(a) for a in self.truth])

    def draw(self, cell: str, run: int) -> tuple[Bools, Floats]:
        """Labels (cases,) and scores (models, cases) of one cohort."""
        random = generator(cell, run)
        y = np.arange(self.n) < round(PREVALENCE * self.n)
        shared = random.standard_normal(self.n)
        own = random.standard_normal((self.number, self.n))
        s = math.sqrt(self.correlation) * shared + math.sqrt(1.0 - self.correlation) * own
        return y, s + self.apart[:, None] * y


@dataclass(frozen=True, slots=True)
class BestCell:
    """Intervals of the best of several looks: its own, the corrected one, the one of it alone."""

    models: Models
    runs: int = 1_000
    chunk: int = 100

    @property
    def name(self) -> str:
        """``best`` and the models."""
        return f"best/{self.models.name}"

    def simulate(self, first: int, last: int) -> Counts:
        """Count what the three intervals hold, and add up the widths of the first two."""
        counts, truth, looks = Counts(), self.models.truth, self.models.number
        for run in range(first, last):
            y, scores = self.models.draw(self.name, run)
            covariance = delong_pairs(y, scores, np.arange(y.size), y.size, CONFIDENCE).covariance
            ranks = scores.argsort(axis=1).argsort(axis=1)
            best = int(np.argmax(ranks[:, y].sum(axis=1)))
            half = (1.0 - CONFIDENCE) / 2.0
            tails = {
                PLAIN: Tails(half, half),
                CORRECTED: tails_of_best(correlation_of(covariance), best, looks, CONFIDENCE),
                ALONE: tails_of_best(np.eye(1), 0, looks, CONFIDENCE),
            }
            widths = []
            for row, each in tails.items():
                low = auroc_estimate(y, scores[best], confidence=1.0 - 2.0 * each.worse).low
                high = auroc_estimate(y, scores[best], confidence=1.0 - 2.0 * each.better).high
                assert low is not None
                assert high is not None
                counts.interval(row, low, high, float(truth[best]))
                widths.append(round(MILLIONTHS * (high - low)))
            counts.merge(Counts({WIDTHS: widths}))
        return counts


@dataclass(frozen=True, slots=True)
class RankCell:
    """Rank intervals beside resampled ranks, and tiers that put equal or better models lower."""

    models: Models
    runs: int = 400
    chunk: int = 50

    @property
    def name(self) -> str:
        """``ranks`` and the models."""
        return f"ranks/{self.models.name}"

    def simulate(self, first: int, last: int) -> Counts:
        """Count the models whose true rank lies outside, and the cohorts with a wrong tier."""
        counts, truth = Counts(), self.models.truth
        true_rank = standings.observed_ranks(truth)
        for run in range(first, last):
            y, scores = self.models.draw(self.name, run)
            given = {f"{i:03}": Submitted(scores=s) for i, s in enumerate(scores)}
            found = ranked(y, given, np.arange(y.size), replicates=REPLICATES, seed=run)
            mine = [found.standings[name] for name in given]
            drawn = self._replicates(y, scores, run)
            resampled = rank_stability([each.value for each in mine], drawn, CONFIDENCE)
            for each, other, rank in zip(mine, resampled, true_rank.tolist(), strict=True):
                counts.test(INTERVAL, not each.rank_low <= rank <= each.rank_high)
                counts.test(RESAMPLED, not other.low <= rank <= other.high)
            tier = np.array([each.tier for each in mine])
            ahead = tier[:, None] < tier[None, :]
            counts.test(TIERS, bool((ahead & (truth[:, None] <= truth[None, :])).any()))
        return counts

    def _replicates(self, y: Bools, scores: Floats, seed: int) -> Floats:
        from metrics.comparison.rankable import Scored, rankable, replicated
        from metrics.resampling.replicates import units

        drawn = units(y, np.arange(y.size), y.size)
        given = Scored(y, scores, np.full(len(scores), np.nan), drawn)
        return replicated(rankable("auroc", 0.5), given, replicates=REPLICATES, seed=seed)


@dataclass(frozen=True, slots=True)
class PairCell:
    """The test of two models of equal worth: how often it calls them different."""

    figure: str
    models: Models
    runs: int = 1_000
    chunk: int = 250

    @property
    def name(self) -> str:
        """``pair``, the figure and the models."""
        return f"pair/{self.figure}/{self.models.name}"

    def simulate(self, first: int, last: int) -> Counts:
        """Count p-values at most 0.05 and at most 0.005, and intervals that leave 0 out."""
        counts = Counts()
        middle = float(self.models.apart[0]) / 2.0
        for run in range(first, last):
            y, scores = self.models.draw(self.name, run)
            risk = 1.0 / (1.0 + np.exp(-2.0 * middle * (scores - middle)))
            given = {f"{i}": Submitted(scores=s, threshold=0.5) for i, s in enumerate(risk)}
            patients = np.arange(y.size)
            found = ranked(
                y, given, patients, figure=self.figure, replicates=REPLICATES, seed=run
            ).pairs[0]
            counts.test("0.05", found.p_value <= 0.05)
            counts.test("0.005", found.p_value <= 0.005)
            if found.low is not None and found.high is not None:
                counts.interval("difference", found.low, found.high, 0.0)
        return counts


def all_cells() -> tuple[Cell, ...]:
    """Every cell, in the order in which they are run."""
    return (*_best(), *_ranks(), *_pairs())


def _best() -> Iterator[BestCell]:
    for looks, pattern, correlation, n, auroc in product(
        LOOKS, PATTERNS, CORRELATIONS, SIZES, AUROCS
    ):
        if looks > 1 or (pattern == PATTERNS[0] and correlation == 0.0):
            runs = 400 if looks == LOOKS[-1] else 1_000
            yield BestCell(Models(looks, pattern, correlation, n, auroc), runs)


def _ranks() -> Iterator[RankCell]:
    for number, pattern, correlation, n in product((5, 20), PATTERNS, (0.5, 0.9), SIZES):
        yield RankCell(Models(number, pattern, correlation, n, AUROCS[0]))


def _pairs() -> Iterator[PairCell]:
    figures = ("auroc", "average_precision", "brier", "sensitivity", "ppv", "f1")
    for figure, correlation, n in product(figures, (0.5, 0.95), SIZES):
        yield PairCell(figure, Models(2, PATTERNS[0], correlation, n, AUROCS[0]))


def main() -> None:
    """Run what is missing, or write the tables."""
    parser = argparse.ArgumentParser(prog="python -m perf.ranking", description=__doc__)
    parser.add_argument("--runs", type=float, default=1.0, help="share of the full number (1)")
    parser.add_argument("--only", default="", help="the cells whose name holds this")
    parser.add_argument("--workers", type=int, default=1, help="processes (1)")
    options = parser.parse_args()
    cells = [cell for cell in all_cells() if options.only in cell.name]
    study.run(
        cells,
        KEPT,
        share=options.runs,
        workers=options.workers,
        say=lambda line: print(line, flush=True),
    )


if __name__ == "__main__":
    main()
