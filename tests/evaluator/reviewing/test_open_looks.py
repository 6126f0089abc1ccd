"""Where claims were judged, what reviewers decided waits until no look of any team is open."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from evaluator.disclosure.control import Release
from evaluator.queue.dispatcher import Work, run_queue
from evaluator.queue.lifecycle import SubmissionError, release_held
from evaluator.stores.installation import Installation
from submissions.ledger.beside_releases.retirement import RETIRED
from submissions.ledger.ledger import LedgerError
from submissions.ledger.voting.votes import Choice
from submissions.submission import Failure, State
from tests.support.claims_home import BENCHMARK, ClaimsHome, next_sealed, opened, sealed_once


@pytest.fixture
def home(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClaimsHome]:
    shutil.copytree(sealed_once(tmp_path_factory.getbasetemp()), tmp_path / "home")
    with opened(Installation(tmp_path / "home")) as claimed:
        yield claimed


def test_votes_wait_for_the_last_look_of_any_team_and_then_the_queue_publishes(
    home: ClaimsHome,
) -> None:
    shown = home.run("Good", home.scores(2.5))
    refused = home.run("Chance", home.scores(0.0), team="South", by="una")
    home.vote(shown, Choice.RELEASE)
    home.vote(refused, Choice.REFUSE, "trained on these cases")
    assert home.follow() == []
    with pytest.raises(SubmissionError, match="once no look of any team at these cases is open"):
        release_held(home.installation, shown)
    waiting = home.enter("Late", team="West", by="vera")
    home.ledger.record(RETIRED, BENCHMARK, "the steward has drawn the next one")
    assert home.follow() == []  # one more look is under way
    assert home.ledger.finding(refused) is None  # nor are the reviewers' words told
    home.ledger.move(waiting, State.FAILED, Failure.CRASHED)
    assert sorted(home.follow()) == sorted([f"{shown} released", f"{refused} refused"])
    (published,) = home.ledger.releases(BENCHMARK)
    verdict = Release.from_json(published.document).verdict
    assert verdict is not None
    assert [claim.verdict.value for claim in verdict.claims] == ["met", "met"]
    assert home.ledger.unsigned() == []
    assert home.ledger.finding(refused) == "Trained on these cases."
    left = home.ledger.verdicts.left(BENCHMARK, ["South"])
    assert left is not None
    assert left.spent == 1  # a refusal gives nothing back
    assert home.ledger.chain.problems() == []


def test_the_queue_that_finishes_the_last_look_publishes_what_waited_for_it(
    home: ClaimsHome,
) -> None:
    """No later queue is needed; the last one's own result waits for its votes."""
    shown = home.run("Good", home.scores(2.5))
    home.vote(shown, Choice.RELEASE)
    last = home.enter("Late", team="West", by="vera")
    home.predict(last, home.scores(1.0, seed=2))
    home.ledger.record(RETIRED, BENCHMARK, "the steward has drawn the next one")
    worked = run_queue(home.installation, Work(wait=True), report=lambda _: None)
    assert [each.submission_id for each in home.ledger.releases(BENCHMARK)] == [shown]
    assert home.ledger.submission(last).state is State.HELD
    assert worked == 2
    assert home.ledger.unsigned() == []


def test_a_cap_on_all_looks_closes_the_cohort(home: ClaimsHome) -> None:
    """The fifth look of all teams is the last that the benchmark takes."""
    first = home.run("Good", home.scores(2.5))
    home.vote(first, Choice.RELEASE)
    for number in range(4):
        assert home.follow() == []
        name = home.enter(f"Chance {number}", team=f"Team {number}", by=f"person {number}")
        home.ledger.move(name, State.FAILED, Failure.CRASHED)
    assert home.follow() == [f"{first} released"]


def test_no_reviewer_asks_the_team_a_question(home: ClaimsHome) -> None:
    name = home.run("Good", home.scores(2.5))
    with pytest.raises(LedgerError, match="a question would tell its team more than that"):
        home.vote(name, Choice.ASK_AGAIN, "on which cases was it trained?")


def test_an_ended_draw_waits_while_a_draw_with_some_of_its_patients_is_open(
    home: ClaimsHome,
) -> None:
    """Its figures are of cases at which teams still have looks."""
    name = home.run("Good", home.scores(2.5))
    home.vote(name, Choice.RELEASE)
    later = next_sealed(home.installation, first=60)
    other = next_sealed(home.installation, first=1_000, name="other-patients")
    home.ledger.record(RETIRED, BENCHMARK, "the steward has drawn the next one")
    assert home.follow() == []
    with pytest.raises(SubmissionError, match="once no look of any team at these cases is open"):
        release_held(home.installation, name)
    home.ledger.record(RETIRED, later, "the steward has drawn the next one")
    assert home.follow() == [f"{name} released"]
    assert home.ledger.verdicts.are_declared(other)  # open, and of other patients
