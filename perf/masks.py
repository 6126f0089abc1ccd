"""``python -m perf.masks``: whether intervals of masks and marks hold the truth.

Cells are simulated as those of ``perf.coverage`` and kept in ``perf/masks.json`` after each chunk;
a run that was cut off goes on. Patients have one case, or one to three that resemble each other.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np

from metrics.arrays import Bools, Floats, Ints
from metrics.estimate import Estimate
from metrics.group import DESIGNS, SAMPLED, Group, everyone
from metrics.marks.figures import MarkMeasures, mark_figures
from metrics.marks.matching import MatchedCase
from metrics.masks.empty_rules import EmptyRules
from metrics.masks.figures import MaskMeasures, mask_figures
from metrics.masks.measures import PairMeasures, State
from perf.coverage.command import continued
from perf.coverage.counting import ABOVE, BELOW, DEFINED, Cell, Counts, generator
from perf.coverage.study import Kept
from perf.coverage.table import replaced

KEPT = Path(__file__).resolve().parent / "masks.json"
DOCUMENT = KEPT.parent.parent / "docs" / "masks-and-marks.md"
BEGIN = "<!-- made by `python -m perf.masks --table` -->"
CONFIDENCE = 0.95
SIZES = (20, 40, 100, 300)
PENALTY = 100.0
RATES = (0.5, 1.0)
_Random = np.random.Generator


@dataclass(frozen=True, slots=True)
class Drawing:
    """How a model draws: Dice of drawn masks is Beta(a, b), distances lognormal(1, spread).

    ``missed`` is the share of lesions in which nothing is drawn, ``false`` that of normal cases in
    which something is; ``normal`` the share of normal cases.
    """

    name: str
    a: float
    b: float
    missed: float
    spread: float = 0.8
    normal: float = 0.0
    false: float = 0.0

    @property
    def dice(self) -> float:
        """True mean Dice where two empty masks count 1, false and missed ones 0."""
        drawn = (1.0 - self.missed) * self.a / (self.a + self.b)
        return (1.0 - self.normal) * drawn + self.normal * (1.0 - self.false)

    @property
    def distance(self) -> float:
        """True mean distance: two empty masks left out, false and missed ones at the penalty."""
        drawn = (1.0 - self.normal) * (1.0 - self.missed)
        failed = (1.0 - self.normal) * self.missed + self.normal * self.false
        mean = math.exp(1.0 + self.spread**2 / 2.0)
        return (drawn * mean + failed * PENALTY) / (drawn + failed)


DRAWINGS = (
    Drawing("even", 18.0, 2.0, 0.0),
    Drawing("skewed", 3.0, 1.0, 0.0, spread=1.2),
    Drawing("one of twelve missed", 30.0, 4.0, 1.0 / 12.0),
    Drawing("one of thirty missed", 40.0, 3.0, 1.0 / 30.0),
    Drawing("half are normal", 30.0, 4.0, 0.05, normal=0.5, false=0.06),
)


@dataclass(frozen=True, slots=True)
class MaskCell:
    """Mean Dice and mean HD95 of ``n`` patients; ``images`` of them alike, one or one to three."""

    drawing: Drawing
    n: int
    images: str
    design: str
    runs: int = 1_000
    chunk: int = 250

    @property
    def name(self) -> str:
        """``masks``, the drawing, patients, images and design."""
        return f"masks/{self.drawing.name}/{self.n}/{self.images}/{self.design}"

    def simulate(self, first: int, last: int) -> Counts:
        """Count intervals that missed the true means."""
        counts = Counts()
        rules = EmptyRules(
            both_empty=1.0, false_mask=0.0, missed_mask=0.0, distance_penalty_mm=PENALTY
        )
        for run in range(first, last):
            random = generator(self.name, run)
            patient = patients(random, self.n, self.images)
            y = self._lesion(random, patient)
            pairs = [self._case(*each) for each in self._drawn(random, y, patient)]
            group = everyone(y, np.zeros(y.size), patient, self.n, self.design)
            found = mask_figures(MaskMeasures.of(pairs, (), rules), group, CONFIDENCE)
            _count(counts, "mean_dice", found, self.drawing.dice)
            _count(counts, "mean_hd95", found, self.drawing.distance)
        return counts

    def _lesion(self, random: _Random, patient: Ints) -> Bools:
        """A patient's cases all have a lesion, or none; by design as many patients as declared."""
        share = 1.0 - self.drawing.normal
        if self.design == SAMPLED:
            return np.asarray((random.random(self.n) < share)[patient])
        return np.asarray(patient < round(share * self.n))

    def _drawn(
        self, random: _Random, y: Bools, patient: Ints
    ) -> Iterator[tuple[bool, bool, float, float]]:
        """Lesion, whether something was drawn, Dice and distance; alike within a patient."""
        from scipy.stats import beta

        drawn_by, of_dice = (_uniform(_alike(random, patient, self.n)) for _ in range(2))
        far = _alike(random, patient, self.n)
        drawing = self.drawing
        drawn = np.where(y, drawn_by >= drawing.missed, drawn_by < drawing.false)
        dice = beta.ppf(of_dice, drawing.a, drawing.b)
        distance = np.exp(1.0 + drawing.spread * far)
        yield from zip(y.tolist(), drawn.tolist(), dice.tolist(), distance.tolist(), strict=True)

    @staticmethod
    def _case(lesion: bool, drawn: bool, dice: float, distance: float) -> PairMeasures:
        both = lesion and drawn
        state = (
            State.BOTH
            if both
            else State.MISSED
            if lesion
            else State.FALSE
            if drawn
            else State.BOTH_EMPTY
        )
        far = distance if both else None
        share = dice if both else None
        return PairMeasures(
            state=state,
            reference_size=0.0,
            prediction_size=0.0,
            dice=share,
            iou=share,
            nsd=(),
            hd=far,
            hd95=far,
            assd=far,
            masd=far,
        )


@dataclass(frozen=True, slots=True)
class Detector:
    """Marks of a model: false ones normal(0, 1), ``false`` an image in the mean; hits shifted.

    A lesion is marked with the chance ``found``, its score normal(``apart``, 1). Cases with
    lesions have one and as many more as a Poisson count of 0.5.
    """

    name: str
    false: float
    found: float
    apart: float

    def sensitivity(self, rate: float) -> float:
        """True sensitivity at a rate of false marks."""
        from scipy.stats import norm

        threshold = norm.isf(min(1.0, rate / self.false))
        return float(self.found * norm.sf(threshold - self.apart))

    def area(self, dispersion: float) -> float:
        """True AFROC, and wAFROC: lesions of a case are found alike, however many they are.

        ``dispersion`` is the shape of the gamma factor of each patient's false marks; infinite for
        none.
        """
        from scipy.stats import norm

        x = np.linspace(-8.0, 8.0 + self.apart, 20_001)
        rate = self.false * norm.sf(x)
        none = self.false
        if math.isfinite(dispersion):
            below = (1.0 + rate / dispersion) ** -dispersion
            empty = (1.0 + none / dispersion) ** -dispersion
        else:
            below, empty = np.exp(-rate), math.exp(-none)
        higher = float(np.trapezoid(norm.pdf(x - self.apart) * below, x))
        return self.found * higher + (1.0 - self.found) * float(empty) / 2.0


DETECTORS = (
    Detector("weak", 2.0, 0.7, 1.0),
    Detector("good", 1.5, 0.9, 2.0),
    Detector("few marks", 0.7, 0.95, 2.5),
)
DISPERSION = 2.0


@dataclass(frozen=True, slots=True)
class MarkCell:
    """Areas and sensitivities of ``n`` patients, half of them normal."""

    detector: Detector
    n: int
    images: str
    design: str
    runs: int = 1_000
    chunk: int = 250

    @property
    def name(self) -> str:
        """``marks``, the detector, patients, images and design."""
        return f"marks/{self.detector.name}/{self.n}/{self.images}/{self.design}"

    def simulate(self, first: int, last: int) -> Counts:
        """Count intervals that missed the true figures."""
        counts = Counts()
        alone = self.images == "one"
        area = self.detector.area(math.inf if alone else DISPERSION)
        lesions = self.detector.found
        for run in range(first, last):
            random = generator(self.name, run)
            patient = patients(random, self.n, self.images)
            if self.design == SAMPLED:
                y = np.asarray((random.random(self.n) < 0.5)[patient])
            else:
                y = np.asarray(patient < self.n // 2)
            cases = self._cases(random, y, patient)
            group: Group = everyone(y, np.zeros(y.size), patient, self.n, self.design)
            found = mark_figures(MarkMeasures.of(cases, RATES), group, CONFIDENCE)
            _count(counts, "wafroc", found, area)
            _count(counts, "afroc", found, area)
            _count(counts, "lesion_sensitivity", found, lesions)
            _count(counts, "false_marks_per_image", found, self.detector.false)
            for rate in RATES:
                name = f"sensitivity_at_false_marks_{rate:g}"
                _count(counts, name, found, self.detector.sensitivity(rate))
        return counts

    def _cases(self, random: _Random, y: Bools, patient: Ints) -> list[MatchedCase]:
        factor = np.ones(self.n)
        if self.images != "one":
            factor = random.gamma(DISPERSION, 1.0 / DISPERSION, self.n)
        number = random.poisson(self.detector.false * factor[patient])
        lesions = np.where(y, 1 + random.poisson(0.5, y.size), 0)
        owner = np.repeat(patient, lesions)
        found = _uniform(_alike(random, owner, self.n)) < self.detector.found
        hits = np.where(found, self.detector.apart + _alike(random, owner, self.n), -np.inf)
        false = np.split(random.standard_normal(int(number.sum())), np.cumsum(number)[:-1])
        return [
            MatchedCase(own, np.full(own.size, 1.0 / max(1, own.size)), other)
            for own, other in zip(np.split(hits, np.cumsum(lesions)[:-1]), false, strict=True)
        ]


def patients(random: _Random, n: int, images: str) -> Ints:
    """Patient of each case: one case each, or one to three."""
    if images == "one":
        return np.arange(n)
    return np.repeat(np.arange(n), random.integers(1, 4, n))


def _alike(random: _Random, patient: Ints, n: int) -> Floats:
    """Standard normal numbers; those of a patient have the correlation one half."""
    shared = random.standard_normal(n)[patient]
    return np.asarray((shared + random.standard_normal(patient.size)) / math.sqrt(2.0))


def _uniform(normal: Floats) -> Floats:
    from scipy.special import ndtr

    return np.asarray(ndtr(normal))


def _count(counts: Counts, name: str, found: Mapping[str, Estimate], truth: float) -> None:
    estimate = found[name]
    if estimate.low is not None and estimate.high is not None:
        counts.interval(name, estimate.low, estimate.high, truth)


def all_cells() -> tuple[Cell, ...]:
    """Every cell, in the order in which they are run."""
    return (*_mask_cells(), *_mark_cells())


def _kinds() -> Iterator[tuple[int, str, str]]:
    for n in SIZES:
        yield n, "one", DESIGNS[1]
        if n > SIZES[0]:
            yield n, "one to three", DESIGNS[1]
            yield n, "one", DESIGNS[0]


def _mask_cells() -> Iterator[MaskCell]:
    for drawing, (n, images, design) in product(DRAWINGS, _kinds()):
        if design == SAMPLED or drawing.normal:  # by design matters where classes are two
            yield MaskCell(drawing, n, images, design)


def _mark_cells() -> Iterator[MarkCell]:
    for detector, (n, images, design) in product(DETECTORS, _kinds()):
        yield MarkCell(detector, n, images, design)


def block(kept: Mapping[str, Kept]) -> str:
    """Both tables, from the results that are kept."""
    return "\n".join(
        (
            *_table(kept, MaskCell, "masks", ("mean_dice", "mean_hd95")),
            "",
            *_table(kept, MarkCell, "marks", _MARKS),
            "",
        )
    )


_MARKS = (
    "wafroc",
    "afroc",
    *(f"sensitivity_at_false_marks_{rate:g}" for rate in RATES),
    "lesion_sensitivity",
    "false_marks_per_image",
)


def _table(
    kept: Mapping[str, Kept], kind: type, what: str, figures: Sequence[str]
) -> Iterator[str]:
    cells = [(c, kept[c.name]) for c in all_cells() if isinstance(c, kind) and c.name in kept]
    runs = sorted({each.runs for _, each in cells}) or [0]
    code = " and ".join(sorted({each.code for _, each in cells}))
    yield (
        f"How often 95 % intervals of {what} held the truth ({len(cells)} cells of {runs[-1]:,} "
        f"runs, {code}); in brackets the lowest of a cell:"
    )
    yield ""
    yield f"| model | patients | {' | '.join(f'`{name}`' for name in figures)} |"
    yield f"| --- | --- |{' --- |' * len(figures)}"
    groups: dict[tuple[str, int], list[Kept]] = {}
    for cell, each in cells:
        assert isinstance(cell, MaskCell | MarkCell)
        model = cell.drawing.name if isinstance(cell, MaskCell) else cell.detector.name
        groups.setdefault((model, cell.n), []).append(each)
    for (model, n), mine in groups.items():
        shares = " | ".join(_held(mine, name) for name in figures)
        yield f"| {model} | {n} | {shares} |"


def _held(cells: Sequence[Kept], figure: str) -> str:
    found = [held(each, figure) for each in cells]
    defined = [share for share in found if share is not None]
    if not defined:
        return "no interval"
    return f"{np.mean(defined):.3f} ({min(defined):.3f})"


def held(cell: Kept, figure: str) -> float | None:
    """Share of a cell's intervals that held the truth; None where fewer than half had one."""
    counts = cell.counts.rows.get(figure)
    if counts is None or counts[DEFINED] < cell.runs / 2:
        return None
    return 1.0 - (counts[BELOW] + counts[ABOVE]) / counts[DEFINED]


def main() -> None:
    """Run what is missing, then write the tables."""
    kept = continued("python -m perf.masks", __doc__, all_cells, KEPT)
    DOCUMENT.write_text(replaced(DOCUMENT.read_text(), block(kept), BEGIN))


if __name__ == "__main__":
    from perf import masks  # cells are known by the module's own name

    masks.main()
