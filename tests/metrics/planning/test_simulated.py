"""Power and sizes of simulated claims, and of claims together, against reference simulations."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from metrics.claims.claim import Claim, Part, Study
from metrics.planning import sizes
from metrics.planning.joint import Power, first_level, study_power
from metrics.planning.needed_cases import needed
from metrics.planning.proportions import power
from metrics.planning.simulated import least_levels, patients_of
from metrics.planning.truth import PlannedCohort, Shape, Stratum, Truth


@pytest.fixture(scope="module")
def known(refvals: Path) -> Any:
    return json.loads((refvals / "claims" / "claims.json").read_text())


def area(goal: float, **more: Any) -> Part:
    return Part(figure="auroc", goal=goal, **more)


def study(*claims: tuple[Part, ...], **more: Any) -> Study:
    made = tuple(Claim(name=f"c{k}", parts=parts) for k, parts in enumerate(claims))
    return Study(claims=made, **more)


def one_group(positives: int, negatives: int, **more: Any) -> PlannedCohort:
    return PlannedCohort(strata=(Stratum(positives=positives, negatives=negatives),), **more)


def test_areas_need_the_reference_number_within_the_errors(known: Any) -> None:
    """Both numbers are simulated: they differ by the root of both errors' squares, or less."""
    wide = 0
    for row in known["a_auroc_goal"]:
        if row["logit"]["positives_simulated"] > 120:
            continue
        claim = study((area(row["goal"]),))
        found = sizes.for_claim(
            claim,
            claim.claims[0],
            {("c0", 0): Truth(value=row["auc"])},
            Shape(ratio=row["negatives_per_positive"]),
            powers=(row["power"],),
            runs=1500,
        )[row["power"]]
        assert found is not None
        assert found.error > 0.0
        apart = abs(found.positives - row["logit"]["positives_simulated"])
        wide += apart > np.hypot(found.error, row["logit"]["error_of_n"]) + 1
        assert apart <= 2 * np.hypot(found.error, row["logit"]["error_of_n"]) + 1, row
    assert wide <= 1


def test_areas_against_a_comparator(known: Any) -> None:
    row = known["d_auroc_noninferiority"][3]
    claim = study((area(-0.05, margin=0.05, comparator="predicate"),))
    truth = {("c0", 0): Truth(value=row["auc_both"], correlation=row["score_correlation"])}
    cohort = one_group(row["positives"], row["positives"] * row["negatives_per_positive"])
    found = study_power(claim, truth, cohort, runs=2000, seed=7).together
    assert found.value == pytest.approx(row["power_checked"], abs=found.error + 0.006)


def test_rates_against_a_comparator(known: Any) -> None:
    row = known["d_sensitivity_noninferiority_simulated"][0]
    part = Part(figure="sensitivity", goal=-0.05, margin=0.05, comparator="predicate")
    truth = Truth(value=row["sensitivity_both"], discordance=row["discordant"])
    cohort = one_group(row["tango"]["n"], 30)
    found = study_power(study((part,)), {("c0", 0): truth}, cohort, runs=4000, seed=7).together
    assert found.value == pytest.approx(row["tango"]["power_checked"], abs=found.error + 0.006)


def test_all_groups_are_shown_more_rarely_than_one(known: Any) -> None:
    """Four groups of 0.68 are 0.22."""
    for row in known["h_all_subgroups"][2:6]:
        groups = [("race", str(k)) for k in range(4)]
        parts = tuple(area(row["goal"], attribute=name, level=level) for name, level in groups)
        cohort = PlannedCohort(
            strata=tuple(
                Stratum(
                    positives=row["positives"],
                    negatives=row["negatives"],
                    groups=frozenset([group]),
                )
                for group in groups
            )
        )
        given = {("c0", k): Truth(value=row["auroc"]) for k in range(4)}
        found = study_power(study(parts), given, cohort, runs=1500, seed=3).together
        assert found.value == pytest.approx(row["power_all_of_4"], abs=1.5 * found.error + 0.003)


def test_simulated_rates_have_their_exact_power() -> None:
    part = Part(figure="specificity", goal=0.75)
    claim, truth = study((part,)), {("c0", 0): Truth(value=0.85)}
    found = study_power(claim, truth, one_group(40, 150), runs=6000, seed=5).together
    assert found.value == pytest.approx(float(power([150], 0.75, 0.85, 0.025)[0]), abs=found.error)


@pytest.mark.parametrize(("procedure", "level"), [("fixed-sequence", 0.025), ("holm", 0.0125)])
def test_claims_go_through_their_procedure(procedure: str, level: float) -> None:
    """Two independent claims, by hand from their exact powers at both levels."""
    parts = (Part(figure="sensitivity", goal=0.8), Part(figure="specificity", goal=0.75))
    both = study((parts[0],), (parts[1],), procedure=procedure)
    truth = {("c0", 0): Truth(value=0.9), ("c1", 0): Truth(value=0.85)}
    found = study_power(both, truth, one_group(110, 120), runs=8000, seed=11)
    assert first_level(both, "c1") == level
    (a, a_half), (b, b_half) = (
        [float(power([n], goal, true, at)[0]) for at in (0.025, 0.0125)]
        for n, goal, true in ((110, 0.8, 0.9), (120, 0.75, 0.85))
    )
    if procedure == "fixed-sequence":
        first, second, all_met = a, a * b, a * b
    else:
        all_met = a * b - (a - a_half) * (b - b_half)
        first = a_half + (a - a_half) * b_half
        second = b_half + (b - b_half) * a_half
    assert found.met["c0"].value == pytest.approx(first, abs=1.5 * found.met["c0"].error)
    assert found.met["c1"].value == pytest.approx(second, abs=1.5 * found.met["c1"].error)
    assert found.together.value == pytest.approx(all_met, abs=1.5 * found.together.error)


def test_images_of_a_patient_cost_power() -> None:
    """Of 3 images a patient that correlate by 0.5, each counts about half (design effect 2)."""
    claim, truth = study((area(0.75),)), {("c0", 0): Truth(value=0.85)}
    alone = study_power(claim, truth, one_group(90, 90), runs=1500, seed=2).together
    several = one_group(90, 90, images=3.0, within=0.5)
    found = study_power(claim, truth, several, runs=1500, seed=2).together
    as_few = study_power(claim, truth, one_group(45, 45), runs=1500, seed=2).together
    assert found.value < alone.value - 0.1
    assert found.value == pytest.approx(as_few.value, abs=0.07)
    positive, negative = patients_of(several, area(0.75))
    assert np.bincount(positive).tolist() == [3] * 30
    assert not set(positive) & set(negative)


def test_pilot_scores_stand_for_the_scores() -> None:
    """A pilot of many normal scores plans as the normal model does."""
    rng = np.random.default_rng(1)
    pilot = rng.normal(1.4657, 1.0, 20_000), rng.normal(0.0, 1.0, 20_000)
    parts = [(area(0.75), Truth(value=0.85)), (area(0.75), Truth(value=0.85, pilot=pilot))]
    least = least_levels(parts, one_group(60, 60), 2000, 4)
    shown = (least <= 0.025).mean(axis=1)
    assert shown[0] == pytest.approx(shown[1], abs=0.02)


def test_positives_left_to_chance_cost_power() -> None:
    part = Part(figure="sensitivity", goal=0.8)
    claim, truth = study((part,)), {("c0", 0): Truth(value=0.9)}
    found = study_power(claim, truth, one_group(30, 270, sampled=True), runs=8000, seed=3).together
    from scipy.stats import binom

    counts = np.arange(301)
    expected = float(binom.pmf(counts, 300, 0.1) @ power(counts, 0.8, 0.9, 0.025))
    assert found.value == pytest.approx(expected, abs=found.error + 0.01)


@pytest.mark.parametrize(
    ("part", "truth", "positives", "share"),
    [
        (Part(figure="sensitivity", goal=0.8), 0.9, 113, 0.0),
        (area(0.8), 0.85, 265, 0.08),
        (area(-0.05, margin=0.05, comparator="predicate"), 0.0, 248, 0.06),
    ],
)
def test_a_sentence_names_about_as_many_cases(
    part: Part, truth: float, positives: int, share: float
) -> None:
    """The numbers of the reference: rates to the case, AUROCs by a normal approximation."""
    found = needed(part, truth, 0.025)
    assert found is not None
    assert found.positives == pytest.approx(positives, rel=share)
    assert needed(part, part.goal - 0.01, 0.025) is None


def test_an_error_goes_with_a_simulated_power() -> None:
    assert Power.of(0.8, 10_000).error == pytest.approx(0.008)
    assert Power.of(1.0, 10_000).error > 0.0
