"""A study as it is sealed: the same after a way through JSON, and fixed by its digest."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cohort_selection.cases import Case
from evaluator.benchmark.specification import read_benchmark
from evaluator.claims import sealed_study
from evaluator.claims.declaration import ClaimsError, Comparator
from evaluator.claims.declared_study import DeclaredStudy
from evaluator.claims.selection import case_data, in_group
from metrics.claims.claim import Part
from tests.support.claims_file import with_claims
from tests.support.small_commons import sealed as small_cohort

CLAIMS = """
[study]
looks = 2
[[claims]]
name = "Each sex"
figure = "specificity"
at_least = 0.40
each = "sex"
[[claims]]
name = "As sensitive as the reader"
figure = "sensitivity"
noninferior_to = "reader"
margin = 0.2
[comparators.reader]
file = "reader.csv"
call_at = 0.5
"""


def declared(folder: Path, claims: str = CLAIMS) -> DeclaredStudy:
    found = read_benchmark(with_claims(folder, claims)).study
    assert found is not None
    return found


def cases(n: int = 80) -> list[Case]:
    """Half are positive, and every third is a woman."""
    sexes = ("Female", "Male", "Male")
    return [Case(f"c{i}", f"p{i}", (), i % 2, {"sex": sexes[i % 3]}) for i in range(n)]


def right(drawn: list[Case]) -> dict[str, dict[str, float]]:
    """A reader who is right in nine cases of ten."""
    return {
        "reader": {
            case.case_id: 0.9 if (case.label == 1) != (place % 10 == 9) else 0.1
            for place, case in enumerate(drawn)
        }
    }


def test_levels_of_groups_and_of_tests_are_fixed(tmp_path: Path) -> None:
    drawn = cases()
    study = sealed_study.sealed(declared(tmp_path), drawn, right(drawn))
    women, men = study.study.claims[0].parts
    assert (women.level, men.level) == ("Female", "Male")
    assert [study.used(part, 0.0125) for part in (women, men)] == [0.0125, 0.0125]  # exact
    (paired,) = study.study.claims[1].parts
    (found,) = [each for each in study.levels if each.part == paired]
    assert found.used <= found.nominal == 0.0125
    assert found.error + 2 * found.standard_error <= 1.12 * 0.0125


def test_a_study_reads_as_it_was_written(tmp_path: Path) -> None:
    drawn = cases()
    study = sealed_study.sealed(declared(tmp_path), drawn, right(drawn), at="2026-01-01")
    text = json.dumps(sealed_study.as_mapping(study))
    again = sealed_study.read(json.loads(text), sealed_at="2026-01-01")
    assert again == study
    assert again.digest == study.digest
    assert replace(study, sealed_at="2027-01-01").digest == study.digest
    assert replace(study, levels=study.levels[1:]).digest != study.digest
    fewer = sealed_study.sealed(
        declared(tmp_path), [c for c in drawn if c.attributes["sex"] == "Male"], right(drawn)
    )
    assert fewer.declaration == study.declaration
    again = sealed_study.sealed(declared(tmp_path), drawn, right(drawn))
    assert again.levels == study.levels
    assert again.digest != study.digest  # who guesses the numbers of cases has no check of them
    assert fewer.digest != study.digest


def test_a_claim_that_the_cases_cannot_carry_is_not_sealed(tmp_path: Path) -> None:
    text = '[[claims]]\nname = "a"\nfigure = "auroc"\nat_least = 0.95\n'
    drawn = [Case(f"c{i}", f"p{i}", (), int(i < 20), {"sex": "Male"}) for i in range(200)]
    with pytest.raises(ClaimsError, match=r"^claim 'a': .* goal 0\.95 cannot be"):
        sealed_study.sealed(declared(tmp_path, text), drawn, {})
    nobody = [replace(case, label=0) for case in drawn]
    with pytest.raises(ClaimsError, match=r"^claim 'a': .* the group has 0 with positive"):
        sealed_study.sealed(declared(tmp_path, text), nobody, {})


def test_a_cohort_of_a_former_build_has_no_study_and_no_comparator(tmp_path: Path) -> None:
    cohort = small_cohort(tmp_path)
    assert sealed_study.of(cohort) is None
    assert cohort.comparators() == {}


def test_a_part_takes_the_cases_of_its_group() -> None:
    attributes = {
        "sex": np.array(["Male", "Female", "Female", "Male"]),
        "race": np.array(["White", "White", "Asian", "Asian"]),
    }
    crossed = Part(figure="auroc", goal=0.8, attribute="race x sex", level="White x Female")
    assert in_group(crossed, attributes, 4).tolist() == [False, True, False, False]
    assert in_group(Part(figure="auroc", goal=0.8), attributes, 4).all()
    part = Part(
        figure="sensitivity", goal=0.0, comparator="device", attribute="sex", level="Female"
    )
    data = case_data(
        part,
        np.array([True, True, False, False]),
        np.array([0.1, 0.2, 0.3, 0.4]),
        np.array(["a", "b", "c", "d"]),
        attributes,
        comparators={"device": np.array([0.9, 0.5, 0.4, 0.9])},
        declared={"device": Comparator(file="d.csv", call_at=0.5)},
        threshold=0.25,
    )
    assert data.labels.tolist() == [True, False]
    assert data.scores.tolist() == [0.2, 0.3]
    assert data.patients is not None
    assert list(data.patients) == ["b", "c"]
    assert data.comparator is not None
    assert data.comparator.tolist() == [1.0, 0.0]
    assert data.threshold == 0.25
    auroc = case_data(
        replace(part, figure="auroc"),
        data.labels,
        data.scores,
        None,
        {name: column[1:3] for name, column in attributes.items()},
        comparators={"device": np.array([0.5, 0.4])},
        declared={"device": Comparator(file="d.csv")},
        threshold=0.25,
    )
    assert auroc.comparator is not None
    assert auroc.comparator.tolist() == [0.5, 0.4]


@pytest.mark.parametrize(
    ("claim", "values", "told"),
    [
        ("specificity", (40.0, 70.0), "calls every drawn case positive"),  # percent, call_at 0.5
        ("sensitivity", (0.01, 0.3), "calls no drawn case positive"),
        ("auroc", (0.8, 0.2), "no better than chance, or the other way round"),
        ("auroc", (0.5, 0.5), "no better than chance, or the other way round"),
    ],
)
def test_a_comparator_on_another_scale_is_not_sealed(
    tmp_path: Path, claim: str, values: tuple[float, float], told: str
) -> None:
    """Any model would be superior to it."""
    text = (
        f'[[claims]]\nname = "a"\nfigure = "{claim}"\nsuperior_to = "reader"\n'
        '[comparators.reader]\nfile = "reader.csv"\ncall_at = 0.5\n'
    )
    drawn = cases()
    said = {"reader": {case.case_id: values[case.label] for case in drawn}}
    with pytest.raises(ClaimsError, match=f"^claim 'a': .*{told}"):
        sealed_study.sealed(declared(tmp_path, text), drawn, said)
