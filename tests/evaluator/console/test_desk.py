"""What reviewers may see and do: roles, own teams, blindness, reasons, differences, the record."""

from __future__ import annotations

import pytest

from evaluator.console.desk import Changed, Desk, NotHeld, age, desk_for, desk_of
from evaluator.console.reviewers import NotAReviewer, OwnResult, Reviewer
from evaluator.disclosure.control import Release
from submissions.ledger.ledger import LedgerError
from submissions.ledger.voting.votes import Choice, Decision, Votes
from submissions.submission import State
from tests.support.held_home import BENCHMARK, HeldHome


def looks(held: HeldHome, submission: str) -> list[str]:
    entries = held.ledger.chain.entries(subjects=[submission], event="held-viewed")
    return [entry.content for entry in entries]


def test_a_look_shows_what_is_withheld_and_why_and_is_recorded(held: HeldHome) -> None:
    name = held.hold("Net")
    with desk_for(held.home, "ann@example.org") as (desk, ann):
        assert looks(held, name) == []
        (waiting,) = desk.waiting(ann)
        assert (waiting.votes, waiting.needed, waiting.ready, waiting.own) == (0, 2, True, False)
        assert looks(held, name) == []  # the list shows no figure
        shown = desk.look(ann, name)
        assert looks(held, name) == [held.people["ann"]]
        # Site D has 6 of 170 cases, and C, the next smallest, would give it away by subtraction.
        reasons = {each.group: (each.cases, each.protects, each.why) for each in shown.withheld}
        assert set(reasons) == {"site: C", "site: D"}
        assert reasons["site: D"][:2] == ("6 cases of 6 patients, 3 positive, 3 negative", False)
        assert "6 cases and 6 patients, and the least is 10" in reasons["site: D"][2]
        assert reasons["site: C"][:2] == ("24 cases of 24 patients, 12 positive, 12 negative", True)
        assert "protects another group (site: D)" in reasons["site: C"][2]
        assert shown.difference is None
        assert "look 1 of 1" in shown.looks
        assert "5 in 7 days" in shown.looks
        html = desk.report(ann, name)
    assert "<h1" in html
    assert "Net" in html
    assert "itself" not in Release.from_json(shown.document.document).to_json()
    assert looks(held, name) == [held.people["ann"]] * 2
    assert held.ledger.chain.problems() == []


def test_the_preview_is_the_document_that_is_released(held: HeldHome) -> None:
    name = held.hold("Net")
    with desk_for(held.home, "ann@example.org") as (desk, ann):
        document = desk.look(ann, name).document
        desk.vote(ann, name, Choice.RELEASE, "")
    with desk_for(held.home, "bea@example.org") as (desk, bea):
        assert desk.vote(bea, name, Choice.RELEASE, "").decision is Decision.RELEASE
    Votes(held.ledger).release(name, document.evaluation_key, document.document)
    (released,) = held.ledger.releases(BENCHMARK)
    assert released.document == document.document


def test_reviewers_are_blind_to_each_other_until_both_have_voted(held: HeldHome) -> None:
    name = held.hold("Net")
    with desk_of(held.installation) as (desk, _):
        ann, bea = (Reviewer(held.people[each], each) for each in ("ann", "bea"))
        desk.vote(ann, name, Choice.REFUSE, "leaked")
        seen = desk.look(bea, name)
        assert (seen.waiting.votes, seen.own_vote, seen.rounds) == (1, None, ())
        assert desk.decisions(bea) == []
        own = desk.look(ann, name).own_vote
        assert own is not None
        assert own.reason == "leaked"
        desk.vote(bea, name, Choice.RELEASE, "fine")
        (told,) = desk.look(bea, name).rounds
        assert told.round.decision is Decision.SPLIT
        assert [(who, vote.reason) for who, vote in told.voters] == [
            ("Ann", "leaked"),
            ("Bea", "fine"),
        ]
        (decided,) = desk.decisions(bea)
        assert decided.submission.submission_id == name


@pytest.mark.parametrize("who", ["tess", "oda"])
def test_nobody_sees_or_decides_a_result_of_their_own(held: HeldHome, who: str) -> None:
    """Tess is of the team; Oda was once in a team that shares its allowance."""
    name = held.hold("Net")
    with desk_for(held.home, f"{who}@example.org") as (desk, person):
        (waiting,) = desk.waiting(person)
        assert waiting.own
        for act in (
            lambda: desk.look(person, name),
            lambda: desk.report(person, name),
            lambda: desk.vote(person, name, Choice.RELEASE, ""),
        ):
            with pytest.raises(OwnResult, match="of your own team, or of one that shares"):
                act()
    assert looks(held, name) == []


@pytest.mark.parametrize("who", ["tess", "oda"])
def test_nobody_reads_the_rounds_of_a_result_of_their_own(held: HeldHome, who: str) -> None:
    """Names of reviewers, and reasons that the team is not told, stay among reviewers."""
    split, released = held.hold("Net"), held.hold("Other")
    with desk_of(held.installation) as (desk, _):
        ann, bea = (Reviewer(held.people[each], each) for each in ("ann", "bea"))
        desk.vote(ann, split, Choice.REFUSE, "leaked")
        desk.vote(bea, split, Choice.RELEASE, "fine")
    release(held, released)
    with desk_for(held.home, f"{who}@example.org") as (desk, person):
        assert desk.decisions(person) == []
    with desk_for(held.home, "ann@example.org") as (desk, person):
        assert len(desk.decisions(person)) == 2


def test_who_entered_a_result_for_another_team_does_not_review_it(held: HeldHome) -> None:
    name = held.hold("Net", team="A team without accounts", by="ann")
    with desk_for(held.home, "ann@example.org") as (desk, ann), pytest.raises(OwnResult):
        desk.look(ann, name)
    with desk_for(held.home, "tess@example.org") as (desk, tess):
        assert desk.look(tess, name).waiting.submission.submission_id == name


def test_a_person_without_the_role_is_refused(held: HeldHome) -> None:
    with (
        pytest.raises(NotAReviewer, match="a steward gives the role"),
        desk_for(held.home, "una@example.org"),
    ):
        pass


def release(held: HeldHome, name: str) -> None:
    key, document = held.installation.enclave().held(name) or ("", "")
    Votes(held.ledger).override(name, key, document)


def test_the_difference_to_the_teams_last_release_is_shown(held: HeldHome) -> None:
    first = held.hold("Net", skill=1.0)
    release(held, first)
    second = held.hold("Net, longer", team="South", skill=3.0)  # it shares the allowance
    before = Release.from_json(held.ledger.releases(BENCHMARK)[0].document).find("auroc")
    with desk_for(held.home, "ann@example.org") as (desk, ann):
        shown = desk.look(ann, second)
        (at_shell,) = desk.decisions(ann)
    now = shown.release.find("auroc")
    assert before is not None
    assert now is not None
    difference = shown.difference
    assert difference is not None
    assert difference.since.submission_id == first
    assert difference.same_cohort
    (auroc,) = [each for each in difference.overall if each.figure == "AUROC"]
    assert auroc.before.startswith(f"{before.value}")
    assert auroc.now.startswith(f"{now.value}")
    assert auroc.moved.startswith("+0.")
    assert (difference.newly_shown, difference.newly_withheld) == ((), ())
    assert at_shell.at_shell
    assert "look 2 of 2" in shown.looks
    assert "(South, North)" in shown.looks


def test_a_changed_document_is_not_voted_on_unseen(held: HeldHome) -> None:
    name = held.hold("Net")
    with desk_for(held.home, "ann@example.org") as (desk, ann):
        with pytest.raises(Changed, match="has changed since you opened it"):
            desk.vote(ann, name, Choice.RELEASE, "", seen="0" * 64)
        seen = desk.look(ann, name).document.digest
        assert desk.vote(ann, name, Choice.RELEASE, "", seen=seen).decision is None


@pytest.mark.parametrize("hidden", ["\u202e", "\x1b", "\x00", "\u200b"])
def test_a_reason_hides_nothing(held: HeldHome, hidden: str) -> None:
    """The team reads it on a page, in a message and at a terminal."""
    name = held.hold("Net")
    with desk_for(held.home, "ann@example.org") as (desk, ann):
        with pytest.raises(LedgerError, match="the reason has the hidden character U"):
            desk.vote(ann, name, Choice.REFUSE, f"trained {hidden} on these cases")
        cast = desk.vote(ann, name, Choice.REFUSE, "trained on\r\nthese cases ")
    assert cast.votes[0].reason == "trained on\nthese cases"


def test_what_is_not_held_is_named(held: HeldHome) -> None:
    name = held.hold("Net")
    release(held, name)
    with desk_for(held.home, "ann@example.org") as (desk, ann):
        assert desk.waiting(ann) == []
        with pytest.raises(NotHeld, match=f"submission {name} is released, not held"):
            desk.look(ann, name)
        with pytest.raises(NotHeld, match="no submission 'x'"):
            desk.look(ann, "x")


def test_the_age_is_told_in_days_and_hours() -> None:
    from datetime import UTC, datetime, timedelta

    now = datetime(2026, 3, 9, 12, 30, tzinfo=UTC)
    ages = {hours: age(now - timedelta(hours=hours), now) for hours in (0, 1, 30, 49, 80)}
    assert ages == {
        0: "under an hour",
        1: "1 hour",
        30: "1 day 6 hours",
        49: "2 days 1 hour",
        80: "3 days",
    }


def test_a_decided_result_takes_no_vote(held: HeldHome) -> None:
    name = held.hold("Net")

    def vote(desk: Desk, first: str) -> None:
        desk.vote(Reviewer(held.people[first], first), name, Choice.REFUSE, "no")

    with desk_of(held.installation) as (desk, _):
        vote(desk, "ann")
        with pytest.raises(LedgerError, match="this person has voted"):
            vote(desk, "ann")
        vote(desk, "bea")
        with pytest.raises(LedgerError, match="have decided to refuse it"):
            vote(desk, "ann")
    assert held.ledger.submission(name).state is State.HELD
