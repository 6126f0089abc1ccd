"""``python -m perf.ranking``: whether rankings hold what they say, and how fast they are.

Cells are simulated as those of ``perf.coverage`` and kept in ``perf/ranking.json`` after each
chunk; a run that was cut off goes on. Models score binormally: each score is a part that all models
share, which gives the declared correlation of the scores within a class, and a part of its own.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import product
from pathlib import Path
from statistics import NormalDist

import numpy as np

from metrics.arrays import Bools, Floats
from metrics.comparison import standings
from metrics.comparison.all_pairs import delong_pairs
from metrics.comparison.pairs import paired_delong, rank_stability
from metrics.comparison.rankable import Scored, rankable, replicated
from metrics.comparison.ranking import Submitted, ranked
from metrics.comparison.selection import Tails, correlation_of, tails_of_best
from metrics.discrimination.delong import auroc_estimate
from metrics.resampling import replicates as resampling
from perf.coverage import study
from perf.coverage.counting import ABOVE, BELOW, DEFINED, REJECTED, TESTED, Cell, Counts, generator
from perf.coverage.study import Kept
from perf.coverage.table import DOCUMENT, replaced
from perf.timing import Program, Timed, peak_memory, side_by_side, table

KEPT = Path(__file__).resolve().parent / "ranking.json"
BEGIN = "<!-- made by `python -m perf.ranking --table` -->"

PREVALENCE = 0.3
CONFIDENCE = 0.95
PATTERNS = ("equal", "spread", "leader")
"""All alike; from the best down in equal steps to 0.1 less; one ahead of the others by 0.05."""
LOOKS = (1, 2, 5, 20, 100)
CORRELATIONS = (0.0, 0.5, 0.9, 0.99)
SIZES = (200, 1000)
AUROCS = (0.76, 0.9)
FIGURES = ("auroc", "average_precision", "brier", "sensitivity", "ppv", "f1")
MILLIONTHS = 10**6
REPLICATES = 500
OURS = "Sequestra: ranked by AUROC"
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
    """Rank intervals beside resampled ranks; whether the firsts of tiers truly fall behind."""

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
            best: dict[int, float] = {}
            for name, each in found.standings.items():  # from the best down
                best.setdefault(each.tier, float(truth[int(name)]))
            behind = [best[tier] > best[tier + 1] for tier in best if tier + 1 in best]
            counts.test(TIERS, not all(behind))
        return counts

    def _replicates(self, y: Bools, scores: Floats, seed: int) -> Floats:
        drawn = resampling.units(y, np.arange(y.size), y.size)
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
    for figure, correlation, n in product(FIGURES, (0.5, 0.95), SIZES):
        yield PairCell(figure, Models(2, PATTERNS[0], correlation, n, AUROCS[0]))


def board(n: int, submissions: int) -> tuple[Bools, dict[str, Submitted]]:
    """A cohort at prevalence 0.2 and models of AUROC about 0.75, five of each team."""
    random = np.random.default_rng(1)
    y = random.random(n) < 0.2
    shared = random.standard_normal(n) + 1.2 * y
    noise = random.uniform(0.3, 1.0, submissions)
    return y, {
        f"{i:03}": Submitted(
            scores=1.0 / (1.0 + np.exp(1.0 - shared - noise[i] * random.standard_normal(n))),
            threshold=0.4,
            team=f"{i // 5}",
            best_of=8,
        )
        for i in range(submissions)
    }


def speed(n: int = 5_000, submissions: int = 500) -> list[Timed]:
    """Time whole boards, and the same by one call a pair and one draw a submission."""
    y, given = board(n, submissions)
    patients, images = np.arange(n), np.arange(n) // 2
    scores = [np.asarray(each.scores) for each in given.values()]
    drawn = resampling.units(y, patients, n)
    pairs = submissions * (submissions - 1) // 2

    def a_pair() -> None:
        for a, b in zip(scores[:20], scores[20:40], strict=True):
            paired_delong(y, a, b, patients)

    def a_submission() -> None:
        for s in scores[:5]:
            cases = resampling.ranked(y, s, 2)
            walk = resampling.walk(cases, None, None)
            resampling.replicate(cases, drawn, [walk], replicates=2_000, seed=0)

    work = f"board of {submissions} submissions, n = {n:,}, 2,000 replicates"
    programs = [
        Program(OURS, lambda: ranked(y, given, patients), rounds=3),
        Program("Sequestra: clustered", lambda: ranked(y, given, images), rounds=1),
        *(
            Program(
                f"Sequestra: {figure}", partial(ranked, y, given, patients, figure=figure), rounds=1
            )
            for figure in ("brier", "sensitivity")
        ),
        Program("a draw a submission, alone", a_submission, factor=submissions / 5, rounds=3),
        Program("a call of paired_delong a pair, alone", a_pair, factor=pairs / 20, rounds=3),
    ]
    rows = side_by_side(work, programs)
    rows[0] = replace(rows[0], note=f"peak of the whole process {peak_memory():.0f} MB")
    return rows


def block(kept: Mapping[str, Kept]) -> str:
    """Every table, from the results that are kept."""
    return "\n".join((*_best_table(kept), "", *_rank_table(kept), "", *_pair_table(kept), ""))


def _heading(words: str, cells: Sequence[Kept]) -> str:
    runs = sorted({cell.runs for cell in cells}) or [0]
    each = f"{runs[0]:,}" if len(runs) == 1 else f"{runs[0]:,} to {runs[-1]:,}"
    code = " and ".join(sorted({cell.code for cell in cells}))
    minutes = sum(cell.seconds for cell in cells) / 60.0
    return (
        f"{words} ({len(cells)} cells of {each} runs, {minutes:.0f} minutes of one core, {code}):"
    )


def _kind(kept: Mapping[str, Kept], kind: type) -> list[tuple[Cell, Kept]]:
    return [(c, kept[c.name]) for c in all_cells() if isinstance(c, kind) and c.name in kept]


def _held(cells: Sequence[Kept], row: str) -> str:
    """Share of the intervals that held the truth, with its Monte Carlo error."""
    found = np.sum([cell.counts.rows[row] for cell in cells], axis=0)
    share = 1.0 - (found[BELOW] + found[ABOVE]) / found[DEFINED]
    return _share(share, int(found[DEFINED]))


def _share(share: float, n: int) -> str:
    return f"{share:.3f} ({math.sqrt(max(share * (1.0 - share), 0.25 / n) / n):.3f})"


def _best_table(kept: Mapping[str, Kept]) -> Iterator[str]:
    cells = _kind(kept, BestCell)
    yield _heading("How often 95 % intervals of a best held its true AUROC", [k for _, k in cells])
    yield ""
    yield (
        "| looks | models | correlation | its own interval | corrected | corrected, the best alone "
        "given | width to its own |"
    )
    yield "| --- | --- | --- | --- | --- | --- | --- |"
    for looks, pattern, correlation in product(LOOKS, PATTERNS, CORRELATIONS):
        mine = [
            each
            for cell, each in cells
            if isinstance(cell, BestCell)
            and (cell.models.number, cell.models.pattern) == (looks, pattern)
            and cell.models.correlation == correlation
        ]
        if mine:
            plain, corrected, _ = np.sum([each.counts.rows[WIDTHS] for each in mine], axis=0)
            shares = " | ".join(_held(mine, row) for row in (PLAIN, CORRECTED, ALONE))
            ratio = f"{corrected / plain:.2f}"
            yield f"| {looks} | {pattern} | {correlation:g} | {shares} | {ratio} |"


def _rank_table(kept: Mapping[str, Kept]) -> Iterator[str]:
    cells = _kind(kept, RankCell)
    yield _heading("How often ranks and tiers held the truth", [k for _, k in cells])
    yield ""
    yield "| models | pattern | rank intervals | resampled ranks | all firsts of tiers in order |"
    yield "| --- | --- | --- | --- | --- |"
    for number, pattern in product((5, 20), PATTERNS):
        mine = [
            each
            for cell, each in cells
            if isinstance(cell, RankCell)
            and (cell.models.number, cell.models.pattern) == (number, pattern)
        ]
        if mine:
            shares = " | ".join(_kept(mine, row) for row in (INTERVAL, RESAMPLED, TIERS))
            yield f"| {number} | {pattern} | {shares} |"


def _kept(cells: Sequence[Kept], row: str) -> str:
    found = np.sum([cell.counts.rows[row] for cell in cells], axis=0)
    runs = sum(cell.runs for cell in cells)  # what one cohort says of its models is alike
    return _share(1.0 - found[REJECTED] / found[TESTED], runs)


def _pair_table(kept: Mapping[str, Kept]) -> Iterator[str]:
    cells = _kind(kept, PairCell)
    yield _heading("How often two equal models were called different", [k for _, k in cells])
    yield ""
    yield "| figure | cases | at 0.05 | at 0.005 | intervals that hold 0 |"
    yield "| --- | --- | --- | --- | --- |"
    for figure, n in product(FIGURES, SIZES):
        mine = [
            each
            for cell, each in cells
            if isinstance(cell, PairCell) and (cell.figure, cell.models.n) == (figure, n)
        ]
        if mine:
            levels = []
            for row in ("0.05", "0.005"):
                found = np.sum([each.counts.rows[row] for each in mine], axis=0)
                levels.append(_share(found[REJECTED] / found[TESTED], int(found[TESTED])))
            yield f"| {figure} | {n:,} | {' | '.join(levels)} | {_held(mine, 'difference')} |"


def main() -> None:
    """Run what is missing, write the tables, or time a board."""
    parser = argparse.ArgumentParser(prog="python -m perf.ranking", description=__doc__)
    parser.add_argument("--runs", type=float, default=1.0, help="share of the full number (1)")
    parser.add_argument("--only", default="", help="the cells whose name holds this")
    parser.add_argument("--workers", type=int, default=1, help="processes (1)")
    parser.add_argument("--table", action="store_true", help="write the tables, run nothing")
    parser.add_argument("--speed", action="store_true", help="time boards, run nothing")
    options = parser.parse_args()
    if options.speed:
        print(table(speed(), OURS))
        return
    cells = [cell for cell in all_cells() if options.only in cell.name]
    if not options.table:
        study.run(
            cells,
            KEPT,
            share=options.runs,
            workers=options.workers,
            say=lambda line: print(line, flush=True),
        )
    DOCUMENT.write_text(replaced(DOCUMENT.read_text(), block(study.read(KEPT)), BEGIN))


if __name__ == "__main__":
    from perf import ranking  # cells are known by the module's own name

    ranking.main()
