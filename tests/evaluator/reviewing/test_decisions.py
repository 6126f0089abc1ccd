"""The process that runs the queue does what reviewers decided, also after kill -9."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from evaluator.stores.installation import Installation
from submissions.ledger.voting.votes import Choice, Decision, Votes
from submissions.submission import State
from tests.support.commands import Ended, environment, refused, succeed
from tests.support.held_home import BENCHMARK, HeldHome, opened, sealed_home
from tests.support.repository import REPOSITORY
from tests.support.services import free_port


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sealed_home(tmp_path_factory.mktemp("sealed")).root


@pytest.fixture
def held(sealed: Path, tmp_path: Path) -> Iterator[HeldHome]:
    shutil.copytree(sealed, tmp_path / "home")
    with opened(Installation(tmp_path / "home")) as home:
        yield home


def review(held: HeldHome, *arguments: str) -> str:
    return succeed("review", *arguments, "--home", held.home)


def vote(held: HeldHome, name: str, who: str, word: str, *more: str) -> str:
    return review(held, "vote", name, word, "--as", f"{who}@example.org", *more)


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


VOTES = "submissions.ledger.voting.votes:Votes"


def test_two_votes_and_a_kill_between_vote_and_release(held: HeldHome) -> None:
    name = held.hold("Net")
    assert "1 of 2 votes; another reviewer's is needed" in vote(held, name, "ann", "release")
    assert name not in run(held).printed
    assert held.ledger.submission(name).state is State.HELD
    assert "2 of 2 votes; `sequestra run` releases it" in vote(held, name, "bea", "release")
    for when, state in (("before", State.HELD), ("after", State.RELEASED)):
        ended = run(held, f"{VOTES}.release", when, "1")
        assert ended.code == -signal.SIGKILL, ended.complained
        assert held.ledger.submission(name).state is state
    assert len(held.ledger.releases(BENCHMARK)) == 1
    run(held)  # signs what the killed one published
    (released,) = held.ledger.releases(BENCHMARK)
    assert released.document == (held.installation.enclave().held(name) or ("", ""))[1]
    assert held.ledger.unsigned() == []
    assert held.ledger.audit_problems() == []
    entries = held.ledger.audit_entries(subjects=[name])
    assert [each.event for each in entries if each.event in ("vote", "release")] == [
        "vote",
        "vote",
        "release",
    ]


def test_a_refusal_ends_it_and_the_team_reads_the_reason(held: HeldHome) -> None:
    name = held.hold("Net")
    vote(held, name, "ann", "refuse", "--reason", "trained on these cases")
    vote(held, name, "bea", "refuse", "--reason", "trained on these cases")
    assert f"{name}  North / Net  {BENCHMARK}  refused" in run(held).printed
    assert held.ledger.submission(name).state is State.REFUSED
    printed = succeed("status", name, "--home", held.home)
    assert "refused" in printed
    assert "Trained on these cases." in printed
    assert held.ledger.releases(BENCHMARK) == []
    assert len(held.ledger.charged("North", BENCHMARK)) == 1
    told = succeed("audit", "show", "--submission", name, "--home", held.home)
    assert f"person {held.people['ann']}: voted on {name}" in told
    assert "queue: " in told
    assert f"{name} is refused" in told


def test_the_commands_list_show_and_refuse(held: HeldHome, tmp_path: Path) -> None:
    name = held.hold("Net")
    assert "0 of 2 votes  your vote" in review(held, "list", "--as", "ann@example.org")
    assert "your own team's" in review(held, "list", "--as", "tess@example.org")
    page = tmp_path / "report.html"
    shown = review(held, "show", name, "--as", "ann@example.org", "--output", str(page))
    assert "site: D" in shown
    assert "It is small itself" in shown
    assert "Net" in page.read_text()
    home = ("--home", held.home)
    assert "of your own team" in refused("review", "show", name, "--as", "tess@example.org", *home)
    assert "is no reviewer" in refused("review", "list", "--as", "una@example.org", *home)
    assert "'maybe' is no vote; give one of release, refuse, ask-again" in refused(
        "review", "vote", name, "maybe", "--as", "ann@example.org", *home
    )
    assert "has no reason" in refused(
        "review", "vote", name, "refuse", "--as", "ann@example.org", *home
    )
    sentence = refused("release", name, *home)
    assert "asks for 2 reviewers; let them vote with `sequestra review vote`" in sentence
    assert held.ledger.submission(name).state is State.HELD


def test_votes_on_a_document_that_has_changed_release_nothing(held: HeldHome) -> None:
    """What would be released is worked out at the moment of release; another is voted on anew."""
    name = held.hold("Net")
    enclave = held.installation.enclave()
    key, document = enclave.held(name) or ("", "")
    enclave.hold(name, key, document.replace("Net", "Not"))  # as of a former build
    for who in ("ann", "bea"):
        vote(held, name, who, "release")
    run(held)
    assert held.ledger.submission(name).state is State.HELD
    assert enclave.held(name) == (key, document)
    assert "0 of 2 votes" in review(held, "list", "--as", "ann@example.org")
    for who in ("ann", "bea"):
        vote(held, name, who, "release")
    run(held)
    assert [each.document for each in held.ledger.releases(BENCHMARK)] == [document]


def test_where_one_reviewer_is_enough_the_steward_may_release_and_it_is_said(
    tmp_path: Path,
) -> None:
    """The key is absent: a file that was sealed before it was known keeps its meaning."""
    with opened(sealed_home(tmp_path, reviewers=None)) as held:
        first, second = held.hold("Net"), held.hold("Other")
        assert "released" in succeed("release", first, "--home", held.home)
        assert held.ledger.is_recorded("released-at-shell", first)
        vote(held, second, "ann", "release")
        run(held)
        assert held.ledger.submission(second).state is State.RELEASED
        assert not held.ledger.is_recorded("released-at-shell", second)
        report = tmp_path / "report.html"
        succeed("report", first, "--home", held.home, "--output", report)
        assert "until one reviewer, or the steward, releases them" in report.read_text()
        (round_,) = Votes(held.ledger).rounds(second)
        assert (round_.needed, round_.decision) == (1, Decision.RELEASE)
        assert round_.votes[0].choice is Choice.RELEASE
