"""Votes on held results: rounds, decisions, and what the ledger refuses."""

from __future__ import annotations

import hashlib
import threading

import pytest
from sqlalchemy import text

from submissions.ledger.ledger import Ledger, LedgerError
from submissions.ledger.voting.votes import Choice, Decision, Round, Vote, Votes
from submissions.quota import Quota
from submissions.submission import Owner, State
from tests.support.postgresql import raw
from tests.support.received import submission

DOCUMENT = '{"auroc":0.75}'
OTHER = '{"auroc":0.76}'


def held(ledger: Ledger, name: str = "s1") -> None:
    ledger.receive(submission(name), Quota(per_team=9, days=7))
    for state in (State.LINTED, State.QUEUED, State.RUNNING, State.SCORING, State.HELD):
        ledger.move(name, state)


def cast(
    ledger: Ledger,
    reviewer: str,
    choice: Choice,
    reason: str = "because",
    document: str = DOCUMENT,
    needed: int = 2,
) -> Round:
    vote = Vote(
        submission_id="s1",
        evaluation_key="k",
        document=hashlib.sha256(document.encode()).hexdigest(),
        reviewer=reviewer,
        choice=choice,
        reason=reason,
    )
    return Votes(ledger).cast(vote, needed)


def test_two_votes_to_release_let_this_very_document_out(ledger: Ledger) -> None:
    held(ledger)
    assert cast(ledger, "ann", Choice.RELEASE, "").decision is None
    with pytest.raises(LedgerError, match="have not decided to release this document"):
        Votes(ledger).release("s1", "k", DOCUMENT)
    assert cast(ledger, "bea", Choice.RELEASE, "").decision is Decision.RELEASE
    with pytest.raises(LedgerError, match="have not decided to release this document"):
        Votes(ledger).release("s1", "k", OTHER)
    Votes(ledger).release("s1", "k", DOCUMENT)
    assert [each.document for each in ledger.releases("chest")] == [DOCUMENT]
    assert ledger.submission("s1").state is State.RELEASED
    assert ledger.chain.problems() == []


def test_two_votes_to_refuse_end_it_and_the_team_reads_the_reasons(ledger: Ledger) -> None:
    held(ledger)
    cast(ledger, "ann", Choice.REFUSE, "the model was trained on these cases")
    cast(ledger, "bea", Choice.REFUSE, "Its fact sheet names another model.")
    with pytest.raises(LedgerError, match="have not decided to release"):
        Votes(ledger).release("s1", "k", DOCUMENT)
    Votes(ledger).refuse("s1", DOCUMENT)
    assert ledger.submission("s1").state is State.REFUSED
    assert ledger.finding("s1") == (
        "The model was trained on these cases. Its fact sheet names another model."
    )
    assert ledger.releases("chest") == []
    assert len(ledger.charged("a team", "chest")) == 1
    with pytest.raises(LedgerError, match="is refused, not held; no vote is taken"):
        cast(ledger, "cyd", Choice.RELEASE)


def test_to_ask_again_puts_the_question_and_begins_without_votes(ledger: Ledger) -> None:
    held(ledger)
    cast(ledger, "ann", Choice.ASK_AGAIN, "Which data was it trained on?")
    assert Votes(ledger).questions("s1") == ()  # the other reviewer has not voted
    assert cast(ledger, "bea", Choice.RELEASE, "").decision is Decision.ASK_AGAIN
    assert Votes(ledger).questions("s1") == ("Which data was it trained on?",)
    assert ledger.submission("s1").state is State.HELD
    assert cast(ledger, "bea", Choice.RELEASE, "").votes[0].reviewer == "bea"
    assert cast(ledger, "ann", Choice.RELEASE, "").decision is Decision.RELEASE
    assert [each.number for each in Votes(ledger).rounds("s1")] == [1, 2]


def test_split_votes_leave_it_held_with_a_new_round(ledger: Ledger) -> None:
    held(ledger)
    cast(ledger, "ann", Choice.RELEASE)
    assert cast(ledger, "bea", Choice.REFUSE).decision is Decision.SPLIT
    with pytest.raises(LedgerError, match="have not decided"):
        Votes(ledger).release("s1", "k", DOCUMENT)
    cast(ledger, "ann", Choice.REFUSE)
    assert cast(ledger, "bea", Choice.REFUSE).decision is Decision.REFUSE


def test_nobody_votes_twice_in_a_round_or_after_the_decision(ledger: Ledger) -> None:
    held(ledger)
    cast(ledger, "ann", Choice.RELEASE)
    with pytest.raises(LedgerError, match="this person has voted"):
        cast(ledger, "ann", Choice.REFUSE)
    cast(ledger, "bea", Choice.RELEASE)
    with pytest.raises(LedgerError, match="have decided to release it"):
        cast(ledger, "cyd", Choice.REFUSE)


def test_a_changed_document_begins_without_votes(ledger: Ledger) -> None:
    held(ledger)
    cast(ledger, "ann", Choice.RELEASE)
    assert cast(ledger, "bea", Choice.RELEASE, document=OTHER).decision is None
    assert cast(ledger, "ann", Choice.RELEASE, document=OTHER).decision is Decision.RELEASE
    Votes(ledger).release("s1", "k", OTHER)


@pytest.mark.parametrize("choice", [Choice.REFUSE, Choice.ASK_AGAIN])
def test_a_team_that_is_refused_or_asked_is_told_why(ledger: Ledger, choice: Choice) -> None:
    held(ledger)
    with pytest.raises(LedgerError, match="has no reason; the team reads it"):
        cast(ledger, "ann", choice, "  ")
    with pytest.raises(LedgerError, match="has 2001 characters; give at most 2000"):
        cast(ledger, "ann", choice, "a" * 2001)
    assert Votes(ledger).rounds("s1") == ()


def test_one_reviewer_is_enough_where_the_benchmark_says_so(ledger: Ledger) -> None:
    held(ledger)
    assert cast(ledger, "ann", Choice.RELEASE, needed=1).decision is Decision.RELEASE
    Votes(ledger).release("s1", "k", DOCUMENT)


def test_votes_begun_for_two_are_not_ended_by_one(ledger: Ledger) -> None:
    held(ledger)
    cast(ledger, "ann", Choice.RELEASE, needed=2)
    with pytest.raises(LedgerError, match="begun for 2 reviewers, and its benchmark asks for 1"):
        cast(ledger, "bea", Choice.RELEASE, needed=1)


def test_a_release_at_the_shell_is_told_by_the_chain(ledger: Ledger) -> None:
    held(ledger)
    Votes(ledger).override("s1", "k", DOCUMENT)
    assert ledger.is_recorded("released-at-shell", "s1")
    assert ledger.submission("s1").state is State.RELEASED


def test_the_chain_tells_who_voted_and_not_what(ledger: Ledger) -> None:
    held(ledger)
    cast(ledger, "ann", Choice.REFUSE, "secret until both have voted")
    (entry,) = ledger.chain.entries(event="vote")
    assert entry.content.split()[0] == "ann"
    assert "refuse" not in entry.content
    assert "secret" not in entry.content
    assert ledger.chain.problems() == []


def test_a_changed_vote_is_found(ledger: Ledger, database: str) -> None:
    held(ledger)
    cast(ledger, "ann", Choice.REFUSE)
    with raw(database, unguarded=True) as connection:
        connection.execute(text("UPDATE votes SET vote = 'release'"))
    assert ledger.chain.problems() == [
        "vote of s1 stands in the tables and not in the audit chain",
        "vote of s1 stands in the audit chain and not in the tables",
    ]


def test_votes_at_the_same_moment_share_a_round(database: str) -> None:
    ledgers = [Ledger(database) for _ in range(4)]
    held(ledgers[0])
    refused = []

    def vote(number: int) -> None:
        try:
            cast(ledgers[number], f"p{number}", Choice.RELEASE)
        except LedgerError as error:
            refused.append(str(error))

    threads = [threading.Thread(target=vote, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(refused) == 2
    assert all("have decided to release it" in each for each in refused)
    assert [len(each.votes) for each in Votes(ledgers[0]).rounds("s1")] == [2]
    for each in ledgers:
        each.close()


@pytest.mark.parametrize("owner", [Owner.QUEUE, Owner.TEAM])
@pytest.mark.parametrize("state", [State.RELEASED, State.REFUSED])
def test_only_reviewers_and_the_steward_end_a_held_result(
    ledger: Ledger, owner: Owner, state: State
) -> None:
    held(ledger)
    with pytest.raises(LedgerError, match=f"is held; to make it {state.value} is not the part of"):
        ledger.move("s1", state, by=owner)


def test_a_team_may_withdraw_and_do_nothing_else(ledger: Ledger) -> None:
    ledger.receive(submission("s2"), Quota(per_team=9, days=7))
    with pytest.raises(LedgerError, match="to make it linted is not the part of the team"):
        ledger.move("s2", State.LINTED, by=Owner.TEAM)
    ledger.withdraw("s2", "ann")
    assert ledger.submission("s2").state is State.FAILED
