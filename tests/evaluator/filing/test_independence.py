"""The statement says what the chain's entries show: hand-made chains, and a real ledger."""

from __future__ import annotations

from dataclasses import replace

from evaluator.filing.independence import NOT_SHOWN, Independence, independence
from evaluator.signing.signer import sign
from evaluator.stores.installation import Installation
from submissions.ledger.ledger import Ledger
from submissions.submission import Failure, State
from tests.support.filed_home import entered, failed, home_with, publish, seal
from tests.support.hand_made import COHORT, released


def of(ledger: Ledger, name: str) -> Independence:
    """The statement about a submission's release, up to its signature where it has one."""
    published = next(each for each in ledger.every_release() if each.submission_id == name)
    return independence(ledger, published, COHORT, ledger.signed_release(name))


def test_a_seal_before_the_first_submission_is_said_to_be_so(
    installation: Installation, ledger: Ledger
) -> None:
    home_with(installation, ledger)
    first = of(ledger, "s-0001").sentences[0]
    assert first.startswith("Entry 1 (")
    assert first.endswith(
        "is the seal of this cohort, before the first submission to this benchmark (entry 2)."
    )


def test_a_seal_after_the_first_submission_is_not_called_before_it(
    installation: Installation, ledger: Ledger
) -> None:
    publish(installation, ledger, released("s-0001"))
    seal(ledger)
    sign(installation, ledger)
    assert "not before the first submission" in of(ledger, "s-0001").sentences[0]


def test_without_a_seal_or_with_another_cohorts_nothing_is_claimed(
    installation: Installation, ledger: Ledger
) -> None:
    publish(installation, ledger, released("s-0001"))
    assert "does not show when" in of(ledger, "s-0001").sentences[0]
    seal(ledger, digest="sha256:" + "d" * 64)
    sign(installation, ledger)
    assert "the seal of another cohort than this one" in of(ledger, "s-0001").sentences[0]


def test_looks_are_counted_over_the_team_and_over_all_but_not_our_failures(
    installation: Installation, ledger: Ledger
) -> None:
    seal(ledger)
    seal(ledger, benchmark="another")
    publish(installation, ledger, released("s-1", team="Other"))
    publish(installation, ledger, replace(released("s-2", team="North"), benchmark="another"))
    failed(ledger, released("s-3", team="North"), Failure.CRASHED)
    failed(ledger, released("s-4", team="North"), Failure.HARNESS_ERROR)
    publish(installation, ledger, released("s-5", team="NORTH"))
    sign(installation, ledger)
    found = of(ledger, "s-5")
    assert (found.looks, found.cohort_looks) == (2, 3)
    assert (
        "This is look 2 of 2 that the team had on this cohort so far; all teams together had 3."
        in found.sentences
    )


def test_a_run_of_an_image_that_had_run_before_is_a_look_too(
    installation: Installation, ledger: Ledger
) -> None:
    """It goes from the queue straight on to scoring, and the ledger charges it."""
    home_with(installation, ledger)
    again = released("s-0002")
    entered(ledger, again)
    ledger.admitted("s-0002", again.image_digest, State.LINTED, State.QUEUED)
    ledger.move("s-0002", State.SCORING)
    ledger.publish("s-0002", "a" * 64, again.to_json(), state=State.RELEASED)
    assert len(ledger.charged(again.team, again.benchmark)) == 2
    assert (of(ledger, "s-0002").looks, of(ledger, "s-0002").cohort_looks) == (2, 2)
    assert "This is look 2 of 2 that the team had" in of(ledger, "s-0002").sentences[2]


def test_looks_on_a_benchmarks_former_cohort_are_not_counted(
    installation: Installation, ledger: Ledger
) -> None:
    seal(ledger, digest="sha256:" + "d" * 64)
    failed(ledger, released("s-1", team="North"), Failure.CRASHED)
    seal(ledger)
    publish(installation, ledger, released("s-2", team="North"))
    sign(installation, ledger)
    assert (of(ledger, "s-2").looks, of(ledger, "s-2").cohort_looks) == (1, 1)


def test_the_statement_is_that_of_the_signatures_time_whatever_comes_later(
    installation: Installation, ledger: Ledger
) -> None:
    home_with(installation, ledger)
    before = of(ledger, "s-0001")
    publish(installation, ledger, released("s-0002"))
    sign(installation, ledger)
    assert of(ledger, "s-0001") == before
    assert of(ledger, "s-0002").looks == 2


def test_who_released_is_told_by_the_entries(installation: Installation, ledger: Ledger) -> None:
    seal(ledger)
    publish(installation, ledger, released("s-1"))
    publish(installation, ledger, released("s-2"), held=True)
    sign(installation, ledger)
    assert (
        "The queue released it; the chain has no hold of the result before it."
        in (of(ledger, "s-1").sentences[3])
    )
    assert "It was held at entry " in of(ledger, "s-2").sentences[3]
    assert "; a steward released it (entry " in of(ledger, "s-2").sentences[3]


def test_votes_are_counted_by_reviewers_and_not_read(
    installation: Installation, ledger: Ledger
) -> None:
    seal(ledger)
    publish(installation, ledger, released("s-1"), held=True, votes=("ann 1", "ben 2", "ann 3"))
    publish(installation, ledger, released("s-2"), held=True, shell=True)
    sign(installation, ledger)
    assert (
        "2 reviewers voted (entries 12, 13, 14, which have digests of the votes), and it was"
        in (of(ledger, "s-1").sentences[3])
    )
    assert "a steward released it at the shell, without votes" in of(ledger, "s-2").sentences[3]


def test_an_unsigned_release_says_so(installation: Installation, ledger: Ledger) -> None:
    seal(ledger)
    publish(installation, ledger, released("s-0001"))
    assert of(ledger, "s-0001").sentences[-1].startswith("No signature covers this release yet")


def test_no_sentence_says_more_than_entries_can(installation: Installation, ledger: Ledger) -> None:
    home_with(installation, ledger)
    said = " ".join(of(ledger, "s-0001").sentences).lower()
    for claim in ("never seen", "independent", "unbiased", "no access", "guarantee", "proves"):
        assert claim not in said
    assert any("from elsewhere" in each for each in NOT_SHOWN)
