"""The plan of a declared study: what is assumed, the pool's cohort, the documents."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cohort_selection.case_table import CaseTable
from cohort_selection.cases import Case
from cohort_selection.matching.feasibility import Prospect
from evaluator.assumptions import Assumed
from evaluator.benchmark.specification import Benchmark, read_benchmark
from evaluator.planning.assumptions_of import PlanningError
from evaluator.planning.beside_drawn import public, rows
from evaluator.planning.document import to_json
from evaluator.planning.drawing import power_svg
from evaluator.planning.errors import Levels, errors_at_goal, looks_at
from evaluator.planning.options import assumed
from evaluator.planning.study_plan import basis_of, hopeless, plan
from evaluator.steward.foreseen import foreseen
from evaluator.steward.planned_study import read_pilot
from metrics.claims.at_goal import Assumed as At
from metrics.claims.claim import Claim, Part, Study
from metrics.claims.error import tightened
from metrics.claims.spending import level_of_look
from metrics.claims.studies import Counts
from metrics.planning.joint import nominal
from metrics.planning.proportions import power
from metrics.planning.truth import PlannedCohort, Stratum, Truth
from tests.support.claims_file import with_claims

CLAIMS = """
[study]
looks = 2
assumed = { sensitivity = 0.9, specificity = 0.85, unreadable = 0.05 }

[[claims]]
name = "Sensitivity and specificity"
parts = [{ figure = "sensitivity", at_least = 0.75 }, { figure = "specificity", at_least = 0.7 }]

[[claims]]
name = "Sensitivity of either sex"
figure = "sensitivity"
at_least = 0.60
each = "sex"
assumed = { sensitivity = 0.92 }
"""


def pool(n: int = 800) -> list[Case]:
    """Patients of one case each: half women, of each sex 40 % positive."""
    return [
        Case(
            f"s{k:04d}",
            f"p{k:04d}",
            (),
            int(k % 5 < 2),
            {"sex": "Female" if k % 2 else "Male", "age_group": "[40, 60)", "race": "White",
             "ethnicity": "-", "site": "A", "manufacturer": "M"},
        )
        for k in range(n)
    ]  # fmt: skip


@pytest.fixture(scope="module")
def benchmark(tmp_path_factory: pytest.TempPathFactory) -> Benchmark:
    return read_benchmark(with_claims(tmp_path_factory.mktemp("plan"), CLAIMS, name="planned"))


@pytest.fixture(scope="module")
def drawn(benchmark: Benchmark) -> tuple[Prospect, CaseTable]:
    cases = CaseTable.of(pool())
    return foreseen(benchmark, cases, 1), cases


def test_every_assumption_says_where_it_comes_from(
    benchmark: Benchmark, drawn: tuple[Prospect, CaseTable]
) -> None:
    """Options before the claim, the claim before the study, then [analysis], target and pool."""
    found = basis_of(benchmark, assumed(["specificity=0.88"]), pool=drawn)
    both, either = (
        {key: (each.value, each.source) for key, each in found.assumed[claim.name].items()}
        for claim in found.study.claims
    )
    assert both["sensitivity"] == (0.9, "study")
    assert both["specificity"] == (0.88, "option")
    assert either["sensitivity"] == (0.92, "claim")
    assert both["auroc"] == (0.85, "[analysis] assumed")
    assert both["spread"] == (1.0, "default")
    said = found.ground.said
    assert said["prevalence"].source == "the pool"
    assert said["prevalence"].value == pytest.approx(0.4, abs=1e-6)
    assert basis_of(benchmark).ground.said["prevalence"].source == "the target"


def test_the_pool_s_cohort_has_its_exact_power(
    benchmark: Benchmark, drawn: tuple[Prospect, CaseTable]
) -> None:
    """200 patients, 80 positive; 5 % unreadable leave 76 and 114, of women 38 or 39."""
    found = basis_of(benchmark, pool=drawn)
    made = plan(found, benchmark.name, runs=4000)
    assert made.cohort is not None
    positives, negatives = made.cohort.counts
    assert (positives, negatives) in {(76, 114), (75, 114), (75, 113), (76, 113)}
    both, either, together = made.claims
    expected = float(power([positives], 0.75, 0.9, 0.0125)[0]) * float(
        power([negatives], 0.7, 0.85, 0.0125)[0]
    )
    assert both.alone is not None
    assert both.alone.value == pytest.approx(expected)
    assert both.alone.error == 0.0
    assert either.counts is not None
    assert either.counts[0] in {37, 38}
    assert together.met is not None
    assert together.met.value <= both.alone.value + together.met.error


def test_needed_cases_are_those_to_draw(benchmark: Benchmark) -> None:
    """118 positives to score at 0.0125 take 125 where 5 % are unreadable."""
    found = basis_of(benchmark, Assumed(sensitivity=0.9, specificity=0.99))
    made = plan(found, benchmark.name, runs=400)
    size = made.claims[0].sizes[0.8]
    assert size is not None
    for n, has in ((size.positives, True), (size.positives - 1, False)):
        one = float(power([n], 0.75, 0.9, 0.0125)[0])
        assert (one * float(power([round(1.5 * n)], 0.7, 0.99, 0.0125)[0]) >= 0.8) is has
    document = json.loads(to_json(made))
    needed = document["claims"][0]["needed"]["0.8"]
    assert needed["readable_positives"] == size.positives
    assert needed["positives_to_draw"] == -(-size.positives * 20 // 19)
    assert needed["exact"]
    assert document["claims"][0]["assumed"]["sensitivity"] == {"source": "option", "value": 0.9}


def test_the_curve_is_whole_on_its_own(
    benchmark: Benchmark, drawn: tuple[Prospect, CaseTable]
) -> None:
    made = plan(basis_of(benchmark, pool=drawn), benchmark.name, runs=400)
    root = ElementTree.fromstring(power_svg(made))
    assert root.tag.endswith("svg")
    text = " ".join(root.itertext())
    assert "all claims" in text
    assert "the pool's cohort" in text
    assert "sensitivity 0.92" in text
    assert not [each for each in root.iter() if each.tag.endswith(("style", "script"))]
    whole = [at[""].value for at in made.curve.values()]
    assert whole[0] < 0.3
    assert whole[-1] > 0.9


def test_a_claim_that_the_pool_cannot_show_is_told(
    benchmark: Benchmark, drawn: tuple[Prospect, CaseTable]
) -> None:
    assert list(hopeless(benchmark, drawn)) == []
    (said,) = hopeless(benchmark, drawn, Assumed(specificity=0.75))
    assert "claim 'Sensitivity and specificity' would be shown by the cohort" in said
    assert "if sensitivity 0.9, specificity 0.75" in said
    assert "lower the goal" in said


def test_what_is_not_true_is_not_planned(benchmark: Benchmark) -> None:
    with pytest.raises(PlanningError, match=r"goal 0\.7 and its specificity is assumed to be 0\.7"):
        basis_of(benchmark, Assumed(specificity=0.7))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("sensitivity", "give a key and a number, as sensitivity=0.9"),
        ("sensitivty=0.9", "'sensitivty', which is no key"),
        ("unreadable=0.95", "unreadable is 0.95; give a number from 0 to 0.9"),
    ],
)
def test_a_wrong_option_is_one_sentence(given: str, said: str) -> None:
    with pytest.raises(PlanningError) as refused:
        assumed([given])
    assert said in str(refused.value)


def test_groups_that_the_target_does_not_have_need_a_catalog(tmp_path: Path) -> None:
    text = CLAIMS.replace('each = "sex"', 'each = "race"')
    with pytest.raises(PlanningError, match=r"groups of race.*give the catalog"):
        basis_of(read_benchmark(with_claims(tmp_path, text, name="by-race")))


def test_the_cards_have_the_plan_beside_what_was_drawn(benchmark: Benchmark) -> None:
    cases = pool(200)
    both, either, together = rows(benchmark, cases)
    assert (both.positives, both.negatives) == (76, 114)
    assert (either.positives, either.negatives) == (38, 57)
    assert [each.power for each in both.needed] == [0.8, 0.9]
    assert both.assumed == "sensitivity 0.9, specificity 0.85"
    assert together.claim == ""
    assert together.power <= both.power + together.error
    shown = public(benchmark, cases, used=nominal, step=10)
    assert [each["claim"] for each in shown] == [both.claim, either.claim, ""]
    assert not {"positives", "negatives"} & set(shown[0])
    assert shown[0]["power"] < round(both.power, 2)
    false = replace(benchmark, analysis=benchmark.analysis)
    assert benchmark.study is not None
    table = replace(benchmark.study.table, assumed=Assumed(sensitivity=0.5))
    false = replace(false, study=replace(benchmark.study, table=table))
    assert public(false, cases, used=nominal, step=1) == []


def test_with_holm_a_card_has_the_share_of_each_claim_and_the_look_s_whole_level(
    benchmark: Benchmark,
) -> None:
    """0.025 for two looks is 0.0125 a look; Holm's first step halves it for two claims."""
    assert benchmark.study is not None
    table = replace(benchmark.study.table, procedure="holm")
    study = replace(benchmark.study, table=table)
    planned = rows(replace(benchmark, study=study), pool(100))
    assert [row.level for row in planned] == [0.00625, 0.00625, 0.0125]


def test_errors_are_simulated_with_the_cohort_s_counts(
    benchmark: Benchmark, drawn: tuple[Prospect, CaseTable]
) -> None:
    found = basis_of(benchmark, pool=drawn)
    assert found.ground.cohort is not None
    errors = errors_at_goal(found.study, found.ground.cohort, found.truths)
    assert len(errors) == 4
    for each in errors:
        (level,) = each.levels
        assert level.used == level.nominal == 0.0125
        assert 0.0 < level.error <= 0.0125
        assert looks_at(found.study, level.nominal) == "1-2"
    levels = Levels.of(errors)
    assert levels(errors[0].part, 0.0125) == 0.0125
    assert levels(Part(figure="auroc", goal=0.8), 0.01) == 0.01


def test_the_level_of_a_claim_against_a_comparator_is_planned() -> None:
    """As at the seal, where the comparator's figure is the one assumed: sums, no simulation."""
    part = Part(figure="sensitivity", goal=-0.05, margin=0.05, comparator="reader")
    study = Study(claims=(Claim(name="not worse", parts=(part,)),), looks=2)
    cohort = PlannedCohort(strata=(Stratum(positives=205, negatives=20),))
    truths = {("not worse", 0): Truth(value=0.87, difference=0.02)}
    (found,) = errors_at_goal(study, cohort, truths)
    assert not found.refused
    counts = Counts.of(np.arange(225) < 205)
    sealed = tightened(part, counts, [0.0125], assumed=At(comparator=0.85))
    assert found.levels == tuple(sealed.values())


def test_looks_are_named_at_which_a_level_is_used() -> None:
    """The second look's level is a fourth of the first's, and no step of a fixed sequence."""
    claims = tuple(Claim(name=n, parts=(Part(figure="auroc", goal=0.8),)) for n in "abcd")
    study = Study(claims=claims, looks=3, spending="decreasing")
    second = level_of_look(2, 3, study.alpha, "decreasing")
    assert looks_at(study, second) == "2"
    assert looks_at(replace(study, procedure="holm"), second) == "1-2"
    assert looks_at(replace(study, procedure="holm"), second * 4 / 3) == "1"


def test_a_pilot_is_read_from_one_table(tmp_path: Path) -> None:
    """Three of four pairs are in order, by hand: 12 positives of 3, 12 negatives of 1 or 5."""
    path = tmp_path / "pilot.csv"
    lines = [f"c{k},1,0.3" for k in range(12)]
    lines += [f"d{k},0,{0.1 if k % 4 else 0.5}" for k in range(12)]
    path.write_text("case_id,label,score\n" + "\n".join(lines) + "\n")
    found = read_pilot(path)
    assert (found.positives.size, found.negatives.size) == (12, 12)
    assert found.auroc == pytest.approx(0.75)
    path.write_text("\n".join(["case_id,label,score", *lines[:14]]) + "\n")
    with pytest.raises(PlanningError, match="needs 10 of each"):
        read_pilot(path)
