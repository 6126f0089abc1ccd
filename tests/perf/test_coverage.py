"""The simulation study: its truths, its cohorts, what it counts, and that it can be cut off."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from evaluator.scoring.results import Result
from metrics.estimate import Estimate
from metrics.group import FIXED_PREVALENCE, SAMPLED
from perf.coverage import doors, standardised, study, table
from perf.coverage.cohorts import Images, Stratum, draw, reachable
from perf.coverage.counting import Counts
from perf.coverage.gaps import (
    FamilyCell,
    Groups,
    Pattern,
    SimultaneousCell,
    SizeCell,
    count_gaps,
)
from perf.coverage.intervals import IntervalCell
from perf.coverage.populations import (
    Binormal,
    exact_figures,
    figures_at_cohort_prevalence,
    ideal_sample,
)
from perf.coverage.power import PowerCell
from perf.coverage.standardised import StandardisedCell
from perf.coverage.study import Kept
from tests.support.repository import REPOSITORY

AUROC_OF_D_1 = 0.7602499389065233
"""Phi(1 / sqrt 2): one standard deviation between the classes."""


def test_figures_of_one_standard_deviation_between_the_classes() -> None:
    population = Binormal(AUROC_OF_D_1, 0.5)
    assert population.d == pytest.approx(1.0, abs=1e-12)
    found = exact_figures(population, population.threshold)
    # a table of the normal distribution: Phi(0.5) = 0.691462, Phi(1 - 1.281552) = 0.389144
    assert found["sensitivity"] == pytest.approx(0.691462, abs=1e-6)
    assert found["specificity"] == pytest.approx(0.691462, abs=1e-6)
    assert found["sensitivity_at_specificity_0.9"] == pytest.approx(0.389144, abs=1e-6)
    assert found["specificity_at_sensitivity_0.9"] == pytest.approx(0.389144, abs=1e-6)
    # equal classes at a threshold midway: every rate is 0.691462, and MCC is Youden's J
    for figure in ("ppv", "npv", "accuracy", "f1", "balanced_accuracy"):
        assert found[figure] == pytest.approx(0.691462, abs=1e-6), figure
    assert found["youden_j"] == pytest.approx(0.382925, abs=1e-6)
    assert found["mcc"] == pytest.approx(0.382925, abs=1e-6)
    assert found["lr_positive"] == pytest.approx(0.691462 / 0.308538, abs=1e-5)
    assert found["lr_negative"] == pytest.approx(0.308538 / 0.691462, abs=1e-5)
    # 0.05 * 0.691462 / (0.05 * 0.691462 + 0.95 * 0.308538)
    assert found["ppv_at_prevalence_0.05"] == pytest.approx(0.105507, abs=1e-6)
    # 0.25 * 0.691462 + 0.75 * 0.308538 of a cohort with a quarter of positives are called
    mixed = figures_at_cohort_prevalence(population, 0.5, 0.25)
    assert mixed["selection_rate_at_cohort_prevalence"] == pytest.approx(0.404269, abs=1e-6)
    # at one half the exchange rate is 1: (0.691462 - 0.308538) / 2
    assert found["net_benefit"] == pytest.approx(0.191462, abs=1e-6)


def test_stretched_predictions_have_the_slope_they_were_stretched_by() -> None:
    found = exact_figures(Binormal(0.9, 0.5), 0.5)
    assert found["calibration_slope"] == pytest.approx(1 / 1.3)
    # the classes mirror each other, so that nothing is off on average
    assert found["observed_minus_expected"] == pytest.approx(0.0, abs=1e-12)
    assert found["observed_expected_ratio"] == pytest.approx(1.0, abs=1e-12)
    assert found["calibration_in_the_large"] == pytest.approx(0.0, abs=1e-9)


def test_unstretched_predictions_are_calibrated() -> None:
    found = exact_figures(Binormal(0.9, 0.1, stretch=1.0), 0.1)
    for figure in ("ece", "observed_minus_expected", "corp_miscalibration"):
        assert found[figure] == pytest.approx(0.0, abs=1e-9), figure
    assert found["calibration_in_the_large"] == pytest.approx(0.0, abs=1e-8)
    # Brier (1950) of a calibrated forecast: uncertainty less resolution
    assert found["brier"] == pytest.approx(0.09 - found["corp_discrimination"], abs=1e-9)


@pytest.mark.parametrize("population", [Binormal(0.76, 0.5), Binormal(0.983, 0.1)])
def test_integrals_agree_with_a_large_sample_by_numpy(population: Binormal) -> None:
    y, p = ideal_sample(population, 400_000)
    truth = exact_figures(population, population.threshold)
    assert y.mean() == pytest.approx(population.prevalence)
    assert truth["brier"] == pytest.approx(np.mean((p - y) ** 2), abs=2e-5)
    mixed = figures_at_cohort_prevalence(population, 0.3, 0.2)
    errors = 0.2 * np.mean((1 - p[y]) ** 2) + 0.8 * np.mean(p[~y] ** 2)
    assert mixed["brier_at_cohort_prevalence"] == pytest.approx(errors, abs=2e-5)
    loss = -np.mean(np.where(y, np.log(p), np.log1p(-p)))
    assert truth["log_loss"] == pytest.approx(loss, abs=5e-5)
    assert truth["observed_minus_expected"] == pytest.approx(y.mean() - p.mean(), abs=2e-5)
    steps = np.floor(p * 10)
    gaps = [abs(np.sum((y - p)[steps == step])) for step in range(10)]
    assert truth["ece"] == pytest.approx(sum(gaps) / y.size, abs=5e-5)
    order = np.argsort(-p)
    precision = np.cumsum(y[order]) / np.arange(1, y.size + 1)
    assert truth["average_precision"] == pytest.approx(precision[y[order]].mean(), abs=2e-4)
    fpr = np.cumsum(~y[order]) / np.sum(~y)
    tpr = np.cumsum(y[order]) / np.sum(y)
    width = np.diff(fpr, prepend=0.0)
    area = np.sum((width * tpr)[fpr <= 0.2])  # McClish 1989
    standardised = (1 + (area - 0.02) / (0.2 - 0.02)) / 2
    assert truth["partial_auroc_0_0.2"] == pytest.approx(standardised, abs=1e-4)


def test_unequal_spread_keeps_the_auroc() -> None:
    wide = Binormal(0.8, 0.5, positive_sd=3.0)
    y, p = ideal_sample(wide, 4_000)
    above = np.mean(p[y][:, None] > p[~y][None, :])
    assert above == pytest.approx(0.8, abs=1e-3)
    assert wide.d == pytest.approx(0.8416212 * math.sqrt(10), abs=1e-6)


@pytest.mark.parametrize("images", Images)
def test_by_design_the_number_of_positive_patients_is_fixed(images: Images) -> None:
    stratum = reachable(Stratum(200, Binormal(0.9, 0.5)), images)
    drawn = [
        draw([stratum], images, FIXED_PREVALENCE, np.random.default_rng(seed)) for seed in range(20)
    ]
    counts = {np.unique(cohort.patient[cohort.y]).size for cohort in drawn}
    assert len(counts) == 1
    sampled = [draw([stratum], images, SAMPLED, np.random.default_rng(seed)) for seed in range(20)]
    assert len({np.unique(cohort.patient[cohort.y]).size for cohort in sampled}) > 5


@pytest.mark.parametrize("images", Images)
def test_images_have_the_prevalence_that_was_asked_for(images: Images) -> None:
    stratum = reachable(Stratum(300_000, Binormal(0.9, 0.1)), images)
    cohort = draw([stratum], images, SAMPLED, np.random.default_rng(5))
    assert cohort.y.mean() == pytest.approx(stratum.population.prevalence, abs=0.005)
    assert cohort.y.size == pytest.approx(300_000, rel=0.02)
    latent = (np.log(cohort.s / (1 - cohort.s)) - stratum.population.line[0]) / (
        stratum.population.line[1]
    )
    assert latent[~cohort.y].std() == pytest.approx(1.0, abs=0.02)
    assert latent[cohort.y].mean() == pytest.approx(stratum.population.d, abs=0.06)


def test_skewed_patients_have_k_or_more_images_one_time_in_k() -> None:
    size = Images.SKEWED.draw(200_000, np.random.default_rng(6))
    assert (size.min(), size.max()) == (1, 60)
    assert np.mean(size >= 2) == pytest.approx(1 / 2, abs=0.005)
    assert np.mean(size >= 10) == pytest.approx(1 / 10, abs=0.003)
    assert size.mean() == pytest.approx(Images.SKEWED.mean, rel=0.01)


def test_groups_of_unequal_prevalence_cannot_be_drawn_to_one_number_of_positives() -> None:
    groups = Groups(Pattern((50, 50)), 0.9, 0.4, FIXED_PREVALENCE, kind="prevalences")
    with pytest.raises(ValueError, match="one prevalence for all strata"):
        groups.draw("x", 0)


def row(metric: str, level: str, value: float, low: float | None, high: float | None) -> Result:
    return Result.named(
        metric,
        "group",
        level,
        Estimate(
            value=value,
            low=low,
            high=high,
            n_cases=10,
            n_patients=10,
            n_positive=5,
            method="by hand",
        ),
    )


def test_differences_count_once_and_max_min_is_over_the_levels_shown() -> None:
    truths = {"G1": {"auroc": 0.9}, "G2": {"auroc": 0.8}, "G3": {"auroc": 0.5}}
    shown = (row("auroc", "G1", 0.9, 0.8, 1.0), row("auroc", "G2", 0.8, 0.7, 0.9))
    held = row("auroc_gap", "G2 - G1", -0.1, -0.2, 0.0)
    above = row("auroc_gap", "G3 - G1", -0.1, -0.3, 0.0)  # the truth, -0.4, lies below
    span = row("auroc_gap", "max - min", 0.1, 0.05, 0.2)  # 0.1 over G1 and G2; G3 is not shown
    counts = Counts()
    count_gaps((*shown, held, above, span), truths, counts)
    count_gaps((*shown, held, span), truths, counts)
    assert counts.rows == {"auroc: differences": [2, 0, 1, 0], "auroc: max - min": [2, 0, 0, 0]}
    count_gaps((row("lift_gap", "G2 - G1", 0.0, 0.0, 0.1),), truths, counts)
    assert counts.unstudied == {"lift_gap"}


CELL = IntervalCell(60, 0.9, 0.5, SAMPLED, runs=6, chunk=2)


def test_a_study_that_was_cut_off_ends_as_one_that_was_not(tmp_path: Path) -> None:
    whole = study.run([CELL], tmp_path / "whole.json", workers=2)
    study.run([CELL], tmp_path / "parts.json", share=0.5, workers=1)
    assert study.read(tmp_path / "parts.json")[CELL.name].runs == 3
    study.run([CELL], tmp_path / "parts.json", workers=1)
    found = study.read(tmp_path / "parts.json")[CELL.name]
    assert found.counts == whole[CELL.name].counts
    assert found.runs == whole[CELL.name].runs == 6
    assert found.counts.rows["auroc"][0] == 6
    assert study.read(tmp_path / "whole.json")[CELL.name].counts == found.counts


def test_counts_of_other_code_are_not_continued(tmp_path: Path) -> None:
    path = tmp_path / "kept.json"
    old = Counts({"auroc": [5, 5, 0, 0]}, {"lift"})
    study.write(
        path, {CELL.name: Kept("other", 5, 1.0, old), "another": Kept("other", 5, 1.0, old)}
    )
    found = study.run([CELL], path, workers=1)
    assert found[CELL.name].counts.rows["auroc"][0] == 6
    assert found[CELL.name].counts.rows["auroc"][1] <= 2
    assert study.read(path)["another"].counts == old


def test_a_killed_study_leaves_a_whole_file_and_no_process(tmp_path: Path) -> None:
    path = tmp_path / "kept.json"
    command = [sys.executable, "-m", "perf.coverage", "--only", "intervals/sampled/one/60"]
    running = subprocess.Popen(
        [*command, "--runs", "0.02", "--kept", str(path), "--workers", "2"],
        cwd=REPOSITORY,
        text=True,
    )
    deadline = time.monotonic() + 120
    while not path.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    children = Path(f"/proc/{running.pid}/task/{running.pid}/children").read_text().split()
    running.kill()
    running.wait()
    assert {cell["runs"] for cell in json.loads(path.read_text()).values()} == {40}
    assert children
    while any(alive(int(child)) for child in children) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(alive(int(child)) for child in children)


def alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0]
    return status != "Z"


def test_power_is_tried_at_the_difference_that_was_stated(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    drawn: list[Groups] = []

    def p_values(cohort: object, *_: object) -> dict[tuple[str, str], float]:
        return {("sensitivity", "group"): 0.05 if len(drawn) % 2 else 0.06}

    def keep(groups: Groups, *_: object) -> None:
        drawn.append(groups)

    monkeypatch.setattr(doors, "stated_gap", lambda *_: 0.1)
    monkeypatch.setattr(doors, "p_values", p_values)
    monkeypatch.setattr(Groups, "draw", keep)
    cell = PowerCell(Groups(Pattern((50, 50)), 0.9, 0.5), "sensitivity")
    assert cell.simulate(0, 3).rows == {"sensitivity": [3, 2]}
    first, last = (
        exact_figures(stratum.population, 0.5)["sensitivity"] for stratum in drawn[0].strata()
    )
    assert first - last == pytest.approx(0.1, abs=1e-9)


def test_names_of_cells_differ() -> None:
    names = [cell.name for cell in study.all_cells()]
    assert len(set(names)) == len(names)


def test_the_table_gives_shares_and_names_what_is_too_large() -> None:
    equal = "0.76/0.5/sampled/equal"
    kept = {
        # 50 + 10 of 2,000 missed: 0.970
        "intervals/sampled/one/100/0.9/0.5": Kept(
            "x", 2_000, 60.0, Counts({"auroc": [2_000, 50, 10, 0]}, {"lift"})
        ),
        f"size/150-150-150-150/{equal}": Kept("x", 10_000, 60.0, Counts({"auroc": [10_000, 500]})),
        f"size/30-570/{equal}": Kept("x", 10_000, 60.0, Counts({"auroc": [10_000, 590]})),
        "size/30-570/0.76/0.1/sampled/equal": Kept("x", 10_000, 60.0, Counts({"auroc": [9, 9]})),
        "power/auroc/30-570/0.8/0.5/sampled/equal": Kept(
            "x", 10_000, 60.0, Counts({"auroc": [10_000, 7_600]})
        ),
        f"family/30-570/{equal}": Kept("x", 10_000, 60.0, Counts({"any": [10_000, 700]})),
    }
    block = table.block(kept)
    line = (
        "| auroc |  | 0.970 |  |  | 0 of 1 | 0.970: n 100, AUROC 0.9, prevalence 0.5, sampled | 0 |"
    )
    assert line in block
    assert "no truth is known: lift." in block
    assert "| 150 / 150 / 150 / 150 | 0.76 | 0.5 | 0.050 (0.002) |" in block
    assert "| 30 / 570 | 0.76 | 0.1 | insufficient data |" in block
    assert "More than 0.03 from the power stated: power/auroc/30-570" in block
    # 590 of 10,000 lies 4.1 standard errors above 5 %: significant, but not above 6 %
    assert f"(Holm over 2): size/30-570/{equal}, auroc. Above 0.06: none." in block
    assert f"(Holm over 1): family/30-570/{equal}. Above 0.06: family/30-570/{equal}." in block


@pytest.mark.parametrize(
    "cell",
    [CELL, SimultaneousCell(Groups(Pattern((60, 60)), 0.9, 0.5), runs=2)],
    ids=["interval", "simultaneous"],
)
def test_cells_that_declare_no_gap_test_none(
    cell: IntervalCell | SimultaneousCell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that their counts stay when such a test changes; all that names it is made to fail."""

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a gap was tested")

    named = [
        module
        for name, module in list(sys.modules.items())
        if name.startswith(("metrics", "evaluator", "perf")) and hasattr(module, "gap_test")
    ]
    assert len(named) >= 2
    for module in named:
        monkeypatch.setattr(module, "gap_test", refuse)
    assert cell.simulate(0, 2).rows
    tested = SizeCell(Groups(Pattern((60, 60)), 0.9, 0.5))
    with pytest.raises(AssertionError, match="a gap was tested"):
        tested.simulate(0, 1)


def test_a_kind_of_cell_has_a_key_of_its_own() -> None:
    kinds = (IntervalCell, SimultaneousCell, SizeCell, FamilyCell, PowerCell)
    assert len({study.version(kind) for kind in kinds}) == len(kinds)


def test_figures_of_the_target_are_those_of_a_large_cohort_drawn_to_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    at_target = {name: tuple(levels.values()) for name, levels in standardised.TARGET.items()}
    monkeypatch.setitem(standardised.DRAWN, "none", at_target)
    cohort = StandardisedCell(400_000, "none").draw(np.random.default_rng(11))
    called, y = np.log(cohort.s / (1 - cohort.s)) >= 0.6, cohort.y
    rank = np.empty(y.size)
    rank[np.argsort(cohort.s)] = np.arange(1, y.size + 1)
    m, n = int(y.sum()), int((~y).sum())
    expected = {
        "auroc": (rank[y].sum() - m * (m + 1) / 2) / (m * n),  # Mann & Whitney
        "sensitivity": called[y].mean(),
        "specificity": (~called)[~y].mean(),
        "ppv": y[called].mean(),
        "npv": (~y)[~called].mean(),
        "accuracy": (called == y).mean(),
        "selection_rate": called.mean(),
    }
    found = standardised.target_figures()
    assert found.keys() == expected.keys()
    for figure, value in expected.items():
        assert found[figure] == pytest.approx(value, abs=0.004), figure


def test_a_cohort_weighted_to_its_target_is_counted_by_figure() -> None:
    counts = StandardisedCell(400, "mild").simulate(0, 3)
    assert counts.rows.keys() == standardised.target_figures().keys()
    assert {row[0] for row in counts.rows.values()} == {3}
    assert "brier" in counts.unstudied
    # so few patients leave no cohort with 50 effective ones
    assert StandardisedCell(40, "strong").simulate(0, 3).rows == {}
