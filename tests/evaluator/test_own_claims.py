"""One's own tables judged by claims: the bounds are Clopper and Pearson's, from their tables.

46 of 50 has the 95 % limits 0.8077 and 0.9778, 40 of 50 has 0.6628 and 0.8997.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from evaluator.case_tables.scoring_input import ScoringInputError
from evaluator.claims.declaration import ClaimsError
from evaluator.claims.verdict import StudyVerdict
from evaluator.leaderboard.own_scores import write_json
from evaluator.own_claims import declares_claims, judge_tables
from metrics.claims.procedures import Verdict
from tests.support.claims_file import with_claims
from tests.support.hand_made import evaluation

SENSITIVITY = """
[[claims]]
name = "Sensitivity"
figure = "sensitivity"
at_least = {goal}
"""
SPECIFICITY = """
[[claims]]
name = "Specificity"
figure = "specificity"
at_least = 0.70
"""
EVEN_LATER = """
[[claims]]
name = "Women"
figure = "sensitivity"
at_least = 0.50
within = { sex = "Female" }
"""
AGAINST = """
[[claims]]
name = "As good as the reader"
figure = "sensitivity"
noninferior_to = "reader"
margin = {margin}
[comparators.reader]
file = "table.csv"
calls = "reader"
"""


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """50 positives, 46 of them called; 50 negatives, 40 of them not; a reader who calls alike."""
    rows = ["case_id,label,sex,probability,reader"]
    for number in range(100):
        positive = number < 50
        called = number < 46 or 50 <= number < 60
        score = (0.6 if called else 0.2) + number / 1000
        sex = "Female" if number % 2 else "Male"
        rows.append(f"c{number},{int(positive)},{sex},{score:.3f},{int(called)}")
    path = tmp_path / "table.csv"
    path.write_text("\n".join(rows) + "\n")
    return path


def claims(folder: Path, *text: str) -> Path:
    path = folder / "claims.toml"
    path.write_text("\n".join(text))
    return path


@pytest.mark.parametrize(("goal", "met"), [("0.807", True), ("0.808", False)])
def test_a_bound_that_reaches_the_goal_is_met_and_a_thousandth_less_is_not(
    table: Path, tmp_path: Path, goal: str, met: bool
) -> None:
    file = claims(tmp_path, SENSITIVITY.replace("{goal}", goal))
    found = judge_tables(file, table, table, threshold=0.5)
    (claim,) = found.claims
    assert found.self_scored
    assert (claim.verdict is Verdict.MET) is met
    bound = claim.parts[0].bound
    assert bound is not None
    assert (bound.value, bound.bound, bound.n_positive) == (0.92, 0.807, 50)


def test_the_verdict_stands_in_the_written_figures(table: Path, tmp_path: Path) -> None:
    file = claims(tmp_path, SENSITIVITY.replace("{goal}", "0.807"))
    found = judge_tables(file, table, table, threshold=0.5)
    write_json({"label": evaluation()}, tmp_path / "figures.json", found)
    (written,) = json.loads((tmp_path / "figures.json").read_text()).values()
    assert StudyVerdict.from_document(written["verdict"]) == found
    assert written["n_cases"] == evaluation().n_cases


def test_the_sequence_stops_at_the_first_claim_that_is_not_shown(
    table: Path, tmp_path: Path
) -> None:
    file = claims(tmp_path, SENSITIVITY.replace("{goal}", "0.80"), SPECIFICITY, EVEN_LATER)
    found = judge_tables(file, table, table, threshold=0.5).claims
    assert [each.verdict for each in found] == [
        Verdict.MET,
        Verdict.NOT_SHOWN,
        Verdict.NOT_TESTED,
    ]
    bound = found[1].parts[0].bound
    assert bound is not None
    assert bound.bound == 0.662


def test_a_comparator_may_be_a_column_of_the_table(table: Path, tmp_path: Path) -> None:
    """No discordant pair of 50: Tango's limit is -z^2 / (n + z^2), -0.0713 for z = 1.96."""
    for margin, verdict in (("0.072", Verdict.MET), ("0.071", Verdict.NOT_SHOWN)):
        file = claims(tmp_path, AGAINST.replace("{margin}", margin))
        (claim,) = judge_tables(file, table, table, threshold=0.5).claims
        assert claim.verdict is verdict


def test_a_benchmarks_file_is_read_too(table: Path, tmp_path: Path) -> None:
    file = with_claims(tmp_path, SENSITIVITY.replace("{goal}", "0.80"))
    assert declares_claims(file)
    assert judge_tables(file, table, table, threshold=0.5).claims[0].verdict is Verdict.MET


@pytest.mark.parametrize(
    ("text", "more", "said"),
    [
        ("[analysis]\n", {}, "declares no claim; add a"),
        ("[[claims", {}, "is not TOML"),
        (SENSITIVITY.replace("{goal}", "0.8"), {}, "give yours with --threshold"),
        (
            SENSITIVITY.replace("{goal}", "0.8"),
            {"threshold": 0.5, "symmetric": True},
            "leave one of the two out",
        ),
        (
            SENSITIVITY.replace("{goal}", "0.8"),
            {"threshold": 0.5, "weight_column": "probability"},
            "claims are judged on the cases as they are",
        ),
        (
            EVEN_LATER.replace("Female", "Femal"),
            {"threshold": 0.5},
            "which no case has; correct the level",
        ),
        (
            AGAINST.replace("{margin}", "0.05").replace("table.csv", "other.csv"),
            {"threshold": 0.5},
            "other.csv",
        ),
        (
            SENSITIVITY.replace("{goal}", "0.8") + 'within = { site = "A" }',
            {"threshold": 0.5},
            "has no subgroup column (site)",
        ),
    ],
    ids=["none", "no TOML", "threshold", "symmetric", "weights", "level", "comparator", "column"],
)
def test_what_cannot_be_judged_is_told_in_one_sentence(
    table: Path, tmp_path: Path, text: str, more: dict[str, object], said: str
) -> None:
    with pytest.raises((ClaimsError, ScoringInputError), match=re.escape(said)):
        judge_tables(claims(tmp_path, text), table, table, **more)  # type: ignore[arg-type]


def test_a_file_that_is_not_there_is_told_with_what_to_give(tmp_path: Path, table: Path) -> None:
    with pytest.raises(ClaimsError, match="give the TOML file of a benchmark"):
        judge_tables(tmp_path / "none.toml", table, table)
