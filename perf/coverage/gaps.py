"""Cells of gaps between groups: the size of tests where none differs, simultaneous intervals."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from evaluator.scoring.results import Result
from metrics.group import FIXED_PREVALENCE, SAMPLED
from perf.coverage import doors
from perf.coverage.cohorts import Cohort, Images, Stratum, draw
from perf.coverage.counting import Counts, generator
from perf.coverage.doors import Tested
from perf.coverage.populations import Binormal

TEST_RUNS = 10_000
INTERVAL_RUNS = 2_000
ALPHA = 0.05
CALIBRATION = ("observed_minus_expected", "calibration_in_the_large", "calibration_slope")
FIGURES = ("auroc", "sensitivity", "specificity", *CALIBRATION)
FAMILY: tuple[Tested, ...] = tuple(
    (figure, attribute)
    for figure in ("auroc", "sensitivity", "specificity")
    for attribute in ("group", "sex", "site")
)
"""Declared gaps of the family-wise cells; the first is the primary one."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """Sizes of the groups, and how many images their patients have."""

    sizes: tuple[int, ...]
    images: Images = Images.ONE

    @property
    def name(self) -> str:
        """Sizes joined by hyphens; ``few`` where patients have several images."""
        sizes = "-".join(map(str, self.sizes))
        return sizes if self.images is Images.ONE else f"{sizes} {self.images.name.lower()}"


PATTERNS = (
    Pattern((150, 150, 150, 150)),
    Pattern((40, 100, 300, 1_000)),
    Pattern((30, 570)),
    Pattern((60, 120, 400), Images.FEW),
)


@dataclass(frozen=True, slots=True)
class Groups:
    """What the groups of a pattern are like.

    ``kind`` "equal": one population. "spread": the AUROC is one, but in every second group the
    positives are spread three times as wide. "prevalences": calibrated groups of prevalence 0.2,
    0.4, 0.6 in turn. "lower": the last group's AUROC is ``lower``.
    """

    pattern: Pattern
    auroc: float
    prevalence: float
    design: str = SAMPLED
    kind: str = "equal"
    lower: float = 0.0

    @property
    def name(self) -> str:
        """Pattern, AUROC, prevalence, design and kind."""
        kind = f"{self.kind} {self.lower:g}" if self.kind == "lower" else self.kind
        parts = (self.pattern.name, f"{self.auroc:g}", f"{self.prevalence:g}", self.design, kind)
        return "/".join(parts)

    @property
    def threshold(self) -> float:
        """One threshold for all groups: midway between the classes of the first."""
        return self.strata()[0].population.threshold

    def strata(self) -> list[Stratum]:
        """The population of each group."""
        common = Binormal(self.auroc, self.prevalence)
        count = len(self.pattern.sizes)
        populations = [common] * count
        if self.kind == "spread":
            wide = replace(common, positive_sd=3.0)
            populations = [wide if place % 2 else common for place in range(count)]
        elif self.kind == "prevalences":
            shares = (0.2, 0.4, 0.6)
            populations = [
                Binormal(self.auroc, shares[place % 3], stretch=1.0) for place in range(count)
            ]
        elif self.kind == "lower":
            populations[-1] = replace(common, auroc=self.lower)
        return [Stratum(n, one) for n, one in zip(self.pattern.sizes, populations, strict=True)]

    def draw(self, cell: str, run: int, *, further: bool = False) -> Cohort:
        """The cohort of one run."""
        random = generator(cell, run)
        return draw(self.strata(), self.pattern.images, self.design, random, further=further)

    @property
    def null(self) -> tuple[str, ...]:
        """The figures that all groups share."""
        if self.kind == "spread":
            return ("auroc",)
        return CALIBRATION if self.kind == "prevalences" else FIGURES


@dataclass(frozen=True, slots=True)
class SizeCell:
    """How often the test of each figure that the groups share says that they differ."""

    groups: Groups
    runs: int = TEST_RUNS
    chunk: int = 250

    @property
    def name(self) -> str:
        """``size`` and the groups."""
        return f"size/{self.groups.name}"

    def simulate(self, first: int, last: int) -> Counts:
        """Count the rejections at 5 %."""
        counts = Counts()
        tested = tuple((figure, "group") for figure in self.groups.null)
        for run in range(first, last):
            cohort = self.groups.draw(self.name, run)
            found = doors.p_values(cohort, self.groups.design, self.groups.threshold, run, tested)
            for (figure, _), p in found.items():
                counts.test(figure, p <= ALPHA)
        return counts


@dataclass(frozen=True, slots=True)
class FamilyCell:
    """How often any of nine declared gaps without a true difference is called, after adjustment."""

    groups: Groups
    runs: int = TEST_RUNS
    chunk: int = 250

    @property
    def name(self) -> str:
        """``family`` and the groups."""
        return f"family/{self.groups.name}"

    def simulate(self, first: int, last: int) -> Counts:
        """Count the runs with a false call; the gaps by ``group`` are true where it is lower."""
        counts = Counts()
        truly = {"group"} if self.groups.kind == "lower" else set()
        for run in range(first, last):
            cohort = self.groups.draw(self.name, run, further=True)
            found = doors.p_values(
                cohort, self.groups.design, self.groups.threshold, run, FAMILY, adjusted=True
            )
            if found:
                false = [p for (_, attribute), p in found.items() if attribute not in truly]
                counts.test("any", any(p <= ALPHA for p in false))
        return counts


@dataclass(frozen=True, slots=True)
class SimultaneousCell:
    """How often all differences to the reference of a figure are held by their intervals."""

    groups: Groups
    runs: int = INTERVAL_RUNS
    chunk: int = 100

    @property
    def name(self) -> str:
        """``simultaneous`` and the groups."""
        return f"simultaneous/{self.groups.name}"

    def simulate(self, first: int, last: int) -> Counts:
        """Count the runs where an interval of a figure's differences misses, and max - min."""
        threshold = self.groups.threshold
        counts = Counts()
        for run in range(first, last):
            cohort = self.groups.draw(self.name, run)
            truths = {
                f"G{place + 1}": doors.truths(stratum.population, threshold, cohort)
                for place, stratum in enumerate(self.groups.strata())
            }
            rows = doors.gap_rows(cohort, self.groups.design, threshold, run)
            count_gaps(rows, truths, counts)
        return counts


def count_gaps(
    rows: tuple[Result, ...], truths: Mapping[str, Mapping[str, float]], counts: Counts
) -> None:
    """Count one report's gap intervals by ``group``, whose levels' figures are ``truths``.

    The differences of a figure count once, as missed where any is; the true max - min is over the
    levels that the report shows.
    """
    shown: dict[str, list[str]] = {}
    differences: dict[str, list[tuple[float, float, float]]] = {}
    spans: dict[str, tuple[float, float]] = {}
    for row in rows:
        if row.attribute != "group":
            continue
        if row.level in truths and row.estimate.low is not None:
            shown.setdefault(row.metric, []).append(row.level)
        low, high = row.estimate.low, row.estimate.high
        if not row.metric.endswith("_gap") or low is None or high is None:
            continue
        figure = row.metric.removesuffix("_gap")
        one, _, other = row.level.partition(" - ")
        if row.level == doors.MAX_MIN:
            spans[figure] = (low, high)
        elif figure not in truths.get(one, {}) or other not in truths:
            counts.unstudied.add(row.metric)
        else:
            true = truths[one][figure] - truths[other][figure]
            differences.setdefault(figure, []).append((low, high, true))
    for figure, intervals in differences.items():
        low, high, true = next((i for i in intervals if not i[0] <= i[2] <= i[1]), intervals[0])
        counts.interval(f"{figure}: differences", low, high, true)
    for figure, (low, high) in spans.items():
        values = [
            truths[level][figure] for level in shown.get(figure, ()) if figure in truths[level]
        ]
        if values:
            counts.interval(f"{figure}: max - min", low, high, max(values) - min(values))


def size_cells() -> Iterator[SizeCell]:
    """Equal groups, unequal spread, calibrated groups of unequal prevalence."""
    for pattern in PATTERNS:
        for auroc in (0.76, 0.90, 0.99):
            for prevalence in (0.5, 0.1):
                yield SizeCell(Groups(pattern, auroc, prevalence))
    for pattern in PATTERNS:
        yield SizeCell(Groups(pattern, 0.90, 0.5, FIXED_PREVALENCE))
        for auroc in (0.76, 0.90):
            yield SizeCell(Groups(pattern, auroc, 0.5, kind="spread"))
            yield SizeCell(Groups(pattern, auroc, 0.4, kind="prevalences"))


def family_cells() -> Iterator[FamilyCell]:
    """Nine declared gaps; in the last cells the primary one is true."""
    for pattern in PATTERNS:
        for auroc in (0.76, 0.99):
            yield FamilyCell(Groups(pattern, auroc, 0.5))
    yield FamilyCell(Groups(PATTERNS[0], 0.90, 0.1))
    for pattern in PATTERNS[:2]:
        yield FamilyCell(Groups(pattern, 0.90, 0.5, kind="lower", lower=0.70))


def simultaneous_cells() -> Iterator[SimultaneousCell]:
    """Equal groups, and groups whose last one has a lower AUROC."""
    for pattern in PATTERNS:
        for auroc in (0.76, 0.90, 0.99):
            yield SimultaneousCell(Groups(pattern, auroc, 0.5))
        for auroc, lower in ((0.76, 0.70), (0.90, 0.80)):
            yield SimultaneousCell(Groups(pattern, auroc, 0.5, kind="lower", lower=lower))
        yield SimultaneousCell(
            Groups(pattern, 0.90, 0.5, FIXED_PREVALENCE, kind="lower", lower=0.80)
        )
    yield SimultaneousCell(Groups(PATTERNS[0], 0.90, 0.1))
