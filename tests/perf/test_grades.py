"""The study of intervals of grades: its truths against samples, and what it found."""

from __future__ import annotations

import math

import numpy as np
import pytest

from metrics.grades.figures import Graded, grade_figures
from metrics.group import everyone
from perf import grades
from perf.coverage import study


@pytest.mark.parametrize("reader", grades.READERS, ids=lambda reader: str(reader.name))
def test_the_truth_is_that_of_a_large_sample(reader: grades.Reader) -> None:
    random = np.random.default_rng(11)
    n = 20_000
    severity = random.standard_normal(n)
    error = math.sqrt(1.0 - reader.seen**2) * random.standard_normal(n)
    seen = reader.shift + reader.seen * severity + error
    a, b = (np.searchsorted(reader.cuts, x).astype(float) for x in (severity, seen))
    group = everyone(a > 0, b, np.arange(n), n)
    found = grade_figures(Graded(a, b, 0, reader.highest), group, 0.999)
    for name, truth in grades.truth_of(reader).items():
        estimate = found[name]
        assert estimate.low is not None
        assert estimate.high is not None
        assert estimate.low <= truth <= estimate.high, name


def test_intervals_held_the_truth_in_every_cell() -> None:
    kept = study.read(grades.KEPT)
    assert {cell.name for cell in grades.all_cells()} == set(kept)
    for figure in grades.FIGURES:
        shares = [share for cell in kept.values() if (share := grades.held(cell, figure))]
        assert min(shares) > 0.88, figure
        assert 0.94 < float(np.mean(shares)) < 0.985, figure
