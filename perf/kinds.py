"""``python -m perf.kinds``: tests of figures of grades, findings, masks and marks.

Two submissions that are equally good, and levels of an attribute in which a mean is equal: how
often the tests find a difference at 5 %. Cells are simulated as those of ``perf.coverage`` and kept
in ``perf/kinds.json`` after each chunk; a run that was cut off goes on. Patients have one case, or
one to three that resemble each other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from metrics.arrays import Bools, Floats, Ints
from metrics.comparison.influences import influence_pairs
from metrics.estimate import UndefinedMetric
from metrics.gaps.means import mean_gap_test
from metrics.grades.figures import Graded, grade_figures, grade_influences
from metrics.group import SAMPLED, Group, everyone
from metrics.marks.figures import MarkMeasures, mark_figures, mark_influences
from metrics.marks.matching import MatchedCase
from metrics.outputs.findings import finding_figures, finding_influences
from perf.coverage.command import continued
from perf.coverage.counting import REJECTED, TESTED, Cell, Counts, generator
from perf.coverage.study import Kept
from perf.coverage.table import replaced

KEPT = Path(__file__).resolve().parent / "kinds.json"
DOCUMENTS = KEPT.parent.parent / "docs"
BEGIN = "<!-- made by `python -m perf.kinds --table` -->"
CONFIDENCE, ALPHA = 0.95, 0.05
PERMUTATIONS = 199
_Random = np.random.Generator


def patients(random: _Random, n: int, images: str) -> Ints:
    """Numbers of the patients of the cases: one each, or one to three."""
    return np.arange(n) if images == "one" else np.repeat(np.arange(n), random.integers(1, 4, n))


def alike(random: _Random, patient: Ints) -> Floats:
    """Standard normal numbers; those of a patient have the correlation one half."""
    shared = random.standard_normal(int(patient.max()) + 1)[patient]
    return np.asarray((shared + random.standard_normal(patient.size)) / np.sqrt(2.0))


def uniform(normal: Floats) -> Floats:
    """Their places in the normal distribution."""
    from scipy.special import ndtr

    return np.asarray(ndtr(normal))


def _kappa(random: _Random, patient: Ints, group: Group, figure: str) -> tuple[float, Floats]:
    """Grades from 0 to 8 by a model that sees the severity in part, which ``group`` has."""
    seen = 4.5 + 2.0 * (0.8 * group.s + 0.6 * alike(random, patient))
    graded = Graded(np.rint(np.clip(4.5 + 2.0 * group.s, 0, 8)), np.clip(seen, 0, 8), 0, 8)
    found = grade_figures(graded, group, CONFIDENCE)[figure].value
    return _known(found), grade_influences(graded, group)[figure]


def _findings(random: _Random, patient: Ints, group: Group, figure: str) -> tuple[float, Floats]:
    """Three findings of one severity, by scores that see it in part."""
    targets = np.stack([group.s > cut for cut in (-0.3, 0.0, 0.4)], axis=1).astype(np.float64)
    scores = np.stack([group.s + alike(random, patient) for _ in range(3)], axis=1)
    names = ("one", "two", "three")
    found = finding_figures(targets, scores, group, CONFIDENCE, names)[figure].value
    return _known(found), finding_influences(targets, scores, group, names)[figure]


def _dice(random: _Random, patient: Ints, group: Group, figure: str) -> tuple[float, Floats]:
    """Dice of masks, low where the case is hard, and 0 where the mask is missed."""
    hard = (0.7 * group.s + 0.7 * alike(random, patient)) / np.sqrt(0.98)
    values = np.where(uniform(hard) < 0.08, 0.0, uniform(1.2 + 0.6 * hard))
    return float(values.mean()), (values - values.mean()) / values.size


def _wafroc(random: _Random, patient: Ints, group: Group, figure: str) -> tuple[float, Floats]:
    """One lesion in each positive case, and false marks by chance."""
    cases = []
    for lesion, hard in zip(group.y.tolist(), group.s.tolist(), strict=True):
        hit = random.random() < 0.85
        score = random.normal(1.5 + 0.5 * hard) if hit else -np.inf
        own = [score] if lesion else []
        false = random.standard_normal(random.poisson(0.8))
        cases.append(MatchedCase(np.array(own), np.ones(len(own)), false))
    measures = MarkMeasures.of(cases, (1.0,))
    found = mark_figures(measures, group, CONFIDENCE)[figure].value
    return _known(found), mark_influences(measures, group)[figure]


def _known(value: float | None) -> float:
    if value is None:
        raise UndefinedMetric("the figure is undefined")
    return value


_Answer = Callable[[_Random, Ints, Group, str], tuple[float, Floats]]
ANSWERS: Mapping[str, _Answer] = {
    "quadratic_weighted_kappa": _kappa,
    "mean_absolute_error": _kappa,
    "macro_auroc": _findings,
    "mean_dice": _dice,
    "wafroc": _wafroc,
}


@dataclass(frozen=True, slots=True)
class PairCell:
    """Two submissions that are equally good, on ``n`` patients."""

    figure: str
    n: int
    images: str
    runs: int = 2_000
    chunk: int = 500

    @property
    def name(self) -> str:
        """``pairs``, the figure, patients and images."""
        return f"pairs/{self.figure}/{self.n}/{self.images}"

    def simulate(self, first: int, last: int) -> Counts:
        """Count differences that were found."""
        counts = Counts()
        for run in range(first, last):
            random = generator(self.name, run)
            patient = patients(random, self.n, self.images)
            truth = alike(random, patient)
            group = everyone(truth > 0.0, truth, patient, self.n, SAMPLED)
            answer = ANSWERS[self.figure]
            try:
                both = [answer(random, patient, group, self.figure) for _ in range(2)]
            except UndefinedMetric:
                continue
            value, influence = (np.array(each) for each in zip(*both, strict=True))
            pairs = influence_pairs(group, value, influence, CONFIDENCE)
            counts.test(self.figure, bool(pairs.p_value[0] <= ALPHA))
            if pairs.low[0] == pairs.low[0]:
                counts.interval("difference", float(pairs.low[0]), float(pairs.high[0]), 0.0)
        return counts


@dataclass(frozen=True, slots=True)
class Measure:
    """What cases count, by level and class: means are equal in the levels of each class."""

    name: str
    figure: str
    prevalence: tuple[float, ...]
    draw: Callable[[Floats, Ints, Bools], Floats]


def _skewed(u: Floats, level: Ints, y: Bools) -> Floats:
    from scipy.stats import beta

    return np.asarray(beta.ppf(u, 3.0, 1.0))


def _wide_in_the_small(u: Floats, level: Ints, y: Bools) -> Floats:
    from scipy.stats import beta

    few = level == 0
    return np.asarray(beta.ppf(u, np.where(few, 3.0, 12.0), np.where(few, 1.0, 4.0)))


def _two_classes(u: Floats, level: Ints, y: Bools) -> Floats:
    from scipy.stats import beta

    return np.where(y, beta.ppf(u, 6.0, 2.0), np.where(u < 0.95, 1.0, 0.0))


def _missed(u: Floats, level: Ints, y: Bools) -> Floats:
    return np.where(y, u < 0.1, np.nan).astype(np.float64)


def _distance(u: Floats, level: Ints, y: Bools) -> Floats:
    from scipy.special import ndtri

    return np.abs(np.rint(2.0 * ndtri(u)))


def _long_tail(u: Floats, level: Ints, y: Bools) -> Floats:
    from scipy.special import ndtri

    spread = np.where(level == 0, 1.2, 0.4)
    return np.asarray(np.exp(spread * ndtri(u) - spread**2 / 2.0))


MEASURES = (
    Measure("Dice, skewed", "mean_dice", (0.5, 0.5, 0.5), _skewed),
    Measure("Dice, wider in the small level", "mean_dice", (0.5, 0.5, 0.5), _wide_in_the_small),
    Measure("Dice, prevalence 0.3 and 0.6", "mean_dice", (0.3, 0.6, 0.6), _two_classes),
    Measure("missed masks, 10 %", "missed_masks", (0.5, 0.5, 0.5), _missed),
    Measure("error of grades", "mean_absolute_error", (0.5, 0.5, 0.5), _distance),
    Measure("distances, which are refused", "mean_hd95", (0.5, 0.5, 0.5), _long_tail),
)


@dataclass(frozen=True, slots=True)
class LevelCell:
    """Levels of ``sizes`` patients in which a mean is equal."""

    measure: Measure
    sizes: tuple[int, ...]
    images: str
    runs: int = 2_000
    chunk: int = 500

    @property
    def name(self) -> str:
        """``levels``, the measure, sizes and images."""
        sizes = " and ".join(map(str, self.sizes))
        return f"levels/{self.measure.name}/{sizes}/{self.images}"

    def simulate(self, first: int, last: int) -> Counts:
        """Count gaps that were found."""
        counts = Counts()
        of_patient = np.repeat(np.arange(len(self.sizes)), self.sizes)
        for run in range(first, last):
            random = generator(self.name, run)
            patient = patients(random, of_patient.size, self.images)
            level = of_patient[patient]
            share = np.array(self.measure.prevalence)[of_patient]
            y = (random.random(of_patient.size) < share)[patient]
            values = self.measure.draw(uniform(alike(random, patient)), level, y)
            group = everyone(y, np.zeros(y.size), patient, of_patient.size, SAMPLED)
            try:
                test = mean_gap_test(
                    self.measure.figure,
                    values,
                    group,
                    level,
                    permutations=PERMUTATIONS,
                    seed=run,
                    threads=1,
                )
            except UndefinedMetric:
                continue
            counts.test(self.measure.figure, test.p_value <= ALPHA)
        return counts


IMAGES = ("one", "one to three")


def pair_cells() -> tuple[PairCell, ...]:
    """Two submissions."""
    return tuple(_pair_cells())


def _pair_cells() -> Iterator[PairCell]:
    for figure in ANSWERS:
        for n, images in ((40, "one"), (100, "one"), (100, "one to three")):
            yield PairCell(figure, n, images)


def level_cells() -> tuple[LevelCell, ...]:
    """Levels of an attribute."""
    return tuple(
        LevelCell(measure, sizes, images)
        for measure in MEASURES
        for sizes, images in (
            ((40, 200), "one"),
            ((40, 200), "one to three"),
            ((30, 40, 60), "one"),
        )
    )


def all_cells() -> tuple[Cell, ...]:
    """Every cell, in the order in which they are run."""
    return (*pair_cells(), *level_cells())


def found(kept: Kept) -> float:
    """Share of a cell's tests that found a difference where there is none."""
    (counts,) = (row for row in kept.counts.rows.values() if len(row) == 2)
    return counts[REJECTED] / max(1, counts[TESTED])


def pairs_block(kept: Mapping[str, Kept]) -> str:
    """The table of two submissions, from the results that are kept."""
    rows = []
    for figure in ANSWERS:
        mine = [cell for cell in pair_cells() if cell.figure == figure]
        rows.append(f"| `{figure}` | {_shares(mine, kept)} |")
    return _table(
        "figure | 40 patients | 100 patients | 100 patients, one to three cases", rows, kept
    )


def levels_block(kept: Mapping[str, Kept]) -> str:
    """The table of levels, from the results that are kept."""
    rows = []
    for measure in MEASURES:
        mine = [cell for cell in level_cells() if cell.measure == measure]
        rows.append(f"| {measure.name} | {_shares(mine, kept)} |")
    head = "mean | 40 and 200 patients | the same, one to three cases | 30, 40 and 60 patients"
    return _table(head, rows, kept)


def _shares(cells: Sequence[Cell], kept: Mapping[str, Kept]) -> str:
    return " | ".join(f"{found(kept[c.name]):.3f}" if c.name in kept else "" for c in cells)


def _table(head: str, rows: Sequence[str], kept: Mapping[str, Kept]) -> str:
    runs = max((each.runs for each in kept.values()), default=0)
    columns = head.count("|") + 1
    said = f"How often a test at 5 % found a difference where there is none ({runs:,} runs a cell):"
    return "\n".join((said, "", f"| {head} |", f"|{' --- |' * columns}", *rows, ""))


def main() -> None:
    """Run what is missing, then write the tables."""
    kept = continued("python -m perf.kinds", __doc__, all_cells, KEPT)
    for name, block in (("ranking.md", pairs_block(kept)), ("gaps.md", levels_block(kept))):
        document = DOCUMENTS / name
        document.write_text(replaced(document.read_text(), block, BEGIN))


if __name__ == "__main__":
    from perf import kinds  # cells are known by the module's own name

    kinds.main()
