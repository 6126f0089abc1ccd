"""The simulation of masks and marks: its true figures, what it counts, what its results show."""

from __future__ import annotations

import math

import numpy as np
import pytest

from metrics.group import SAMPLED
from metrics.marks import areas
from metrics.marks.study import Study, froc
from perf import masks
from perf.coverage import study
from perf.coverage.counting import DEFINED, generator
from perf.coverage.table import replaced


def test_the_true_figures_of_a_drawing_are_by_hand() -> None:
    even = masks.Drawing("", 18.0, 2.0, 0.0)
    assert even.dice == pytest.approx(0.9)
    assert even.distance == pytest.approx(math.exp(1.0 + 0.32))
    normal = masks.Drawing("", 3.0, 1.0, 0.2, spread=0.0, normal=0.5, false=0.1)
    assert normal.dice == pytest.approx(0.5 * 0.8 * 0.75 + 0.5 * 0.9)
    assert normal.distance == pytest.approx((0.4 * math.e + (0.1 + 0.05) * 100) / 0.55)


@pytest.mark.parametrize("images", ["one", "one to three"])
def test_the_true_figures_of_a_detector_are_those_of_a_large_cohort(images: str) -> None:
    detector = masks.Detector("", 2.0, 0.7, 1.0)
    cell = masks.MarkCell(detector, 15_000, images, SAMPLED)
    random = generator("a large cohort", 1)
    patient = masks.patients(random, cell.n, images)
    y = np.asarray((random.random(cell.n) < 0.5)[patient])
    found = Study.of(cell._cases(random, y, patient))
    for area in (areas.afroc, areas.wafroc):
        expected = detector.area(math.inf if images == "one" else masks.DISPERSION)
        assert area(found).value == pytest.approx(expected, abs=0.015)
    for rate in (0.5, 1.0):
        assert froc(found).sensitivity_at(rate) == pytest.approx(
            detector.sensitivity(rate), abs=0.02
        )


def test_a_run_has_numbers_of_its_own() -> None:
    for cell in (
        masks.MaskCell(masks.DRAWINGS[-1], 40, "one to three", SAMPLED),
        masks.MarkCell(masks.DETECTORS[0], 40, "one to three", SAMPLED),
    ):
        whole = cell.simulate(0, 2)
        parts = cell.simulate(0, 1)
        parts.merge(cell.simulate(1, 2))
        assert parts.rows == whole.rows
        assert all(counts[DEFINED] <= 2 for counts in whole.rows.values())


def test_the_tables_in_the_docs_are_those_of_the_kept_results() -> None:
    document, block = masks.DOCUMENT.read_text(), masks.block(study.read(masks.KEPT))
    assert replaced(document, block, masks.BEGIN) == document


def test_intervals_held_the_truth_as_the_kept_results_say() -> None:
    kept = study.read(masks.KEPT)
    assert set(kept) == {cell.name for cell in masks.all_cells()}
    for name, cell in kept.items():
        for figure in cell.counts.rows:
            share = masks.held(cell, figure)
            assert share is None or share >= 0.925, (name, figure, share)
