"""Cells of power: how often a gap is called that the stated power promises to call."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from statistics import NormalDist

from perf.coverage import doors
from perf.coverage.counting import Counts
from perf.coverage.gaps import ALPHA, PATTERNS, TEST_RUNS, Groups

POWER = 0.8


@dataclass(frozen=True, slots=True)
class PowerCell:
    """The last group's figure lies below the others' by the difference said to be detectable."""

    groups: Groups
    figure: str
    runs: int = TEST_RUNS
    chunk: int = 250

    @property
    def name(self) -> str:
        """``power``, the figure and the groups."""
        return f"power/{self.figure}/{self.groups.name}"

    def simulate(self, first: int, last: int) -> Counts:
        """Count the rejections; nothing where no difference is stated."""
        counts = Counts()
        gap = self._stated()
        if gap is None:
            return counts
        groups = self._with(gap)
        for run in range(first, last):
            cohort = groups.draw(self.name, run)
            found = doors.p_values(
                cohort, groups.design, self.groups.threshold, run, ((self.figure, "group"),)
            )
            for p in found.values():
                counts.test(self.figure, p <= ALPHA)
        return counts

    def _stated(self) -> float | None:
        """The detectable difference between groups of these sizes."""
        one = self.groups
        return doors.stated_gap(
            one.strata(), one.pattern.images, one.design, one.threshold, self.figure, POWER
        )

    def _with(self, gap: float) -> Groups:
        """The groups with the last one's figure lower by ``gap``."""
        return replace(self.groups, kind="lower", lower=self._auroc_after(gap))

    def _auroc_after(self, gap: float) -> float:
        if self.figure == "auroc":
            return self.groups.auroc - gap
        # at the common threshold, midway, sensitivity is Phi(d / 2) and d = sqrt(2) z(AUROC)
        normal = NormalDist()
        half = normal.inv_cdf(self.groups.auroc) / 2**0.5
        lower = normal.inv_cdf(normal.cdf(half) - gap)
        return normal.cdf(2**0.5 * lower)


def power_cells() -> Iterator[PowerCell]:
    """AUROC and sensitivity in equal, unequal and clustered groups."""
    for pattern in PATTERNS:
        for figure in ("auroc", "sensitivity"):
            # a lower sensitivity than 0.5 is out of reach of a model that is calibrated
            auroc = 0.80 if figure == "auroc" else 0.95
            yield PowerCell(Groups(pattern, auroc, 0.5), figure)
