"""Answers of one figure: what they hold, that they are given once, what a crash changes."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from cohort_selection.sealing.cohort import Cohort
from evaluator import evaluation
from evaluator.benchmark.specification import Benchmark, read_benchmark
from evaluator.disclosure.control import Release
from evaluator.disclosure.rule import Disclosure
from evaluator.evaluation import Evaluated, evaluate
from evaluator.scoring.analysis_plan import AnalysisPlan
from evaluator.stores import answers
from evaluator.stores.enclave import Enclave
from submissions.predictions import Predictions
from submissions.quota import Quota
from submissions.submission import State, Submission
from tests.support.repository import REPOSITORY
from tests.support.small_commons import sealed, small_commons

SHIPPED = REPOSITORY / "benchmarks" / "simulated-opacity.toml"
N = 80


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Cohort:
    """80 cases of 40 patients, each with a positive and a negative one."""
    folder = tmp_path_factory.mktemp("answering")
    return sealed(folder, small_commons(folder / "commons", N))


def benchmark(rule: Disclosure, lifetime: int | None = 10) -> Benchmark:
    return replace(
        read_benchmark(SHIPPED),
        analysis=AnalysisPlan(subgroups=("sex",), replicates=0),
        disclosure=rule,
        quota=Quota(lifetime=lifetime),
    )


def submission(name: str, team: str = "Team") -> Submission:
    return Submission(
        submission_id=name,
        team=team,
        model=f"Model {name}",
        benchmark="chest",
        image_digest="sha256:" + "1f" * 32,
        threshold=0.5,
        state=State.SCORING,
        received=datetime(2026, 1, 5, 9, 30, tzinfo=UTC),
    )


def scores(cohort: Cohort, strength: float, seed: int = 1) -> dict[str, float]:
    """Scores that tell the classes apart by so many standard deviations."""
    noise = np.random.default_rng(seed).standard_normal(N)
    return {
        case.case_id: round(float(1 / (1 + np.exp(-(each + strength * case.label)))), 6)
        for case, each in zip(cohort.cases(), noise, strict=True)
    }


Ask = Callable[..., Evaluated]


@pytest.fixture
def ask(cohort: Cohort, tmp_path: Path) -> Ask:
    """Have a submission's scores kept as those of a run, and evaluated."""
    enclave = Enclave(tmp_path / "enclave")

    def asked(
        rule: Disclosure,
        name: str,
        given: Mapping[str, float],
        *,
        team: str = "Team",
        practice: float | None = None,
    ) -> Evaluated:
        predictions = Predictions({case_id: (value,) for case_id, value in given.items()})
        if enclave.predictions(name, cohort.digest) is None:
            enclave.record_predictions(name, cohort.digest, predictions, run_key=None)
        entry, task = submission(name, team), benchmark(rule)
        return evaluate(entry, task, cohort, predictions, enclave, practice=practice)

    return asked


LADDER = Disclosure(minimum_cell=5, feedback="ladder")


def value(found: Evaluated) -> float | None:
    (only,) = found.release.results
    return only.estimate.value


def test_a_ladder_tells_a_step_and_repeats_it_otherwise(ask: Ask, cohort: Cohort) -> None:
    first = ask(LADDER, "aaaa", scores(cohort, 0.5))
    y = [case.label for case in cohort.cases()]
    auroc = roc_auc_score(y, list(scores(cohort, 0.5).values()))
    assert value(first) == pytest.approx(auroc, abs=0.006)
    # the same model with other noise is no step, whether it scores more or less by chance
    second = ask(LADDER, "bbbb", scores(cohort, 0.5, seed=2))
    third = ask(LADDER, "cccc", scores(cohort, 0.6, seed=3))
    assert value(second) == value(third) == value(first)
    said = second.release.results[0].estimate
    assert said.method == (
        "no improvement that the data support; the value is that of submission aaaa"
    )
    assert (said.low, said.high) == (
        first.release.results[0].estimate.low,
        first.release.results[0].estimate.high,
    )
    better = ask(LADDER, "dddd", scores(cohort, 3.0, seed=4))
    assert value(better) == pytest.approx(
        roc_auc_score(y, list(scores(cohort, 3.0, seed=4).values())), abs=0.006
    )
    assert "a step of the ladder" in better.release.results[0].estimate.method
    assert value(ask(LADDER, "eeee", scores(cohort, 0.5))) == value(better)


def test_each_team_has_a_ladder_whatever_the_case_of_its_name(ask: Ask, cohort: Cohort) -> None:
    best = ask(LADDER, "aaaa", scores(cohort, 3.0))
    other = ask(LADDER, "bbbb", scores(cohort, 0.5), team="Other")
    assert value(other) != value(best)
    assert value(ask(LADDER, "cccc", scores(cohort, 0.5), team="TEAM")) == value(best)


@pytest.mark.parametrize("kind", ["ladder", "thresholdout"])
def test_a_release_holds_the_primary_figure_and_nothing_else(
    ask: Ask, cohort: Cohort, kind: str
) -> None:
    rule = Disclosure(minimum_cell=5, feedback=kind)
    found = ask(rule, "aaaa", scores(cohort, 1.0), practice=0.6).release
    document = json.loads(found.to_json())
    assert [(r["metric"], r["attribute"], r["level"]) for r in document["results"]] == [
        ("auroc", "overall", "all")
    ]
    assert document["curves"] == document["withheld"] == document["declared_gaps"] == []
    assert document["target"] is None
    assert document["n_positive"] is document["effective_patients"] is None
    assert document["results"][0]["estimate"]["n_positive"] == 0
    assert (document["n_cases"], document["n_patients"]) == (80, 40)
    assert Release.from_json(found.to_json()) == found


def test_an_answer_is_given_once_also_by_another_version_of_the_code(
    ask: Ask, cohort: Cohort, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = ask(LADDER, "aaaa", scores(cohort, 0.5))
    ask(LADDER, "bbbb", scores(cohort, 3.0, seed=4))
    # cut off before it was published, and taken up again after a later step of the team
    assert ask(LADDER, "aaaa", scores(cohort, 0.5)) == first
    monkeypatch.setattr(evaluation, "code_version", lambda: "9.9.9+0123456789ab")
    again = ask(LADDER, "aaaa", scores(cohort, 0.5))
    assert (again.key, again.release.to_json()) == (first.key, first.release.to_json())


def test_an_evaluation_that_was_cut_off_before_its_answer_gives_the_same_one(
    ask: Ask, cohort: Cohort, monkeypatch: pytest.MonkeyPatch
) -> None:
    rule = Disclosure(minimum_cell=5, feedback="thresholdout")

    class Killed(BaseException):
        """The process ends here."""

    def killed(*_: object) -> answers.Answer:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(answers, "keep", killed)
        with pytest.raises(Killed):
            ask(rule, "aaaa", scores(cohort, 1.5), practice=0.5)
    first = ask(rule, "aaaa", scores(cohort, 1.5), practice=0.5)
    assert ask(rule, "aaaa", scores(cohort, 1.5), practice=0.5) == first
    # the same ranking of the cases in another submission has the same noise: no average helps
    copy = ask(rule, "bbbb", {k: v / 2 for k, v in scores(cohort, 1.5).items()}, practice=0.5)
    assert value(copy) == value(first)


def test_thresholdout_tells_practice_until_it_misleads_and_then_spends_its_budget(
    ask: Ask, cohort: Cohort
) -> None:
    rule = Disclosure(
        minimum_cell=5,
        feedback="thresholdout",
        thresholdout_difference=0.1,
        thresholdout_noise=0.001,
        thresholdout_budget=2,
    )
    y = [case.label for case in cohort.cases()]
    auroc = float(roc_auc_score(y, list(scores(cohort, 1.0).values())))
    near = ask(rule, "aaaa", scores(cohort, 1.0), practice=round(auroc + 0.05, 2))
    assert value(near) == round(auroc + 0.05, 2)
    for name in ("bbbb", "cccc"):
        far = ask(rule, name, scores(cohort, 1.0), practice=0.2)
        assert value(far) == pytest.approx(auroc, abs=0.02)
        assert far.release.results[0].estimate.low is None
    over = ask(rule, "dddd", scores(cohort, 1.0), practice=0.2)
    assert value(over) is None
    assert over.release.results[0].estimate.undefined == "the cohort's budget of answers is spent"


def test_predictions_that_set_a_case_apart_get_no_answer(ask: Ask, cohort: Cohort) -> None:
    one = {case.case_id: 0.2 for case in cohort.cases()}
    one[cohort.cases()[0].case_id] = 0.9
    found = ask(LADDER, "aaaa", one)
    assert value(found) is None
    # it is no step either: the next honest submission is the first
    assert (
        "first step" in ask(LADDER, "bbbb", scores(cohort, 0.5)).release.results[0].estimate.method
    )
