"""The simulation of rankings: its models, what it counts, and what its kept results show."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from perf import ranking
from perf.coverage import study
from perf.coverage.counting import ABOVE, BELOW, DEFINED
from perf.coverage.table import DOCUMENT, replaced


@pytest.mark.parametrize(
    ("pattern", "truth"),
    [("equal", [0.9, 0.9, 0.9]), ("spread", [0.8, 0.85, 0.9]), ("leader", [0.85, 0.85, 0.9])],
)
def test_models_lie_as_their_pattern_says(pattern: str, truth: list[float]) -> None:
    models = ranking.Models(3, pattern, 0.5, 200, 0.9)
    assert models.truth == pytest.approx(truth)
    assert norm.cdf(models.apart / np.sqrt(2.0)) == pytest.approx(truth)


def test_scores_are_as_alike_within_a_class_as_declared() -> None:
    y, scores = ranking.Models(3, "spread", 0.9, 40_000, 0.9).draw("cell", 0)
    assert y.mean() == pytest.approx(0.3)
    for side in (y, ~y):
        found = np.asarray(np.corrcoef(scores[:, side]))
        assert found[np.triu_indices(3, 1)] == pytest.approx([0.9, 0.9, 0.9], abs=0.01)
    apart = scores[:, y].mean(axis=1) - scores[:, ~y].mean(axis=1)
    assert norm.cdf(apart / np.sqrt(2.0)) == pytest.approx([0.8, 0.85, 0.9], abs=0.01)


def test_each_kind_of_cell_counts_what_it_says() -> None:
    models = ranking.Models(3, "equal", 0.5, 80, 0.76)
    best = ranking.BestCell(models).simulate(0, 2).rows
    assert {best[row][DEFINED] for row in ("plain", "corrected", "best alone given")} == {2}
    plain, corrected, alone = best["widths"]
    assert 0 < plain < corrected < 2 * plain
    assert plain < alone < 2 * plain
    again = ranking.BestCell(models)
    parts = again.simulate(0, 1)
    parts.merge(again.simulate(1, 2))
    assert parts.rows == best  # a run has numbers of its own
    ranks = ranking.RankCell(models).simulate(0, 1).rows
    assert (ranks["rank interval"][0], ranks["tiers"][0]) == (3, 1)
    assert ranks["rank interval"][1] == 0  # equal models share rank 1, and nothing tells them apart
    pair = ranking.PairCell("brier", ranking.Models(2, "equal", 0.5, 80, 0.76)).simulate(0, 1).rows
    assert (pair["0.05"][0], pair["difference"][DEFINED]) == (1, 1)


def test_the_tables_in_the_docs_are_those_of_the_kept_results() -> None:
    document, block = DOCUMENT.read_text(), ranking.block(study.read(ranking.KEPT))
    assert replaced(document, block, ranking.BEGIN) == document


@pytest.mark.parametrize("looks", ranking.LOOKS)
def test_corrected_intervals_held_the_best_as_the_kept_results_say(looks: int) -> None:
    kept = study.read(ranking.KEPT)
    for pattern in ranking.PATTERNS if looks > 1 else ranking.PATTERNS[:1]:
        cells = [
            kept[cell.name]
            for cell in ranking.all_cells()
            if isinstance(cell, ranking.BestCell)
            and (cell.models.number, cell.models.pattern) == (looks, pattern)
        ]
        for row in (ranking.CORRECTED, ranking.ALONE):
            found = np.sum([cell.counts.rows[row] for cell in cells], axis=0)
            assert 1.0 - (found[BELOW] + found[ABOVE]) / found[DEFINED] >= 0.94, (pattern, row)
        widths = np.sum([cell.counts.rows[ranking.WIDTHS] for cell in cells], axis=0)
        assert widths[1] / widths[0] < 1.4
