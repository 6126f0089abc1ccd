"""The process that runs the queue does what reviewers decided, also after kill -9."""

from __future__ import annotations

import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from evaluator.audit_lines import lines
from evaluator.console.desk import NotHeld, desk_for
from evaluator.disclosure.control import Release
from evaluator.leaderboard.reports.report import render_report
from evaluator.queue.lifecycle import release_held
from evaluator.reviewing.decisions import Reviews
from evaluator.signing.signer import Signer
from evaluator.stores.installation import Installation
from evaluator.tracking.process import Tracker
from submissions.ledger.ledger import LedgerError
from submissions.ledger.voting.votes import Choice, Decision, Votes
from submissions.service.principal import Role
from submissions.submission import State, Submission
from tests.support.commands import Ended, environment, refused, succeed
from tests.support.held_home import BENCHMARK, HeldHome, opened, sealed_home, sealed_once
from tests.support.repository import REPOSITORY
from tests.support.services import free_port


@pytest.fixture
def held(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[HeldHome]:
    shutil.copytree(sealed_once(tmp_path_factory.getbasetemp()), tmp_path / "home")
    with opened(Installation(tmp_path / "home")) as home:
        yield home


def vote(held: HeldHome, name: str, who: str, choice: Choice, reason: str = "") -> None:
    with desk_for(held.home, f"{who}@example.org") as (desk, reviewer):
        desk.vote(reviewer, name, choice, reason)


def follow(held: HeldHome) -> list[str]:
    """Do what was decided in this process, as a queue does once a second."""
    signer = Signer(held.installation, held.ledger)
    tracker = Tracker(held.installation, held.ledger, awaited=False)
    told: list[str] = []

    def tell(submission: Submission, state: State) -> None:
        told.append(f"{submission.submission_id} {state.value}")

    reviews = Reviews(held.installation, held.ledger, tell, signer, tracker)
    done = reviews.keep_up()
    assert [line.split()[0] for line in told] == done
    return told


def run(held: HeldHome, *killed: str) -> Ended:
    """Work the queue off, or kill it for certain at a call; MLflow is gone."""
    program = ["tests.support.dying", *killed] if killed else ["evaluator.cli"]
    ended = subprocess.run(
        [sys.executable, "-m", *program, "run", "--home", str(held.home)],
        check=False,
        capture_output=True,
        text=True,
        cwd=REPOSITORY,
        env=environment({"MLFLOW_TRACKING_URI": f"http://127.0.0.1:{free_port()}"}),
        timeout=300,
    )
    return Ended(ended.returncode, ended.stdout, ended.stderr)


def test_two_votes_and_a_kill_between_vote_and_release(held: HeldHome) -> None:
    name = held.hold("Net")
    vote(held, name, "ann", Choice.RELEASE)
    assert follow(held) == []
    assert held.ledger.submission(name).state is State.HELD
    vote(held, name, "bea", Choice.RELEASE)
    ended = run(held, "submissions.ledger.voting.votes:Votes.release", "before", "1")
    assert ended.code == -signal.SIGKILL, ended.complained
    assert held.ledger.submission(name).state is State.HELD
    assert f"{name}  North / Net  {BENCHMARK}  released" in run(held).printed
    (released,) = held.ledger.releases(BENCHMARK)
    assert released.document == (held.installation.enclave().held(name) or ("", ""))[1]
    assert held.ledger.unsigned() == []
    assert held.ledger.chain.problems() == []
    entries = held.ledger.chain.entries(subjects=[name])
    assert [each.event for each in entries if each.event in ("vote", "release")] == [
        "vote",
        "vote",
        "release",
    ]


def test_a_vote_of_who_lost_the_role_does_not_count(held: HeldHome) -> None:
    name = held.hold("Net")
    vote(held, name, "ann", Choice.RELEASE)
    held.store.people.grant(held.people["ann"], Role.REVIEWER, granted=False)
    vote(held, name, "bea", Choice.RELEASE)  # the first of a new round
    assert follow(held) == []
    held.store.people.grant(held.people["una"], Role.STEWARD, granted=True)
    vote(held, name, "una", Choice.RELEASE)
    held.store.people.enable(held.people["una"], enabled=False)
    assert follow(held) == []  # the round is complete, and one of its voters may not vote
    with desk_for(held.home, "bea@example.org") as (desk, bea):
        (waiting,) = desk.waiting(bea)
        assert (waiting.votes, waiting.voted, waiting.decision) == (0, False, None)
        assert desk.decisions(bea) == []
    held.store.people.enable(held.people["una"], enabled=True)
    assert follow(held) == [f"{name} released"]
    held.store.people.delete(held.people["una"])
    with desk_for(held.home, "bea@example.org") as (desk, bea):
        (decided,) = desk.decisions(bea)  # what was done by then stays
        assert [len(each.round.votes) for each in decided.rounds] == [2]


def test_a_refusal_ends_it_and_the_team_reads_the_reason(held: HeldHome) -> None:
    name = held.hold("Net")
    for who in ("ann", "bea"):
        vote(held, name, who, Choice.REFUSE, "trained on these cases")
    assert f"{name}  North / Net  {BENCHMARK}  refused" in run(held).printed
    assert held.ledger.submission(name).state is State.REFUSED
    printed = succeed("status", name, "--home", held.home)
    assert "refused" in printed
    assert "Trained on these cases." in printed
    assert held.ledger.releases(BENCHMARK) == []
    assert len(held.ledger.charged("North", BENCHMARK)) == 1
    told = lines(held.ledger, submission=name, team="", event="")
    assert any(f"person {held.people['ann']}: voted on {name}" in line for line in told)
    assert any(f"queue: {name} is refused" in line for line in told)


def test_the_commands_list_show_vote_and_refuse(held: HeldHome, tmp_path: Path) -> None:
    name = held.hold("Net")
    home, ann = ("--home", held.home), ("--as", "ann@example.org")
    page = tmp_path / "report.html"
    shown = succeed("review", "show", name, *ann, "--output", str(page), *home)
    assert "site: D" in shown
    assert "It is small itself" in shown
    assert "Net" in page.read_text()
    said = succeed("review", "vote", name, "refuse", "--reason", "no", *ann, *home)
    assert "1 of 2 votes; another reviewer's is needed" in said
    assert "1 of 2 votes  you have voted" in succeed("review", "list", *ann, *home)
    sentence = refused("release", name, *home)
    assert "asks for 2 reviewers; let them vote with `sequestra review vote`" in sentence
    assert held.ledger.submission(name).state is State.HELD


def test_votes_on_a_document_that_has_changed_release_nothing(held: HeldHome) -> None:
    """What would be released is worked out at the moment of release; another needs new votes."""
    name = held.hold("Net")
    enclave = held.installation.enclave()
    key, document = enclave.held(name) or ("", "")
    enclave.hold(name, key, document.replace("Net", "Not"))  # as of a former build
    for who in ("ann", "bea"):
        vote(held, name, who, Choice.RELEASE)
    assert follow(held) == []
    assert held.ledger.submission(name).state is State.HELD
    assert enclave.held(name) == (key, document)
    for who in ("ann", "bea"):
        vote(held, name, who, Choice.RELEASE)
    assert follow(held) == [f"{name} released"]
    assert [each.document for each in held.ledger.releases(BENCHMARK)] == [document]


def test_a_result_that_a_former_build_held_is_made_ready(held: HeldHome) -> None:
    name = held.hold("Net")
    with sqlite3.connect(held.home / "enclave" / "enclave.sqlite") as former:
        former.execute("DELETE FROM held")
    former.close()
    with desk_for(held.home, "ann@example.org") as (desk, ann):
        assert not desk.waiting(ann)[0].ready
        with pytest.raises(NotHeld, match="`sequestra run` makes it ready"):
            desk.look(ann, name)
        assert follow(held) == []
        assert desk.waiting(ann)[0].ready


def test_where_one_reviewer_is_enough_the_steward_may_release_and_it_is_said(
    tmp_path: Path,
) -> None:
    """The key is absent: a file that was sealed before it was known keeps its meaning."""
    with opened(sealed_home(tmp_path, reviewers=None)) as held:
        first, second = held.hold("Net"), held.hold("Other")
        assert release_held(held.installation, first).state is State.RELEASED
        assert held.ledger.is_recorded("released-at-shell", first)
        vote(held, second, "ann", Choice.RELEASE)
        assert follow(held) == [f"{second} released"]
        assert not held.ledger.is_recorded("released-at-shell", second)
        (round_,) = Votes(held.ledger).rounds(second)
        assert (round_.needed, round_.decision) == (1, Decision.RELEASE)
        document = held.ledger.releases(BENCHMARK)[0].document
        assert "reviewers" not in document  # as releases of former builds
        report = render_report(Release.from_json(document))
        assert "until one reviewer, or the steward, releases them" in report


def test_what_reviewers_refused_is_not_released_at_the_shell_before_the_queue_ends_it(
    tmp_path: Path,
) -> None:
    with opened(sealed_home(tmp_path, reviewers=1)) as held:
        name = held.hold("Net")
        vote(held, name, "ann", Choice.REFUSE, "trained on these cases")
        with pytest.raises(LedgerError, match="have decided to refuse it"):
            release_held(held.installation, name)
        assert held.ledger.releases(BENCHMARK) == []
        assert not held.ledger.is_recorded("released-at-shell", name)
        assert follow(held) == [f"{name} refused"]


def test_the_refusal_of_who_lost_the_role_does_not_keep_the_steward_from_releasing(
    tmp_path: Path,
) -> None:
    with opened(sealed_home(tmp_path, reviewers=1)) as held:
        name = held.hold("Net")
        vote(held, name, "ann", Choice.REFUSE, "trained on these cases")
        held.store.people.grant(held.people["ann"], Role.REVIEWER, granted=False)
        assert follow(held) == []
        assert release_held(held.installation, name).state is State.RELEASED


def test_votes_for_one_reviewer_do_not_release_where_two_are_asked_for(held: HeldHome) -> None:
    """A benchmark's file that was changed for a while: the votes name how many were needed."""
    name = held.hold("Net")
    file = held.home / "benchmarks" / f"{BENCHMARK}.toml"
    sealed = file.read_text()
    file.write_text(sealed.replace("reviewers = 2", "reviewers = 1"))
    vote(held, name, "ann", Choice.RELEASE)
    file.write_text(sealed)
    assert follow(held) == []
    assert held.ledger.submission(name).state is State.HELD
    for who in ("ann", "bea"):  # a new round is open
        assert follow(held) == []
        vote(held, name, who, Choice.RELEASE)
    assert follow(held) == [f"{name} released"]
    assert [each.needed for each in Votes(held.ledger).rounds(name)] == [1, 2]
