"""What a team gains by asking often, under each kind of feedback: ``python -m perf.adaptive``.

Two attackers make 1,000 submissions about the same sequestered cases. Both perturb the scores of an
honest model by random numbers that depend on the picture alone, as a network's noise would. They
use what they are told and nothing else.

- boosting (Blum & Hardt 2015; for AUC Whitehill 2016): the honest model, then 998 of its
  perturbations; the last submission adds to the honest model all perturbations, each weighed by how
  far what was told of it lies over the mean;
- hill climbing: a perturbation of the best so far; it is kept where the reported value rises.

The **reported** value is the best that a board shows of the team. The **true** one is the AUROC of
that submission on new patients, in closed form: scores are binormal. The honest model has a true
AUROC of 0.5 or 0.8. Sums are kept in ``perf/adaptive.json`` after each chunk of seeds, and the
table of docs/feedback.md is made from it.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from evaluator.feedback.ladder import ALPHA

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

KEPT = Path(__file__).resolve().parent / "adaptive.json"
LOOKS = 1_000
OF_QUOTA = 20
"""Looks of a team in all, under the quota that is simulated."""
PREVALENCE = 0.3
SIZES = (1_000, 5_000)
HONEST = (0.5, 0.8)
"""True AUROC of the honest model."""
NOISE, BUDGET = 0.01, 100
"""Thresholdout's, as a benchmark has them by default."""
CHUNK = 5
MARGIN = 0.01
"""The most that the ladder's reported value may be over the truth, as a mean."""
_NORMAL = NormalDist()


@dataclass(frozen=True, slots=True)
class Places:
    """AUROC of scores without ties, and each case's share of the other class that it beats."""

    auroc: float
    positive: Floats
    negative: Floats


def places(y: Bools, s: Floats) -> Places:
    """Placements (DeLong 1988) of ``s`` (n,) by one sort; scores must not tie."""
    order = np.argsort(s)
    sorted_y = y[order]
    below = np.cumsum(~sorted_y)
    m, n = int(sorted_y.sum()), int(below[-1])
    share = np.empty(y.size)
    share[order] = np.where(sorted_y, below / n, 1.0 - np.cumsum(sorted_y) / m)
    positive = share[y]
    return Places(float(positive.mean()), positive, share[~y])


def auroc(y: Bools, s: Floats) -> float:
    """AUROC of ``s`` (n,) by one sort; scores must not tie."""
    ranks = np.flatnonzero(y[np.argsort(s)])
    m = ranks.size
    return float((ranks.sum() - m * (m - 1) / 2) / (m * (y.size - m)))


def z_of(new: Places, best: Places) -> float:
    """The paired DeLong statistic of ``new`` over ``best`` on the same cases."""
    over = new.positive - best.positive, new.negative - best.negative
    variance = sum(float(d.var(ddof=1)) / d.size for d in over)
    return (new.auroc - best.auroc) / math.sqrt(variance) if variance > 0.0 else 0.0


class Feedback:
    """Answers looks: what is told of scores, or None where no look is left."""

    looks = LOOKS

    def __init__(self, y: Bools, rng: np.random.Generator, digits: int) -> None:
        """Answer about cases with labels ``y``, rounded to ``digits``."""
        self.y, self.rng, self.digits, self.asked = y, rng, digits, 0

    def tell(self, s: Floats) -> float | None:
        """What is told of ``s`` (n,)."""
        self.asked += 1
        return None if self.asked > self.looks else self.answer(s)

    def answer(self, s: Floats) -> float | None:
        """The rounded AUROC."""
        return round(auroc(self.y, s), self.digits)


class Quota(Feedback):
    """The rounded AUROC, for a few looks."""

    looks = OF_QUOTA


class Ladder(Feedback):
    """The last accepted step's AUROC: the step of evaluator/feedback/ladder.py, by one sort."""

    best: Places | None = None
    limit = _NORMAL.inv_cdf(1.0 - ALPHA / LOOKS)

    def answer(self, s: Floats) -> float | None:
        """The last accepted step's rounded AUROC."""
        found = places(self.y, s)
        if self.best is None or (
            found.auroc > self.best.auroc and z_of(found, self.best) >= self.limit
        ):
            self.best = found
        return round(self.best.auroc, self.digits)


class OneError(Ladder):
    """The ladder with a step of one standard error, as Blum & Hardt have it for losses."""

    limit = 1.0


class Thresholdout(Feedback):
    """Noisy answers until the budget is spent.

    The attacker knows the practice cases: it makes its AUROC on them differ, so that every answer
    comes from the sequestered cases.
    """

    looks = BUDGET

    def answer(self, s: Floats) -> float | None:
        """The AUROC with noise."""
        return round(auroc(self.y, s) + NOISE * self.rng.standard_normal(), 3)


class Held(Feedback):
    """The rounded AUROC of every submission, and only after the last one."""


POLICIES: dict[str, type[Feedback]] = {
    "open": Feedback,
    "quota": Quota,
    "held": Held,
    "ladder": Ladder,
    "ladder, one standard error": OneError,
    "thresholdout": Thresholdout,
}


@dataclass(slots=True)
class Shown:
    """The best that a board shows of a team, and the true AUROC of that submission."""

    value: float = -math.inf
    truth: float = 0.0

    def enter(self, value: float | None, truth: float) -> None:
        """A submission was told ``value``; an equal value is the earlier submission's."""
        if value is not None and value > self.value:
            self.value, self.truth = value, truth


@dataclass(frozen=True, slots=True)
class Model:
    """An honest model on the sequestered cases: scores (n,), and ``d`` between the classes."""

    scores: Floats
    d: float

    def truth(self, variance: float) -> float:
        """AUROC on new patients where noise of a variance is added to the honest scores."""
        return _NORMAL.cdf(self.d / math.sqrt(2.0 * (1.0 + variance)))


def boosting(
    model: Model, feedback: Feedback, rng: np.random.Generator, size: float = 0.5
) -> Shown:
    """Perturb the honest model at random, then add all perturbations by what was told of each."""
    n, shown = model.scores.size, Shown()
    shown.enter(feedback.tell(model.scores), model.truth(0.0))
    votes, every, answers = np.zeros(n), np.zeros(n), []
    for _ in range(feedback.looks - 2):
        noise = rng.standard_normal(n)
        told = feedback.tell(model.scores + size * noise)
        shown.enter(told, model.truth(size**2))
        if told is not None and not isinstance(feedback, Held):
            votes += told * noise
            every += noise
            answers.append(told)
    learned = votes - np.mean(answers) * every if answers else votes
    weight = np.std(answers) * math.sqrt(len(answers)) if answers else 0.0
    if weight > 0.0:
        shown.enter(feedback.tell(model.scores + learned / weight), model.truth(1.0))
    return shown


def climbing(model: Model, feedback: Feedback, rng: np.random.Generator) -> Shown:
    """Perturb the best so far, and keep what was told to be better."""
    n, shown = model.scores.size, Shown()
    size = 3.0 / math.sqrt(n)
    blind = isinstance(feedback, Held)
    best = feedback.tell(model.scores)
    shown.enter(best, model.truth(0.0))
    current, variance = model.scores, 0.0
    for _ in range(feedback.looks - 1):
        tried = current + size * rng.standard_normal(n)
        told = feedback.tell(tried)
        shown.enter(told, model.truth(variance + size**2))
        if not blind and told is not None and best is not None and told > best:
            current, best, variance = tried, told, variance + size**2
    return shown


ATTACKERS: dict[str, Callable[[Model, Feedback, np.random.Generator], Shown]] = {
    "boosting": boosting,
    "hill climbing": climbing,
}


@dataclass(slots=True)
class Sums:
    """Sums over seeds: of the reported value over the truth, its square, and both gains."""

    runs: int = 0
    over: float = 0.0
    squares: float = 0.0
    reported: float = 0.0
    true: float = 0.0
    seconds: float = field(default=0.0)

    def add(self, shown: Shown, honest: float) -> None:
        """Count one seed."""
        over = shown.value - shown.truth
        self.runs += 1
        self.over += over
        self.squares += over**2
        self.reported += shown.value - honest
        self.true += shown.truth - honest

    @property
    def mean(self) -> float:
        """Mean of the reported value over the truth."""
        return self.over / self.runs

    @property
    def error(self) -> float:
        """Standard error of that mean."""
        spread = max(self.squares / self.runs - self.mean**2, 0.0)
        return math.sqrt(spread / max(1, self.runs - 1))


def attack(attacker: str, policy: str, n: int, honest: float, seed: int) -> Shown:
    """One attacker against one kind of feedback; ``seed`` draws cohort and perturbations.

    The same seed gives every kind of feedback the same cohort.
    """
    rng = np.random.default_rng([seed, n, int(1000 * honest)])
    y = np.zeros(n, dtype=np.bool_)
    y[: round(PREVALENCE * n)] = True
    d = math.sqrt(2.0) * _NORMAL.inv_cdf(honest)
    model = Model(rng.standard_normal(n) + d * y, d)
    digits = 3 if n < 2_000 else 4
    feedback = POLICIES[policy](y, np.random.default_rng([seed, 1]), digits)
    return ATTACKERS[attacker](model, feedback, np.random.default_rng([seed, 2]))


def cells() -> Iterator[tuple[str, str, str, int, float]]:
    """Key and parts of every cell, those of the ladder first."""
    policies = sorted(POLICIES, key=lambda name: name != "ladder")
    for policy, n, attacker, honest in product(policies, SIZES, ATTACKERS, HONEST):
        yield f"{policy}/{attacker}/{n}/{honest}", policy, attacker, n, honest


def read(path: Path = KEPT) -> dict[str, Sums]:
    """What is kept."""
    if not path.is_file():
        return {}
    return {key: Sums(**row) for key, row in json.loads(path.read_text())["cells"].items()}


def keep(found: dict[str, Sums], path: Path = KEPT) -> None:
    """Write all sums, whole or not at all."""
    rows = {
        key: {name: round(getattr(sums, name), 8) for name in Sums.__slots__}
        for key, sums in sorted(found.items())
    }
    lines = ",\n".join(f"{json.dumps(key)}: {json.dumps(row)}" for key, row in rows.items())
    part = path.with_suffix(".part")
    part.write_text(f'{{"looks": {LOOKS}, "cells": {{\n{lines}\n}}}}\n')
    part.replace(path)


def simulate(seeds: int, path: Path = KEPT) -> None:
    """Bring every cell to so many seeds, a chunk of each in turn, from where it was cut off."""
    found = read(path)
    for wanted in range(CHUNK, seeds + CHUNK, CHUNK):
        for key, policy, attacker, n, honest in cells():
            sums = found.setdefault(key, Sums())
            began = time.perf_counter()
            while sums.runs < min(wanted, seeds):
                sums.add(attack(attacker, policy, n, honest, sums.runs), honest)
            sums.seconds += time.perf_counter() - began
            keep(found, path)


def table(found: dict[str, Sums]) -> str:
    """The table of docs/feedback.md."""
    rows = [
        "| feedback | attacker | cases | honest AUROC | gain in reported | gain in true "
        "| reported over true | seeds |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for policy, attacker, honest, n in product(POLICIES, ATTACKERS, HONEST, SIZES):
        sums = found.get(f"{policy}/{attacker}/{n}/{honest}")
        if sums is None or not sums.runs:
            continue
        gains = f"{sums.reported / sums.runs:+.3f} | {sums.true / sums.runs:+.3f}"
        rows.append(
            f"| {policy} | {attacker} | {n:,} | {honest} | {gains} "
            f"| {sums.mean:+.4f} ({sums.error:.4f}) | {sums.runs} |"
        )
    return "\n".join(rows) + "\n"


def main() -> None:
    """Simulate, or print the table."""
    parser = argparse.ArgumentParser(prog="python -m perf.adaptive", description=__doc__)
    parser.add_argument("--seeds", type=int, default=200, help="seeds of each cell")
    parser.add_argument("--table", action="store_true", help="print the table of what is kept")
    options = parser.parse_args()
    if options.table:
        print(table(read()), end="")
        return
    simulate(options.seeds)


if __name__ == "__main__":
    main()
