"""What a team gains that steers its looks by all it is told: ``python -m perf.claims_account``.

A cohort of 60 positives and 60 negatives has two claims, in a fixed sequence: an AUROC of at least
0.70 and one of at least 0.80. Every model of the team has a true AUROC of exactly 0.80, so that
'met' for the second claim is false. The team has 50 looks, each at 0.025 / 50.

**Steering**: a model adds noise to an honest score that depends on the picture alone, as a
network's would. The noise of the next model leans towards that of the models that were told more
of, and away from that of the others. It is a unit vector over independent normal features,
so that the true AUROC of each model stays 0.80 on new patients, whatever steers it.

The service tells of a look with several claims whether all are met, and which ones with the last
look. ``claim by claim`` is what would come of telling each claim at once: the words on the true
claim choose models, and the levels of looks do not hold.

The verdicts come from the parts that decide in the queue: the levels of looks, the tightened levels
that are sealed, and the procedure. What came of 20,000 teams is kept in
``perf/claims_account.json``. ``--ledger 20`` has 20 of the same teams go the whole way from
predictions on, scored, judged and kept in the ledger, and compares each verdict.
"""

from __future__ import annotations

import argparse
import json
import math
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import NormalDist

import numpy as np

from metrics.arrays import Bools, Floats
from metrics.claims import kernels, needed
from metrics.claims.claim import Bound, Claim, Part, Study
from metrics.claims.error import tightened
from metrics.claims.procedures import Verdict, decided
from metrics.claims.spending import level_of_look
from metrics.claims.studies import Counts

KEPT = Path(__file__).resolve().parent / "claims_account.json"
POSITIVES = NEGATIVES = 60
LOOKS = 50
ALPHA = 0.025
TRUE = 0.80
EASY, HARD = 0.70, 0.80
LEAN = 0.8
"""Share of a model's noise that earlier verdicts choose."""
CHUNK = 500
_D = math.sqrt(2.0) * NormalDist().inv_cdf(TRUE)

PARTS = tuple(Part(figure="auroc", goal=goal) for goal in (EASY, HARD))
STUDY = Study(
    claims=tuple(Claim(name=f"AUROC above {part.goal:.2f}", parts=(part,)) for part in PARTS),
    alpha=ALPHA,
    looks=LOOKS,
)

Judge = Callable[[int, Floats, Floats], Bools]
"""Gives whether each claim is met, (teams, 2), of a look: its number, scores (teams, 60) of
positives and of negatives."""


@dataclass
class Teams:
    """Teams that look at cohorts of their own: features (teams, looks, cases) of each class."""

    positive: Floats
    negative: Floats

    @classmethod
    def drawn(cls, teams: int, seed: int) -> Teams:
        """So many teams, each with its own draw of patients."""
        rng = np.random.default_rng([seed, 16])
        shape = (teams, LOOKS, POSITIVES)
        return cls(rng.standard_normal(shape), rng.standard_normal((teams, LOOKS, NEGATIVES)))

    def look(self, judge: Judge, *, claim_by_claim: bool = False) -> Bools:
        """All looks in turn: which claims each met, (teams, looks, 2).

        A look is steered by whether all claims were met before, or each of them.
        """
        teams = len(self.positive)
        ways = np.zeros((teams, LOOKS, LOOKS))
        told = np.zeros((teams, LOOKS, 2), dtype=np.bool_)
        for look in range(LOOKS):
            before = told[:, :look]
            heard = before.sum(axis=2) if claim_by_claim else before.all(axis=2)
            ways[:, look] = _way(ways[:, :look], np.asarray(heard, dtype=np.float64), look)
            noise = [
                np.einsum("tf,tfc->tc", ways[:, look], each)
                for each in (self.positive, self.negative)
            ]
            told[:, look] = judge(look + 1, _probability(_D + noise[0]), _probability(noise[1]))
        return told


def _way(before: Floats, heard: Floats, look: int) -> Floats:
    """The unit vector of the next model's noise, (teams, features); its own feature is new.

    ``before`` has those of the earlier models, ``heard`` how much of each was told, (teams, look).
    """
    fresh = np.zeros((len(before), LOOKS))
    fresh[:, look] = 1.0
    if not look:
        return fresh
    weights = heard - heard.mean(axis=1, keepdims=True)
    lean = np.einsum("tl,tlf->tf", weights, before)
    length = np.linalg.norm(lean, axis=1, keepdims=True)
    towards = np.divide(lean, length, out=np.zeros_like(lean), where=length > 1e-9)
    own = np.where(length > 1e-9, math.sqrt(1.0 - LEAN**2), 1.0)
    return LEAN * towards + own * fresh


def _probability(score: Floats) -> Floats:
    """Probabilities as a container writes them, six decimals."""
    return np.round(1.0 / (1.0 + np.exp(-score)), 6)


class Account:
    """What the account tells of a look, by the parts that decide in the queue."""

    def __init__(self, levels: dict[tuple[Part, float], float], *, spends: bool = True) -> None:
        """``levels`` are those that were sealed; without ``spends`` every look has all alpha."""
        self._levels = levels
        self._spends = spends
        self._outcomes: dict[tuple[bool, ...], tuple[bool, ...]] = {}

    def __call__(self, look: int, positive: Floats, negative: Floats) -> Bools:
        """Judge one look of all teams."""
        level = level_of_look(look, LOOKS, ALPHA, STUDY.spending) if self._spends else ALPHA
        value, variance = kernels.areas((positive, negative))
        fewest = min(POSITIVES, NEGATIVES)
        reached = np.stack(
            [
                needed.of_area(value, variance, fewest, part.goal)
                <= self._levels.get((part, level), level)
                for part in PARTS
            ],
            axis=1,
        )
        return np.array([self._outcome(tuple(row)) for row in reached.tolist()])

    def _outcome(self, reached: tuple[bool, ...]) -> tuple[bool, ...]:
        """The procedure's verdicts where the bounds of the parts reach their goals or not."""
        if reached not in self._outcomes:
            by_part = dict(zip(PARTS, reached, strict=True))
            found = decided(STUDY, lambda part, level: _bound(part, level, by_part[part]), ALPHA)
            self._outcomes[reached] = tuple(each.verdict is Verdict.MET for each in found)
        return self._outcomes[reached]


def _bound(part: Part, level: float, reached: bool) -> Bound:
    """A bound that is on the goal, or a thousandth below it."""
    return Bound(
        figure=part.figure,
        value=part.goal,
        bound=part.goal if reached else round(part.goal - 0.001, 3),
        level=level,
        n_cases=POSITIVES + NEGATIVES,
        n_positive=POSITIVES,
        n_patients=POSITIVES + NEGATIVES,
        method="",
    )


def sealed_levels() -> dict[tuple[Part, float], float]:
    """The levels that a seal of this study tightens the looks' to."""
    counts = Counts.of(np.arange(POSITIVES + NEGATIVES) < POSITIVES)
    level = level_of_look(1, LOOKS, ALPHA, STUDY.spending)
    return {(part, level): tightened(part, counts, [level])[level].used for part in PARTS}


def simulated(teams: int, account: Account, *, claim_by_claim: bool = False) -> dict[str, float]:
    """The share of teams that are told one false 'met' or more, and its standard error."""
    falsely = first = 0
    began = time.perf_counter()
    for chunk in range(0, teams, CHUNK):
        told = Teams.drawn(min(CHUNK, teams - chunk), chunk).look(
            account, claim_by_claim=claim_by_claim
        )
        falsely += int(told[:, :, 1].any(axis=1).sum())
        first += int(told[:, :, 0].sum())
    share = falsely / teams
    return {
        "teams": teams,
        "false_met": share,
        "standard_error": round(math.sqrt(share * (1 - share) / teams), 6),
        "first_claim_met_a_look": round(first / teams / LOOKS, 4),
        "seconds": round(time.perf_counter() - began, 1),
    }


def through_the_ledger(teams: int) -> dict[str, float]:
    """Have teams go the whole way from predictions on; how many verdicts are as simulated."""
    from perf.claims_ledger import Whole

    drawn = Teams.drawn(teams, 0)
    expected = drawn.look(Account(sealed_levels()))
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        found = drawn.look(Whole(Path(folder), teams))
    return {
        "teams": teams,
        "looks": teams * LOOKS,
        "verdicts_as_simulated": int((found == expected).all(axis=2).sum()),
        "false_met": int(found[:, :, 1].any(axis=1).sum()),
        "false_met_simulated": int(expected[:, :, 1].any(axis=1).sum()),
        "first_claim_met": int(found[:, :, 0].sum()),
        "seconds": round(time.perf_counter() - began, 1),
    }


def table(kept: Mapping[str, Mapping[str, float]]) -> str:
    """The table of docs/claims.md."""
    rows = [
        "| told of each look | teams | any false 'met' | standard error |",
        "| --- | --- | --- | --- |",
    ]
    rows += [
        f"| {name} | {of['teams']:,} | {of['false_met']:.4f} | {of['standard_error']:.4f} |"
        for name, of in kept.items()
        if "standard_error" in of
    ]
    return "\n".join(rows) + "\n"


def main() -> None:
    """Simulate, or go through the ledger, and keep what came of it."""
    parser = argparse.ArgumentParser(prog="python -m perf.claims_account", description=__doc__)
    parser.add_argument("--teams", type=int, default=20_000)
    parser.add_argument("--ledger", type=int, default=0, help="teams that go the whole way")
    parser.add_argument("--table", action="store_true", help="print the table of what is kept")
    options = parser.parse_args()
    if options.table:
        print(table(json.loads(KEPT.read_text())), end="")
        return
    found: dict[str, object] = {}
    if options.ledger:
        found["through the ledger"] = through_the_ledger(options.ledger)
    else:
        levels = sealed_levels()
        nominal = level_of_look(1, LOOKS, ALPHA, STUDY.spending)
        found["levels"] = {f"{part.goal:.2f}": levels[part, nominal] for part in PARTS}
        for name, account, claim_by_claim in (
            ("as the service tells", Account(levels), False),
            ("claim by claim", Account(levels), True),
            ("as the service tells, each look at all alpha", Account({}, spends=False), False),
        ):
            found[name] = simulated(options.teams, account, claim_by_claim=claim_by_claim)
            print(name, found[name], flush=True)
    kept = json.loads(KEPT.read_text()) if KEPT.is_file() else {}
    kept |= found
    KEPT.write_text(json.dumps(kept, indent=1) + "\n")


if __name__ == "__main__":
    main()
