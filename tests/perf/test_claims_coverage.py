"""Cells of claims lie at the boundary, and their table names those that err too much."""

from __future__ import annotations

import numpy as np
import pytest

from metrics.claims.claim import Part
from metrics.claims.studies import Truth, paired_scores
from metrics.group import SAMPLED
from perf.coverage import claims_table
from perf.coverage.claims import (
    FALSE,
    ClaimCell,
    Group,
    against,
    claim_cells,
    of_auroc,
    of_rates,
    one,
    part,
    several,
)
from perf.coverage.claims_power import MET, PLANNED, planned_cells
from perf.coverage.counting import Counts
from perf.coverage.study import Kept

CELLS = tuple(claim_cells())


def test_the_grid_is_bounded_and_no_two_cells_are_named_alike() -> None:
    assert len(CELLS) + len(tuple(planned_cells())) <= 60
    assert len({cell.name for cell in CELLS}) == len(CELLS)
    assert all(60 <= cell.cases <= 2_000 for cell in CELLS)
    assert all(cell.runs == 20_000 for cell in CELLS)


def test_every_cell_has_a_false_claim_at_its_goal() -> None:
    for cell in CELLS:
        assert cell.false
        for claim in cell.study.claims:
            gaps = [gap(cell, each) for each in claim.parts]
            assert (claim.name in cell.false) == (min(gaps) <= 1e-9)
            if claim.name in cell.false:
                assert min(gaps) > -0.001  # false by a hair


def gap(cell: ClaimCell, part: Part) -> float:
    return cell.groups[int(part.level or 0)].population.figure(part) - part.goal


@pytest.mark.parametrize("spread", [0.6, 1.6])
def test_populations_have_the_figures_that_their_scores_have(spread: float) -> None:
    group = Group(of_rates(0.85, 0.75, spread, 0.9), 200_000, 200_000)
    counts = group.counts("fixed-prevalence", np.random.default_rng(1))
    generator = np.random.default_rng(2)
    population = group.population
    aurocs = population.aurocs()
    first, second = paired_scores(generator, 1, counts, aurocs, Truth(spread=spread))
    for scores, sensitivity in ((first, 0.85), (second, 0.9)):
        assert np.mean(scores[0] >= population.threshold) == pytest.approx(sensitivity, abs=0.004)
        assert np.mean(scores[1] < population.threshold) == pytest.approx(0.75, abs=0.004)
    assert population.figure(part("sensitivity", 0.85)) == pytest.approx(0.85)
    assert population.figure(part("specificity", 0.75)) == pytest.approx(0.75)
    assert population.figure(against("sensitivity", 0.05)) == pytest.approx(-0.05)
    assert of_auroc(0.8, spread).figure(part("auroc", 0.8)) == pytest.approx(0.8)


def test_a_sampled_cohort_has_its_positives_by_chance() -> None:
    group = Group(of_auroc(0.8), 60, 140, 0)
    drawn = [group.counts(SAMPLED, np.random.default_rng(seed)) for seed in range(40)]
    positive = [np.unique(each.positive).size for each in drawn]
    assert np.mean(positive) == pytest.approx(60, abs=5)
    assert len(set(positive)) > 5
    images = np.bincount(np.concatenate([drawn[0].positive, drawn[0].negative]))
    assert set(images.tolist()) == {1, 2, 3, 4, 5}


def test_only_false_claims_are_counted() -> None:
    study = several("holm", (part("sensitivity", 0.6),), (part("specificity", 0.8),))
    cell = ClaimCell("one true", study, (Group(of_rates(0.99, 0.8), 200, 200),))
    assert cell.false == {"2"}
    assert cell.simulate(0, 20).rows[FALSE][0] == 20
    assert cell.simulate(0, 20).rows[FALSE][1] < 5
    met = ClaimCell("surely", one(part("sensitivity", 0.5)), (Group(of_rates(0.5, 0.5), 9, 9),))
    assert met.simulate(0, 3).rows == met.simulate(0, 3).rows


def test_the_table_names_cells_that_err_more_than_they_may() -> None:
    first, second = CELLS[:2]
    kept = {
        first.name: Kept("code", 20_000, 1.0, Counts({FALSE: [20_000, 500]})),
        second.name: Kept("code", 20_000, 1.0, Counts({FALSE: [20_000, 700]})),
    }
    block = claims_table.block(kept)
    assert "2 cells of 20,000 runs" in block
    # 0.025 - 2 sqrt(0.025 0.975 / 20000) = 0.02279, in levels of 0.025
    assert "| 0.025 | 0.0250 (0.0011) | 0.91 |" in block
    # 0.035 - 2 sqrt(0.035 0.965 / 20000) = 0.0324
    assert "| 0.025 | 0.0350 (0.0013) | 1.30 |" in block
    assert block.rstrip().endswith(f"times the level: {second.name}.")
    assert claims_table.block({}) == "Nothing has been simulated yet.\n"


def test_a_plan_and_its_studies_are_counted_side_by_side() -> None:
    """Sensitivity 0.92 and specificity 0.82 with 318 + 318: 0.836 by two exact binomial powers."""
    (cell,) = [each for each in planned_cells() if "sensitivity 0.85 and" in each.name]
    counts = cell.simulate(0, 200).rows
    assert counts[PLANNED][0] == cell.runs
    assert counts[PLANNED][1] / cell.runs == pytest.approx(0.8355, abs=0.008)
    assert counts[MET][1] / counts[MET][0] == pytest.approx(0.8355, abs=0.11)
    assert PLANNED not in cell.simulate(200, 201).rows
