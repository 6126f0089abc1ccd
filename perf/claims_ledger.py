"""Judges simulated teams the whole way: an installation, its ledger, the queue's own completion.

No container runs. What each would have predicted is kept in the enclave, and scoring, disclosure
control, judging and the account go on from there.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from metrics.arrays import Bools, Floats
from perf.claims_account import EASY, HARD, LOOKS, NEGATIVES, POSITIVES
from tests.support.claims_home import BENCHMARK, ClaimsHome, opened, sealed_home

_CLAIM = """
[[claims]]
name = "AUROC above {goal:.2f}"
figure = "auroc"
at_least = {goal:.2f}
"""


def benchmark(teams: int) -> str:
    """The file of a benchmark with both claims and no groups."""
    return f"""[benchmark]
name = "{BENCHMARK}"
title = "Two claims"
description = "Fifty looks of each team."

[cohort]
modalities = ["DX"]
label = "opacity"
attributes = ["sex", "site"]
stratify = ["label"]
size = {POSITIVES + NEGATIVES}
seed = 7

[quota]
per_team = 1000
days = 7
cohort_looks = {teams * LOOKS + 1}

[analysis]
primary = "auroc"
subgroups = []
replicates = 0

[disclosure]
minimum_cell = 10
feedback = "held"
reviewers = 1

[study]
alpha = 0.025
looks = {LOOKS}
{_CLAIM.format(goal=EASY)}{_CLAIM.format(goal=HARD)}"""


class Whole:
    """A judge of simulated teams that asks the ledger."""

    def __init__(self, folder: Path, teams: int) -> None:
        """Seal a cohort in a folder; the teams share no person."""
        self._installation = sealed_home(folder, benchmark(teams))

    def __call__(self, look: int, positive: Floats, negative: Floats) -> Bools:
        """Have one look of every team judged; which claims were met, (teams, 2)."""
        with opened(self._installation) as home:
            cases = sorted(
                (case.label, case.case_id)
                for case in self._installation.enclave().cohort(BENCHMARK).cases()
            )
            negatives, positives = cases[:NEGATIVES], cases[NEGATIVES:]
            return np.array(
                [
                    _met(
                        home,
                        f"Team {team}",
                        look,
                        {name: float(s) for (_, name), s in zip(positives, of_team[0], strict=True)}
                        | {
                            name: float(s)
                            for (_, name), s in zip(negatives, of_team[1], strict=True)
                        },
                    )
                    for team, of_team in enumerate(zip(positive, negative, strict=True))
                ]
            )


def _met(home: ClaimsHome, team: str, look: int, scores: dict[str, float]) -> list[bool]:
    name = home.run(f"Model {look}", scores, team=team, by=team)
    recorded, told = home.ledger.verdicts.recorded(name), home.ledger.verdicts.of(name)
    assert recorded is not None
    assert told is not None
    assert recorded.look == look
    met = [claim.verdict == "met" for claim in recorded.claims]
    assert told.all_told == (all(met) or look == LOOKS)  # what steers a team is no more than this
    return met
