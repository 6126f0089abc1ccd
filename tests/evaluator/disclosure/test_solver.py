"""A reader with a linear solver: what is withheld must not follow from what is released.

The reader is given more than any reader has: how many positives and negatives each level holds, and
how each is weighted. Unknown are the sums of a figure over each level's positives and negatives.
Every released mean is an equation in these; a withheld level is given back if its mean is a
combination of the equations' left sides.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from cohort_selection.cases import Case
from evaluator.disclosure.control import Release
from evaluator.disclosure.rule import Disclosure
from evaluator.leaderboard.reports.report import render_report
from evaluator.scoring.results import OVERALL, Evaluation
from evaluator.scoring.score import AnalysisPlan, score
from evaluator.scoring.target_population import TargetWeights, against_target
from metrics.group import FIXED_PREVALENCE
from tests.support.hand_made import released

LEVELS = {"A": (150, 0.4), "B": (120, 0.5), "C": (16, 0.5), "D": (14, 0.5)}
TARGET = {"site": {"A": 0.35, "B": 0.4, "C": 0.15, "D": 0.1}}
Row = NDArray[np.float64]


def cohort(levels: dict[str, tuple[int, float]]) -> tuple[list[Case], NDArray[np.float64]]:
    generator = np.random.default_rng(11)
    cases, scores = [], []
    for level, (n, prevalence) in levels.items():
        for number in range(n):
            label = int(number < round(n * prevalence))
            name = f"{level}{number}"
            cases.append(Case(name, name, (Path("x"),), label, {"site": level}))
            latent = generator.standard_normal() + 1.3 * label - 0.6
            scores.append(1 / (1 + np.exp(-latent)))
    return cases, np.array(scores)


def evaluated(
    levels: dict[str, tuple[int, float]], minimum: int = 20
) -> tuple[Evaluation, list[Case], TargetWeights]:
    cases, scores = cohort(levels)
    target = against_target(cases, TARGET)
    assert target is not None
    plan = AnalysisPlan(
        subgroups=("site",),
        minimum_cases=minimum,
        minimum_per_class=5,
        replicates=0,
        sampling_design=FIXED_PREVALENCE,
    )
    found = score(
        np.array([case.label == 1 for case in cases]),
        scores,
        np.array([case.patient_id for case in cases]),
        {"site": np.array([case.attributes["site"] for case in cases])},
        plan,
        0.5,
        target=target,
    )
    return found, cases, target


class Reader:
    """Knows every level's classes and weights, and writes released figures down as equations."""

    def __init__(self, cases: list[Case], target: TargetWeights) -> None:
        self.levels = sorted({case.attributes["site"] for case in cases})
        self.n = np.zeros(2 * len(self.levels))  # positives and negatives of each level in turn
        self.w = np.zeros_like(self.n)
        weights = np.ones(len(cases)) if target.weights is None else target.weights
        for case, weight in zip(cases, weights, strict=True):
            place = 2 * self.levels.index(case.attributes["site"]) + 1 - case.label
            self.n[place] += 1
            self.w[place] = weight
        self.prevalence = self.n[::2].sum() / self.n.sum()

    def mean(self, inside: Callable[[int], bool], weighted: bool = False) -> Row:
        row = np.array([float(inside(place)) for place in range(self.n.size)])
        row *= self.w if weighted else 1.0
        return row / float(row @ self.n)

    def of_level(self, level: str) -> Row:
        return self.mean(lambda place: place // 2 == self.levels.index(level))

    def at_cohort_prevalence(self, level: str) -> Row:
        start = 2 * self.levels.index(level)
        row = np.zeros(self.n.size)
        row[start] = self.prevalence / self.n[start]
        row[start + 1] = (1 - self.prevalence) / self.n[start + 1]
        return row

    def equations(self, release: Release) -> Iterator[Row]:
        """Left sides of what the release tells of the Brier score."""
        shown = [level for level in self.levels if release.find("brier", "site", level)]
        for result in release.results:
            if result.estimate.value is None or not result.metric.startswith("brier"):
                continue
            group = (result.attribute, result.level)
            if result.metric == "brier_standardized":
                yield self.mean(lambda _: True, weighted=True)
            elif group == OVERALL:
                yield self.mean(lambda _: True)
            elif result.metric == "brier":
                yield self.of_level(result.level)
            elif result.metric == "brier_at_cohort_prevalence":
                yield self.at_cohort_prevalence(result.level)
            elif result.level.startswith("max - min"):  # of which two of them is not said
                yield from self.every_pair(result.metric, shown)
            elif result.metric.endswith("_gap"):
                one, other = result.level.split(" - ")
                form = self.of_level if result.metric == "brier_gap" else self.at_cohort_prevalence
                yield form(one) - form(other)

    def every_pair(self, metric: str, levels: list[str]) -> Iterator[Row]:
        form = self.of_level if metric == "brier_gap" else self.at_cohort_prevalence
        for one in levels:
            for other in levels:
                if one < other:
                    yield form(one) - form(other)

    def solves(self, equations: list[Row], wanted: Row) -> bool:
        matrix = np.stack(equations)
        found, *_ = np.linalg.lstsq(matrix.T, wanted, rcond=None)
        return float(np.abs(matrix.T @ found - wanted).max()) < 1e-9


RULE = Disclosure(minimum_cell=10)


@pytest.mark.parametrize("level", ["C", "D"])
def test_a_withheld_level_does_not_follow_from_plain_and_standardised_figures(level: str) -> None:
    found, cases, target = evaluated(LEVELS)
    assert target.weights is not None
    reader = Reader(cases, target)
    shown = released(scored=found, rule=RULE)
    hidden = {held.level for held in shown.withheld}
    assert hidden == {"C", "D"}
    equations = list(reader.equations(shown))
    assert len(equations) >= 6
    wanted = reader.of_level(level)
    assert not reader.solves(equations, wanted)
    # with the standardised figure, which the release leaves out, the solver would have it
    assert reader.solves([*equations, reader.mean(lambda _: True, weighted=True)], wanted)


def test_a_range_over_levels_goes_with_a_hidden_level_that_took_part() -> None:
    found, cases, target = evaluated(LEVELS, minimum=12)  # C and D have figures, and are withheld
    shown = released(scored=found, rule=RULE)
    assert {held.level for held in shown.withheld} == {"C", "D"}
    reader = Reader(cases, target)
    equations = list(reader.equations(shown))
    assert not any(reader.solves(equations, reader.of_level(level)) for level in ("C", "D"))
    assert shown.find("brier_gap", "site", "max - min") is None
    assert found.target is not None
    # the range, were it shown, would give a hidden level away
    ranges = list(reader.every_pair("brier_gap", reader.levels))
    assert reader.solves([*equations, *ranges], reader.of_level("C"))


CROSSED = {("Female", "A"): 150, ("Female", "B"): 60, ("Male", "A"): 80, ("Male", "B"): 7}


def test_a_small_cell_that_nobody_declared_does_not_follow_either() -> None:
    """Two margins and one weighted sum are four equations in the four cells of a 2x2 table."""
    generator = np.random.default_rng(5)
    cases = [
        Case(f"{sex}{race}{i}", f"{sex}{race}{i}", (Path("x"),), i % 2, {"sex": sex, "race": race})
        for (sex, race), n in CROSSED.items()
        for i in range(n)
    ]
    y = np.array([case.label == 1 for case in cases])
    scores = 1 / (1 + np.exp(-(generator.standard_normal(y.size) + y - 0.5)))
    targets = {"sex": {"Female": 0.5, "Male": 0.5}, "race": {"A": 0.6, "B": 0.4}}
    target = against_target(cases, targets)
    assert target is not None
    assert target.weights is not None
    attributes = {
        name: np.array([case.attributes[name] for case in cases]) for name in ("sex", "race")
    }
    plan = AnalysisPlan(subgroups=("sex", "race"), replicates=0)
    found = score(y, scores, None, attributes, plan, 0.5, target=target)

    loss = (scores - y) ** 2
    inside = [(attributes["sex"] == sex) & (attributes["race"] == race) for sex, race in CROSSED]
    sums = np.array([loss[cell].sum() for cell in inside])
    weights = np.array([target.weights[cell][0] for cell in inside])
    known = np.array([[1, 1, 1, 1], [1, 1, 0, 0], [1, 0, 1, 0], weights])
    assert np.linalg.solve(known, known @ sums)[3] == pytest.approx(sums[3])

    shown = released(scored=found, rule=RULE)
    assert shown.withheld == ()
    assert shown.target is not None
    assert shown.target.note == "withheld"
    assert not any(r.metric.endswith("_standardized") for r in shown.results)


def test_standardised_figures_are_released_where_every_level_is_shown() -> None:
    large = {"A": (150, 0.4), "B": (120, 0.5), "C": (60, 0.5), "D": (60, 0.5)}
    found, _, _ = evaluated(large)
    shown = released(scored=found, rule=RULE)
    assert shown.withheld == ()
    plain, standardized = shown.find("auroc"), shown.find("auroc_standardized")
    assert plain is not None
    assert standardized is not None
    assert plain.value != standardized.value
    assert shown.target is not None
    assert [row.achieved for row in shown.target.levels] == [
        150 / 390,
        120 / 390,
        60 / 390,
        60 / 390,
    ]
    assert all(row.n_cases == 0 for row in shown.target.levels)


def test_an_attribute_that_nobody_declared_is_protected_as_well() -> None:
    found, _, _ = evaluated({**LEVELS, "D": (8, 0.5)})
    undeclared = replace(
        found, results=tuple(r for r in found.results if (r.attribute, r.level) == OVERALL)
    )
    shown = released(scored=undeclared, rule=RULE)
    assert shown.withheld == ()
    assert not any(r.metric.endswith("_standardized") for r in shown.results)
    assert shown.target is not None
    assert all(row.achieved is None for row in shown.target.levels)
    assert shown.target.note == "withheld"


def test_a_release_with_a_target_reads_back_as_it_was_written() -> None:
    shown = released(scored=evaluated(LEVELS)[0], rule=RULE)
    assert Release.from_json(shown.to_json()) == shown


def crossed(small: int) -> Evaluation:
    """Race and sex, and their intersection, of which one cell is ``small``; drawn to both."""
    cells = {("W", "F"): 150, ("W", "M"): 140, ("B", "F"): 90, ("B", "M"): small}
    generator = np.random.default_rng(3)
    cases = [
        Case(name, name, (Path("x"),), number % 2, {"race": race, "sex": sex})
        for (race, sex), n in cells.items()
        for number in range(n)
        for name in [f"{race}{sex}{number}"]
    ]
    y = np.array([case.label == 1 for case in cases])
    scores = 1 / (1 + np.exp(-generator.standard_normal(y.size) - y))
    attributes = {name: np.array([c.attributes[name] for c in cases]) for name in ("race", "sex")}
    target = {"race": {"W": 0.6, "B": 0.4}, "sex": {"F": 0.45, "M": 0.55}}
    plan = AnalysisPlan(
        subgroups=("race", "sex"),
        intersections=(("race", "sex"),),
        replicates=0,
        sampling_design=FIXED_PREVALENCE,
        fixed_attributes=("sex",),
        primary_gap=("auroc", "sex"),
    )
    return score(y, scores, None, attributes, plan, 0.5, target=against_target(cases, target))


def test_two_margins_and_a_standardised_figure_do_not_give_four_cells_back() -> None:
    # race, sex and everybody give three sums of four cells, a standardised figure the fourth
    hidden = released(scored=crossed(7), rule=RULE)
    assert {held.attribute for held in hidden.withheld} == {"race x sex"}
    assert not any(r.metric.endswith("_standardized") for r in hidden.results)
    shown = released(scored=crossed(60), rule=RULE)
    assert shown.withheld == ()
    assert any(r.metric.endswith("_standardized") for r in shown.results)
    assert shown.target is not None
    assert shown.target.effective_patients is not None
    assert shown.target.effective_patients % RULE.count_step == 0
    weighted = [r.estimate.method for r in shown.results if r.metric.endswith("_standardized")]
    assert not any(letter.isdigit() for method in weighted for letter in method)


def test_a_method_does_not_tell_how_many_of_a_level_are_positive() -> None:
    shown = released(scored=crossed(60), rule=RULE)
    told = [r for r in shown.results if "by design" in r.estimate.method]
    assert {r.attribute for r in told} >= {"overall", "sex"}
    assert not any("%" in r.estimate.method for r in told if r.attribute != "overall")


def test_a_p_value_just_above_the_level_is_not_rounded_to_it() -> None:
    found = crossed(60)
    moved = tuple(
        replace(r, estimate=replace(r.estimate, value=0.0501)) if r.level == "all levels" else r
        for r in found.results
    )
    shown = released(scored=replace(found, results=moved), rule=Disclosure(maximum_digits=3))
    p = shown.find("auroc_gap_p_adjusted", "sex", "all levels")
    assert p is not None
    assert p.value == 0.051


def test_a_release_of_before_is_read_and_shown() -> None:
    document = json.loads(released(scored=evaluated(LEVELS)[0], rule=RULE).to_json())
    for key in ("sampling_design", "effective_patients", "declared_gaps", "target"):
        del document[key]
    old = Release.from_json(json.dumps(document))
    assert old.target is None
    assert old.declared_gaps == ()
    page = render_report(old)
    assert "No gap between groups was declared beforehand" in page
    assert 'id="population"' not in page
