"""The evaluation that the enclave keeps is the one that is released."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cohort_selection.matching.target import Target
from cohort_selection.sealing.cohort import Cohort, seal
from evaluator.benchmark.specification import Benchmark, read_benchmark
from evaluator.evaluation import evaluate
from evaluator.scoring.analysis_plan import AnalysisPlan
from evaluator.scoring.results import as_mapping, read_evaluation
from evaluator.stores import decided
from evaluator.stores.enclave import Enclave
from submissions.predictions import Predictions
from submissions.submission import State, Submission
from tests.support.repository import REPOSITORY
from tests.support.small_commons import sealed, small_commons

SUBMISSION = Submission(
    submission_id="4f1c9be2a07d",
    team="Team",
    model="Model",
    benchmark="opacity",
    image_digest="sha256:" + "1f" * 32,
    threshold=0.5,
    state=State.SCORING,
    received=datetime(2026, 1, 5, 9, 30, tzinfo=UTC),
)


@pytest.fixture
def benchmark() -> Benchmark:
    """The demonstration's, with groups that eight cases have."""
    shipped = read_benchmark(REPOSITORY / "benchmarks" / "simulated-opacity.toml")
    return replace(shipped, analysis=AnalysisPlan(subgroups=("sex",), replicates=0))


def documents(enclave: Enclave) -> list[str]:
    with sqlite3.connect(enclave.folder / "enclave.sqlite") as store:
        return [document for (document,) in store.execute("SELECT document FROM evaluations")]


def test_an_evaluation_that_is_kept_is_released_and_not_scored_again(
    tmp_path: Path, benchmark: Benchmark
) -> None:
    enclave = Enclave(tmp_path / "enclave")
    cohort = sealed(tmp_path, small_commons(tmp_path / "commons"))
    predictions = Predictions({case.case_id: (0.5,) for case in cohort.cases()})
    first = evaluate(SUBMISSION, benchmark, cohort, predictions, enclave)
    assert first.release.n_cases == 8
    (kept,) = documents(enclave)
    with sqlite3.connect(enclave.folder / "enclave.sqlite") as store:
        store.execute(
            "UPDATE evaluations SET document = ?", [json.dumps(json.loads(kept) | {"n_cases": 9})]
        )
    again = evaluate(SUBMISSION, benchmark, cohort, predictions, enclave)
    assert again.key == first.key
    assert again.release.n_cases == 9  # what is kept, and no score of the eight cases
    another = replace(SUBMISSION, threshold=0.25)
    assert evaluate(another, benchmark, cohort, predictions, enclave).release.n_cases == 8
    assert enclave.count_evaluations(SUBMISSION.submission_id) == 2


def test_a_kept_evaluation_is_read_as_it_was_written(tmp_path: Path, benchmark: Benchmark) -> None:
    enclave = Enclave(tmp_path / "enclave")
    cohort = sealed(tmp_path, small_commons(tmp_path / "commons"))
    predictions = Predictions(
        {case.case_id: (0.1 * place,) for place, case in enumerate(cohort.cases())}
    )
    plan = AnalysisPlan(
        subgroups=("sex", "view"),
        intersections=(("sex", "view"),),
        minimum_cases=2,
        minimum_per_class=1,
        replicates=100,
        primary_gap=("auroc", "sex"),
        partial_auroc=(0.0, 0.2),
    )
    evaluate(SUBMISSION, replace(benchmark, analysis=plan), cohort, predictions, enclave)
    (kept,) = documents(enclave)
    read = read_evaluation(kept)
    assert len(read.results) > 100
    assert json.dumps(read, default=as_mapping, sort_keys=True) == kept


def test_a_release_does_not_depend_on_what_is_decided_after_it(
    tmp_path: Path, benchmark: Benchmark
) -> None:
    enclave = Enclave(tmp_path / "enclave")
    cohort = sealed(tmp_path, small_commons(tmp_path / "commons"))
    predictions = Predictions(
        {case.case_id: (0.1 * place,) for place, case in enumerate(cohort.cases())}
    )
    later = replace(SUBMISSION, submission_id="5f1c9be2a07d", threshold=0.25, team="TEAM")
    other = replace(SUBMISSION, submission_id="6f1c9be2a07d", team="Another team")
    first = evaluate(SUBMISSION, benchmark, cohort, predictions, enclave)
    second = evaluate(later, benchmark, cohort, predictions, enclave)
    third = evaluate(other, benchmark, cohort, predictions, enclave)
    again = evaluate(SUBMISSION, benchmark, cohort, predictions, enclave)
    assert again.release.to_json() == first.release.to_json()

    def before(submission: Submission, key: str) -> list[str]:
        return [
            each.release.submission_id
            for each in decided.before(enclave, submission, key, cohort)
            if each.shared is None
        ]

    assert before(SUBMISSION, first.key) == []
    assert before(later, second.key) == [SUBMISSION.submission_id]
    assert before(other, third.key) == []
    new = replace(SUBMISSION, submission_id="7f1c9be2a07d")
    assert before(new, "key") == [SUBMISSION.submission_id, later.submission_id]


def test_cohorts_are_known_to_share_their_cases(tmp_path: Path, benchmark: Benchmark) -> None:
    enclave = Enclave(tmp_path / "enclave")
    cases = small_commons(tmp_path / "commons")
    cohort = sealed(tmp_path, cases)
    predictions = Predictions({case.case_id: (0.5,) for case in cohort.cases()})
    evaluate(SUBMISSION, benchmark, cohort, predictions, enclave)
    successor = sealed(tmp_path, list(cases), "successor")
    (earlier,) = decided.before(enclave, SUBMISSION, "key", successor)
    labels = [case.label for case in cohort.cases()]
    assert earlier.shared is not None
    assert (earlier.shared.n_positive, earlier.shared.n_negative) == (sum(labels), 8 - sum(labels))


def test_releases_by_another_label_are_known_as_such(tmp_path: Path, benchmark: Benchmark) -> None:
    enclave = Enclave(tmp_path / "enclave")
    cases = small_commons(tmp_path / "commons")

    def cohort_of(name: str, label: str) -> Cohort:
        place = enclave.benchmark_folder(name) / "cohort"
        target = Target({"sex": {"Female": 0.5, "Male": 0.5}})
        criteria = {"label": {"column": label}}
        return seal(
            list(cases), place, name=name, seed=7, criteria=criteria, target=target, report={}
        )

    first = cohort_of(SUBMISSION.benchmark, "opacity")
    predictions = Predictions({case.case_id: (0.5,) for case in first.cases()})
    evaluate(SUBMISSION, benchmark, first, predictions, enclave)
    for name, label, same in (("draw-2", "opacity", True), ("effusions", "effusion", False)):
        (earlier,) = decided.before(enclave, SUBMISSION, "key", cohort_of(name, label))
        assert earlier.shared is not None
        assert earlier.shared.n_cases == 8
        assert earlier.shared.same_label == same
