"""Choices of feedback: those that make no sense, and a sentence on each of the others."""

from __future__ import annotations

from pathlib import Path

import pytest

from evaluator.benchmark.about import SpecificationError
from evaluator.benchmark.specification import read_benchmark
from evaluator.disclosure.control import Release
from evaluator.disclosure.rule import Disclosure, DisclosureError, read_disclosure, stored
from evaluator.feedback_choice import explained, practice_error, refusal, told_how
from tests.support.repository import REPOSITORY

LADDER, THRESHOLDOUT = Disclosure(feedback="ladder"), Disclosure(feedback="thresholdout")
SHIPPED = REPOSITORY / "benchmarks" / "simulated-opacity.toml"


@pytest.mark.parametrize(
    ("rule", "primary", "lifetime", "practice", "said"),
    [
        (LADDER, "auroc", None, 0, "give lifetime, as lifetime = 20"),
        (LADDER, "brier", 20, 0, "primary is 'brier'; ladder tests an AUROC"),
        (THRESHOLDOUT, "auroc", None, 0, "give cases, as cases = 200"),
        (THRESHOLDOUT, "sensitivity", None, 200, "thresholdout tests an AUROC"),
    ],
)
def test_a_choice_that_makes_no_sense_is_refused(
    rule: Disclosure, primary: str, lifetime: int | None, practice: int, said: str
) -> None:
    refused = refusal(rule, primary=primary, lifetime=lifetime, practice_cases=practice)
    assert refused is not None
    assert said in refused


def test_others_are_not() -> None:
    assert refusal(LADDER, primary="auroc", lifetime=20, practice_cases=0) is None
    assert refusal(THRESHOLDOUT, primary="auroc", lifetime=None, practice_cases=200) is None
    for kind in ("open", "held"):
        rule = Disclosure(feedback=kind)
        assert refusal(rule, primary="brier", lifetime=None, practice_cases=0) is None


def test_a_file_is_refused_with_its_name(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(SHIPPED.read_text().replace('feedback = "open"', 'feedback = "ladder"'))
    with pytest.raises(SpecificationError, match=r"^mine\.toml: .*\[quota\] lifetime is not given"):
        read_benchmark(file)
    with pytest.raises(DisclosureError, match="feedback"):
        read_disclosure({"feedback": "ladders"}, file)


def test_the_choice_is_explained() -> None:
    first, *_ = explained(LADDER, lifetime=20, practice_cases=0)
    assert "one-sided paired DeLong test at 0.0025 (0.05 over 20 looks)" in first
    said = " ".join(explained(THRESHOLDOUT, lifetime=None, practice_cases=50))
    assert "After 100 answers with noise the cohort is spent." in said
    assert "standard error of about 0.06" in said
    assert told_how(Disclosure()) is told_how(Disclosure(feedback="held")) is None
    assert "last step" in (told_how(LADDER) or "")
    assert "practice cases" in (told_how(THRESHOLDOUT) or "")


def test_the_standard_error_is_that_of_hanley_and_mcneil() -> None:
    # by hand for 25 and 25: (0.16 + 24 (2/3 - 0.64) + 24 (0.7111 - 0.64)) / 625 = 0.00401
    assert practice_error(50) == pytest.approx(0.0634, abs=0.0002)


def test_a_key_that_came_later_is_stored_only_where_it_is_set() -> None:
    assert set(stored(LADDER)) == {
        "minimum_cell",
        "feedback",
        "count_step",
        "maximum_digits",
        "roc_step",
    }
    changed = Disclosure(feedback="thresholdout", thresholdout_noise=0.02)
    assert stored(changed)["thresholdout_noise"] == 0.02
    assert "thresholdout_budget" not in stored(changed)
    former = (REPOSITORY / "tests/evaluator/disclosure/former_release.json").read_text().strip()
    assert Release.from_json(former).to_json() == former
