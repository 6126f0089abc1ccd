"""The team that steers its looks: what the simulation decides by, and what the kept study shows."""

from __future__ import annotations

import json

import numpy as np

from metrics.claims.bounds import bound
from metrics.claims.claim import CaseData, reaches
from perf import claims_account as study
from tests.support.repository import REPOSITORY


def test_the_simulated_account_tells_what_the_released_bounds_tell() -> None:
    level = study.ALPHA / study.LOOKS
    drawn = study.Teams.drawn(40, 3)
    labels = np.arange(study.POSITIVES + study.NEGATIVES) < study.POSITIVES
    seen = set()
    for shift in (1.2, 2.0, 2.6):
        positive = study._probability(shift + drawn.positive[:, 0])
        negative = study._probability(drawn.negative[:, 0])
        told = study.Account({})(1, positive, negative)
        for team in range(40):
            scores = np.concatenate([positive[team], negative[team]])
            data = CaseData(labels=labels, scores=scores)
            reached = [reaches(part, bound(part, data, level)) for part in study.PARTS]
            # A fixed sequence: the second claim is met where both bounds reach their goals.
            assert told[team].tolist() == [reached[0], reached[0] and reached[1]]
            seen.add(tuple(reached))
    assert seen == {(False, False), (True, False), (True, True)}


def test_the_true_auroc_of_a_steered_model_stays_at_the_goal() -> None:
    """The noise of each model is a unit vector over features, so its scores keep their spread."""
    teams = study.Teams.drawn(50, 4)
    ways = []

    def judge(look: int, positive: np.ndarray, negative: np.ndarray) -> np.ndarray:
        logits = np.log(negative / (1 - negative))
        ways.append(float(logits.std()))
        return np.random.default_rng(look).random((len(positive), 2)) < 0.5

    teams.look(judge, claim_by_claim=True)
    assert len(ways) == study.LOOKS
    assert np.abs(np.array(ways) - 1.0).max() < 0.06  # 3,000 scores: standard error 0.013


def test_the_kept_study_holds_alpha_and_shows_what_telling_each_claim_would_do() -> None:
    kept = json.loads((REPOSITORY / "perf" / "claims_account.json").read_text())
    told = kept["as the service tells"]
    assert told["teams"] == 20_000
    assert told["false_met"] <= study.ALPHA + 2 * told["standard_error"]
    each = kept["claim by claim"]
    assert each["false_met"] > 4 * study.ALPHA
    whole = kept["through the ledger"]
    assert (whole["teams"], whole["looks"]) == (20, 1_000)
    assert whole["verdicts_as_simulated"] == 1_000
    assert whole["false_met"] == whole["false_met_simulated"]


def test_the_page_has_the_table_of_the_kept_study() -> None:
    kept = json.loads((REPOSITORY / "perf" / "claims_account.json").read_text())
    assert study.table(kept) in (REPOSITORY / "docs" / "claims.md").read_text()
