"""A look is judged once: its verdict stands, and its level is spent, whatever happens after it."""

from __future__ import annotations

import math
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import beta
from sklearn.metrics import roc_auc_score

from evaluator import evaluation
from evaluator.claims.verdict import StudyVerdict
from evaluator.disclosure.control import Release
from evaluator.evaluation import evaluate
from evaluator.feedback import claims_judged
from evaluator.feedback.claims_judged import StudyJudge
from evaluator.reviewing.held import prepared
from evaluator.stores import study_verdicts
from evaluator.stores.enclave import EnclaveError
from evaluator.stores.installation import Installation
from submissions.quota import QuotaError
from submissions.submission import Failure, State
from tests.support.claims_home import BENCHMARK, FILE, ClaimsHome, opened, sealed_home, sealed_once
from tests.support.commands import environment
from tests.support.repository import REPOSITORY


@pytest.fixture
def home(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClaimsHome]:
    shutil.copytree(sealed_once(tmp_path_factory.getbasetemp()), tmp_path / "home")
    with opened(Installation(tmp_path / "home")) as claimed:
        yield claimed


def words(home: ClaimsHome, name: str) -> list[str]:
    told = home.ledger.verdicts.recorded(name)
    assert told is not None
    return [each.verdict for each in told.claims]


def held(home: ClaimsHome, name: str) -> StudyVerdict:
    kept = home.installation.enclave().held(name)
    assert kept is not None
    found = Release.from_json(kept[1]).verdict
    assert found is not None
    return found


def told(home: ClaimsHome, name: str) -> list[str]:
    found = home.ledger.verdicts.of(name)
    assert found is not None
    return [each.verdict for each in found.claims]


def spent(home: ClaimsHome) -> int:
    left = home.ledger.verdicts.left(BENCHMARK, ["North"])
    assert left is not None
    return left.spent


def test_a_verdict_is_read_off_the_bounds_that_scipy_gives_at_the_level_of_the_look(
    home: ClaimsHome,
) -> None:
    scores = home.scores(2.5)
    name = home.run("Good", scores)
    assert home.ledger.submission(name).state is State.HELD
    assert words(home, name) == ["met", "met"]
    _, cohort = home.installation.sealed(BENCHMARK)
    labels = np.array([case.label for case in cohort.cases()])
    given = np.array([scores[case.case_id] for case in cohort.cases()])
    found = held(home, name)
    assert (found.look, found.looks, found.level) == (1, 3, 0.025 / 3)
    area, shares = found.claims[0].parts[0].bound, [part.bound for part in found.claims[1].parts]
    assert area is not None
    assert area.value == pytest.approx(roc_auc_score(labels, given), abs=0.00051)
    right = [(given >= 0.5) & (labels == 1), (given < 0.5) & (labels == 0)]
    for bound, hits in zip(shares, right, strict=True):
        assert bound is not None
        k = int(hits.sum())
        lowest = float(beta.ppf(0.025 / 3, k, 60 - k + 1))  # Clopper & Pearson 1934
        assert bound.bound == math.floor(1000 * lowest) / 1000
        assert bound.value == round(k / 60, 3)
        assert (bound.n_cases, bound.n_positive) == (120, 60)
    kept = home.ledger.verdicts.recorded(name)
    assert kept is not None
    assert "bound" not in kept.document
    assert str(area.value) not in kept.document


def test_the_same_image_by_a_tied_team_costs_nothing_and_repeats_the_verdict(
    home: ClaimsHome,
) -> None:
    image = "sha256:" + "7" * 64
    first = home.enter("Good", image=image)
    home.predict(first, home.scores(2.5))
    home.finish(first)
    again = home.enter("Same", team="South", image=image)  # entered by the same person
    home.predict(again, home.scores(0.0))  # a container that predicts something else each time
    home.finish(again)
    assert words(home, again) == words(home, first) == ["met", "met"]
    assert held(home, again) == held(home, first)
    assert spent(home) == 1
    other = home.enter("Same", team="West", by="una", image=image)
    home.predict(other, home.scores(0.0))
    home.finish(other)
    assert words(home, other) == ["not shown", "not tested"]  # a look of its own


def test_predictions_that_set_cases_apart_show_no_claim_and_cost_a_look(home: ClaimsHome) -> None:
    scores = dict.fromkeys(home.scores(1.0), 0.25)
    one = next(iter(scores))
    name = home.run("Probe", scores | {one: 0.75})
    assert words(home, name) == ["not shown", "not shown"]
    assert spent(home) == 1
    assert all(part.bound is None for claim in held(home, name).claims for part in claim.parts)


def test_a_run_without_predictions_costs_no_look_and_three_use_the_account_up(
    home: ClaimsHome,
) -> None:
    crashed = home.enter("Crash")
    home.ledger.move(crashed, State.FAILED, Failure.CRASHED)
    names = []
    for seed in range(3):
        assert all(told(home, name) == ["told later"] * 2 for name in names)
        names.append(home.run(f"Chance {seed}", home.scores(0.0, seed)))
    assert spent(home) == 3
    assert [told(home, name) for name in names] == [["not shown", "not tested"]] * 3
    with pytest.raises(QuotaError, match="used all its 3 looks"):
        home.enter("Fourth")
    with pytest.raises(QuotaError, match="used all its 3 looks"):
        home.enter("Fourth", team="South")  # the same person's other team


def test_a_later_version_of_the_code_changes_no_verdict_and_spends_nothing(
    home: ClaimsHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = home.run("Good", home.scores(2.5))
    before = held(home, name)

    def harsher(*_: object) -> StudyVerdict:
        raise AssertionError("judged again")

    monkeypatch.setattr(claims_judged, "judge_study", harsher)
    monkeypatch.setattr(evaluation, "code_version", lambda: "a later version")
    benchmark, cohort = home.installation.sealed(BENCHMARK)
    enclave = home.installation.enclave()
    submission = home.ledger.submission(name)
    again = prepared(submission, benchmark, cohort, enclave, home.ledger)
    assert again.release.verdict == before
    assert spent(home) == 1
    assert enclave.count_evaluations(name) == 2
    predictions = enclave.predictions(name, cohort.digest)
    assert predictions is not None
    spends = StudyJudge(home.ledger, enclave, spends=True)
    evaluated = evaluate(submission, benchmark, cohort, predictions, enclave, judge_claims=spends)
    assert evaluated.release.verdict == before
    assert spent(home) == 1


def test_an_enclave_that_lost_a_verdict_has_the_same_again_or_says_so(
    home: ClaimsHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = home.run("Good", home.scores(2.5))
    before = held(home, name)
    submission = home.ledger.submission(name)
    sealed = home.installation.sealed(BENCHMARK)
    enclave = home.installation.enclave()
    kept = home.ledger.verdicts.recorded(name)
    assert kept is not None
    assert study_verdicts.whole(enclave, name, kept.document) is not None
    monkeypatch.setattr(study_verdicts, "whole", lambda *_: None)
    assert prepared(submission, *sealed, enclave, home.ledger).release.verdict == before
    monkeypatch.setattr(claims_judged, "sets_apart", lambda *_: True)
    with pytest.raises(EnclaveError, match="comes to another one; restore the enclave"):
        prepared(submission, *sealed, enclave, home.ledger)


STEPS = [
    "evaluator.stores.study_verdicts:keep before",
    "evaluator.stores.study_verdicts:keep after",
    "submissions.ledger.verdicts.account:Verdicts.spend after",
    "evaluator.stores.enclave:Enclave.hold before",
    "evaluator.stores.enclave:Enclave.hold after",
]


def test_a_kill_at_any_step_leaves_one_verdict_and_one_spent_look(home: ClaimsHome) -> None:
    """kill -9 in one process after another, each where the next step would begin."""
    name = home.enter("Good")
    home.predict(name, home.scores(2.5))
    ended = subprocess.run(
        [sys.executable, "-m", "tests.support.claims_home", str(home.home), name, *STEPS],
        check=False,
        capture_output=True,
        text=True,
        cwd=REPOSITORY,
        env=environment({}),
        timeout=300,
    )
    assert ended.stdout.split() == [str(-signal.SIGKILL)] * len(STEPS), ended.stderr
    assert home.ledger.submission(name).state is State.SCORING
    assert spent(home) == 1
    home.finish(name)
    assert home.ledger.submission(name).state is State.HELD
    assert words(home, name) == ["met", "met"]
    assert spent(home) == 1
    assert held(home, name).look == 1
    assert len(home.ledger.chain.entries(subjects=[name], event="verdict")) == 1
    assert home.ledger.chain.problems() == []


def test_uses_of_the_cases_are_counted_and_capped(tmp_path: Path) -> None:
    """Two runs read every case twice: the cohort takes no third, of whatever team."""
    capped = FILE.replace("cohort_looks = 5", "load_factor = 2.0")
    with opened(sealed_home(tmp_path, capped)) as home:
        for number, team in enumerate(("North", "South")):
            home.run(f"Chance {number}", home.scores(0.0, number), team=team, by=team)
        with pytest.raises(QuotaError, match=r"its load factor is 2\.00, and 2 is the most"):
            home.enter("Third", team="West", by="una")
