"""Cells of intervals: one group of cases, every figure of a report that has an interval."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from metrics.group import DESIGNS, SAMPLED
from perf.coverage import doors
from perf.coverage.cohorts import Images, Stratum, draw, reachable
from perf.coverage.counting import Counts, generator
from perf.coverage.populations import Binormal

RUNS = 2_000
SIZES = (60, 100, 200, 500)
AUROCS = (0.76, 0.90, 0.983)
PREVALENCES = (0.5, 0.1)


@dataclass(frozen=True, slots=True)
class IntervalCell:
    """About ``n`` cases; ``smooth`` adds the figures of calibration curves."""

    n: int
    auroc: float
    prevalence: float
    design: str
    images: Images = Images.ONE
    smooth: bool = False
    runs: int = RUNS
    chunk: int = 200

    @property
    def name(self) -> str:
        """Kind, design, images, size, AUROC and prevalence."""
        kind = "smooth" if self.smooth else "intervals"
        images = self.images.name.lower()
        return f"{kind}/{self.design}/{images}/{self.n}/{self.auroc:g}/{self.prevalence:g}"

    def simulate(self, first: int, last: int) -> Counts:
        """Count, for each figure, the intervals that missed its true value."""
        stratum = reachable(Stratum(self.n, Binormal(self.auroc, self.prevalence)), self.images)
        threshold = stratum.population.threshold
        curves = doors.curve_truths(stratum.population, threshold) if self.smooth else {}
        counts = Counts()
        for run in range(first, last):
            cohort = draw([stratum], self.images, self.design, generator(self.name, run))
            truths = {**curves, **doors.truths(stratum.population, threshold, cohort)}
            found = doors.overall(cohort, self.design, threshold, run, smooth=self.smooth)
            for metric, estimate in found.items():
                if estimate.low is None or estimate.high is None:
                    continue
                if metric in truths:
                    counts.interval(metric, estimate.low, estimate.high, truths[metric])
                else:
                    counts.unstudied.add(metric)
        return counts


def interval_cells() -> Iterator[IntervalCell]:
    """Cases that stand alone, patients of several images, then calibration curves."""
    for design in DESIGNS:
        for n in SIZES:
            for auroc in AUROCS:
                for prevalence in PREVALENCES:
                    if n * prevalence >= 10:
                        yield IntervalCell(n, auroc, prevalence, design)
    for design in DESIGNS:
        for images in (Images.FEW, Images.SKEWED):
            for n in (200, 500):
                for auroc in (0.76, 0.90):
                    yield IntervalCell(n, auroc, 0.5, design, images)
    for n in (100, 500):
        for auroc in (0.76, 0.90):
            yield IntervalCell(n, auroc, 0.5, SAMPLED, smooth=True)
    yield IntervalCell(500, 0.76, 0.5, SAMPLED, Images.FEW, smooth=True)
