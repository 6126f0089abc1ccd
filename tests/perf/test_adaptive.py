"""The attackers that ask a thousand times: their fast sums, and what the kept study shows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from evaluator.feedback import ladder
from metrics.comparison.pairs import paired_delong
from perf import adaptive
from tests.support.repository import REPOSITORY

Y = np.arange(300) < 90


def scores(seed: int, strength: float) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(300) + strength * Y


def test_fast_sums_are_those_of_scikit_learn_and_of_the_test_that_the_ladder_uses() -> None:
    a, b = scores(1, 1.0), scores(2, 0.7)
    assert adaptive.auroc(Y, a) == pytest.approx(roc_auc_score(Y, a), abs=1e-12)
    assert adaptive.places(Y, a).auroc == pytest.approx(roc_auc_score(Y, a), abs=1e-12)
    z = adaptive.z_of(adaptive.places(Y, a), adaptive.places(Y, b))
    tail = 2.0 * (1.0 - adaptive._NORMAL.cdf(abs(z)))
    assert paired_delong(Y, a, b).p_value == pytest.approx(tail, abs=1e-9)


def test_the_simulated_ladder_takes_the_steps_of_the_real_one() -> None:
    simulated = adaptive.Ladder(Y, np.random.default_rng(0), 6)
    best = None
    steps = 0
    for seed, strength in enumerate(np.linspace(0.2, 2.5, 24)):
        tried = scores(seed, strength)
        is_step = best is None or ladder.is_step(Y, tried, best, looks=adaptive.LOOKS)
        if is_step:
            best, steps = tried, steps + 1
        assert best is not None
        assert simulated.tell(tried) == pytest.approx(roc_auc_score(Y, best), abs=1e-6)
    assert 2 < steps < 24


def test_truth_is_that_of_new_patients() -> None:
    rng = np.random.default_rng(3)
    y = np.arange(200_000) < 100_000
    honest = rng.standard_normal(y.size) + y
    noisy = honest + 0.8 * rng.standard_normal(y.size)
    model = adaptive.Model(honest, 1.0)
    # standard error of an AUROC over 100,000 of each class: under 0.0012
    assert model.truth(0.0) == pytest.approx(adaptive.auroc(y, honest), abs=0.004)
    assert model.truth(0.64) == pytest.approx(adaptive.auroc(y, noisy), abs=0.004)


def test_an_attacker_gains_where_all_is_told_and_nothing_on_the_ladder() -> None:
    told = [adaptive.attack("boosting", "open", 1_000, 0.8, seed) for seed in range(2)]
    assert all(shown.value - shown.truth > 0.1 for shown in told)
    climbed = adaptive.attack("hill climbing", "ladder", 1_000, 0.8, 0)
    assert climbed.truth == pytest.approx(0.8)


def test_sums_are_taken_up_where_they_were_cut_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adaptive, "SIZES", (100,))
    monkeypatch.setattr(adaptive, "LOOKS", 20)
    monkeypatch.setattr(adaptive, "POLICIES", {"quota": adaptive.Quota})
    adaptive.simulate(2, tmp_path / "cut.json")
    adaptive.simulate(4, tmp_path / "cut.json")
    adaptive.simulate(4, tmp_path / "whole.json")
    cut, whole = (adaptive.read(tmp_path / f"{name}.json") for name in ("cut", "whole"))
    assert {key: sums.runs for key, sums in cut.items()} == dict.fromkeys(whole, 4)
    for key, sums in cut.items():
        assert sums.over == pytest.approx(whole[key].over, abs=1e-7)


def test_the_kept_study_holds_the_ladder_to_its_margin() -> None:
    found = adaptive.read()
    of_ladder = {key: sums for key, sums in found.items() if key.startswith("ladder/")}
    assert len(of_ladder) == len(adaptive.SIZES) * len(adaptive.ATTACKERS) * len(adaptive.HONEST)
    for key, sums in of_ladder.items():
        assert sums.runs >= 200, key
        assert sums.mean <= adaptive.MARGIN, key
    for attacker, n in (("boosting", 1_000), ("boosting", 5_000), ("hill climbing", 1_000)):
        assert found[f"open/{attacker}/{n}/0.8"].mean > 0.05


def test_the_page_has_the_table_of_the_kept_study() -> None:
    page = (REPOSITORY / "docs" / "feedback.md").read_text()
    assert adaptive.table(adaptive.read()) in page
