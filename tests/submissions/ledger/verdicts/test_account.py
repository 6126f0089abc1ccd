"""Looks of an allowance: each costs once, has a number of its own, and is never given back."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace

import pytest
from sqlalchemy import text

from submissions.ledger.database.audit_chain import digest_of_row
from submissions.ledger.ledger import Arrival, Ledger
from submissions.ledger.verdicts.account import Left, Look
from submissions.ledger.verdicts.told import ToldVerdict, document_of
from submissions.quota import Quota, QuotaError
from submissions.submission import Failure, State
from tests.support.postgresql import raw
from tests.support.received import submission

COHORT = "sha256:" + "6" * 64
CLAIMS = "sha256:" + "5" * 64
QUOTA = Quota(per_team=100, days=7)
LOOKS = 3


def enter(
    ledger: Ledger,
    name: str,
    team: str = "North",
    *states: State,
    by: str | None = None,
    allowance: tuple[str, ...] = (),
) -> str:
    """Enter a submission for the benchmark with claims, and take it so far."""
    arrival = None if by is None else Arrival(submitted_by=by)
    ledger.receive(submission(name, team), QUOTA, *states, arrival=arrival, allowance=allowance)
    return name


SCORED = (State.LINTED, State.QUEUED, State.RUNNING, State.SCORING)


def look(name: str, image: str, team: str = "North", claims: str = CLAIMS) -> Look:
    return Look(
        submission_id=name,
        team=team,
        benchmark="chest",
        image_digest=image,
        threshold=0.5,
        cohort_digest=COHORT,
        claims_digest=claims,
        looks=LOOKS,
    )


def judged(word: str = "not shown") -> Callable[[int], tuple[float, str]]:
    def judge(number: int) -> tuple[float, str]:
        level = 0.025 / LOOKS
        words = [("AUROC above 0.80", word)]
        told = document_of(words, look=number, looks=LOOKS, level=level, claims_digest=CLAIMS)
        return level, told

    return judge


def spend(ledger: Ledger, asked: Look, word: str = "not shown") -> ToldVerdict:
    return ledger.verdicts.spend(asked, judged(word))


def unasked(number: int) -> tuple[float, str]:
    raise AssertionError(f"look {number} is judged")


def test_a_look_has_its_number_its_level_and_its_verdict_in_one_row(ledger: Ledger) -> None:
    enter(ledger, "s1", "North", *SCORED)
    assert ledger.verdicts.of("s1") is None
    told = spend(ledger, look("s1", "image 1"), "met")
    assert [(each.name, each.verdict) for each in told.claims] == [("AUROC above 0.80", "met")]
    assert (told.look, told.looks, told.level, told.repeated) == (1, 3, 0.025 / 3, False)
    assert ledger.verdicts.of("s1") == told
    entries = ledger.chain.entries(subjects=["s1"], event="verdict")
    assert len(entries) == 1
    assert ledger.chain.problems() == []
    enter(ledger, "s2", "north", *SCORED)  # the same team
    assert spend(ledger, look("s2", "image 2", "north")).look == 2


def test_a_submission_is_judged_once_whatever_a_later_build_would_say(ledger: Ledger) -> None:
    enter(ledger, "s1", "North", *SCORED)
    first = spend(ledger, look("s1", "image 1"), "not shown")
    assert ledger.verdicts.spend(look("s1", "image 1"), unasked) == first
    other = look("s1", "image 1", claims="sha256:" + "4" * 64)
    assert ledger.verdicts.spend(other, unasked) == first


def test_the_same_look_costs_nothing_and_repeats_what_was_told(ledger: Ledger) -> None:
    ledger.verdicts.declare("chest", CLAIMS, LOOKS)
    for name in ("s1", "s2", "s3"):
        enter(ledger, name, "North", *SCORED)
    first = spend(ledger, look("s1", "image 1"), "met")
    again = ledger.verdicts.spend(look("s2", "image 1"), unasked)
    assert (again.document, again.look, again.repeated) == (first.document, 1, True)
    assert ledger.verdicts.left("chest", ["North"]) == Left(LOOKS, spent=1, under_way=1)
    assert spend(ledger, look("s3", "image 2")).look == 2
    assert ledger.chain.problems() == []


def test_another_threshold_or_claim_is_another_look(ledger: Ledger) -> None:
    for name in ("s1", "s2", "s3"):
        enter(ledger, name, "North", *SCORED)
    assert spend(ledger, look("s1", "image 1")).look == 1
    assert spend(ledger, look("s2", "image 1", claims="sha256:" + "4" * 64)).look == 2
    assert spend(ledger, replace(look("s3", "image 1"), threshold=0.4)).look == 3


def test_another_team_has_looks_of_its_own_and_is_counted(ledger: Ledger) -> None:
    enter(ledger, "s1", "North", *SCORED)
    enter(ledger, "s2", "South", *SCORED)
    assert spend(ledger, look("s1", "image 1"), "met").look == 1
    assert spend(ledger, look("s2", "image 1", "South"), "met").look == 1
    assert ledger.verdicts.teams_that_tried("chest") == 2
    assert ledger.verdicts.teams_that_tried("another") == 0


def test_teams_with_a_person_in_common_share_their_looks(ledger: Ledger) -> None:
    """By the accounts at an entry, or by a person who entered for both; from team to team."""
    ledger.verdicts.declare("chest", CLAIMS, LOOKS)
    enter(ledger, "s1", "North", *SCORED, by="p1")
    enter(ledger, "s2", "South", *SCORED, by="p1")
    enter(ledger, "s3", "West", *SCORED, by="p2", allowance=("South", "West"))
    numbers = [
        spend(ledger, look(f"s{number}", f"image {number}", team)).look
        for number, team in enumerate(("North", "South", "West"), start=1)
    ]
    assert numbers == [1, 2, 3]
    assert ledger.verdicts.left("chest", ["North"]) == Left(3, spent=3, under_way=0)
    with pytest.raises(QuotaError, match="'West' has used all its 3 looks at benchmark 'chest'"):
        enter(ledger, "s4", "West")


def test_looks_that_are_under_way_are_not_promised_twice_and_a_failed_run_costs_none(
    ledger: Ledger,
) -> None:
    ledger.verdicts.declare("chest", CLAIMS, LOOKS)
    for name in ("s1", "s2", "s3"):
        enter(ledger, name, "North", State.LINTED, State.QUEUED, State.RUNNING)
    with pytest.raises(QuotaError, match="0 are used and 3 submissions under way may use the rest"):
        enter(ledger, "s4")
    ledger.move("s3", State.FAILED, Failure.NO_PREDICTIONS)
    assert ledger.verdicts.left("chest", ["North"]) == Left(3, spent=0, under_way=2)
    enter(ledger, "s4")
    # The rolling quota pays for the failed run, as ever.
    assert len(ledger.charged("North", "chest")) == 4


def test_a_benchmark_without_claims_is_as_before(ledger: Ledger) -> None:
    assert ledger.verdicts.left("chest", ["North"]) is None
    assert ledger.verdicts.admitting("chest", "North", (), QUOTA) is QUOTA
    for number in range(5):
        enter(ledger, f"s{number}")


def test_fifty_parallel_looks_of_one_allowance_have_fifty_numbers(
    ledger: Ledger, database: str
) -> None:
    for number in range(50):
        enter(ledger, f"s{number}", "North" if number % 2 else "South", *SCORED, by="p1")
    ledgers = [Ledger(database) for _ in range(4)]
    found: list[int] = []
    begin = threading.Barrier(50)

    def finish(number: int) -> None:
        team = "North" if number % 2 else "South"
        begin.wait()
        asked = look(f"s{number}", f"image {number}", team)
        found.append(spend(ledgers[number % 4], asked).look)

    threads = [threading.Thread(target=finish, args=(number,)) for number in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for each in ledgers:
        each.close()
    assert sorted(found) == list(range(1, 51))
    assert ledger.chain.problems() == []


def test_a_verdict_that_fails_to_be_written_spends_nothing(ledger: Ledger) -> None:
    enter(ledger, "s1", "North", *SCORED)

    def cut_off(number: int) -> tuple[float, str]:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ledger.verdicts.spend(look("s1", "image 1"), cut_off)
    assert ledger.verdicts.of("s1") is None
    assert spend(ledger, look("s1", "image 1")).look == 1


def test_a_changed_verdict_shows_in_the_audit_chain(ledger: Ledger, database: str) -> None:
    enter(ledger, "s1", "North", *SCORED)
    spend(ledger, look("s1", "image 1"), "not shown")
    for change in ("document = replace(document, 'not shown', 'met')", "level = 0.5", "look = 2"):
        with raw(database, unguarded=True) as connection:
            connection.execute(text("CREATE TABLE kept AS SELECT * FROM verdicts"))
            connection.execute(text(f"UPDATE verdicts SET {change}"))
        assert any("verdict of s1" in each for each in ledger.chain.problems()), change
        with raw(database, unguarded=True) as connection:
            for column in ("document", "level", "look"):
                connection.execute(
                    text(f"UPDATE verdicts SET {column} = (SELECT {column} FROM kept)")
                )
            connection.execute(text("DROP TABLE kept"))
    assert ledger.chain.problems() == []


def both(first: str, second: str) -> Callable[[int], tuple[float, str]]:
    words = [("AUROC above 0.70", first), ("AUROC above 0.80", second)]
    level = 0.025 / LOOKS

    def judge(at: int) -> tuple[float, str]:
        return level, document_of(words, look=at, looks=LOOKS, level=level, claims_digest=CLAIMS)

    return judge


def test_which_of_several_claims_is_met_is_told_with_the_last_look(ledger: Ledger) -> None:
    """The words on a true claim would choose the model of the next look."""
    found = [("met", "not shown"), ("met", "met"), ("not shown", "not tested")]
    for number, (first, second) in enumerate(found, start=1):
        enter(ledger, f"s{number}", "North", *SCORED)
        asked = look(f"s{number}", f"image {number}")
        ledger.verdicts.spend(asked, both(first, second))
        told = [ledger.verdicts.of(f"s{each}") for each in range(1, number + 1)]
        words = [tuple(claim.verdict for claim in each.claims) for each in told if each]
        later = ("told later", "told later")
        assert words == ([later], [later, ("met", "met")], found)[number - 1]
        assert all(each and each.all_told == (later not in words) for each in told[:1])
        recorded = ledger.verdicts.recorded(f"s{number}")
        assert recorded is not None
        assert tuple(claim.verdict for claim in recorded.claims) == (first, second)


def test_which_of_several_claims_is_met_is_told_with_the_release(ledger: Ledger) -> None:
    enter(ledger, "s1", "North", *SCORED)
    ledger.verdicts.spend(look("s1", "image 1"), both("met", "not shown"))
    ledger.publish("s1", "k", "{}", state=State.RELEASED)
    told = ledger.verdicts.of("s1")
    assert told is not None
    assert [claim.verdict for claim in told.claims] == ["met", "not shown"]


def test_nothing_but_three_words_can_be_told() -> None:
    with pytest.raises(ValueError, match=r"a verdict is 'met: 0\.912'"):
        document_of([("a", "met: 0.912")], look=1, looks=1, level=0.025, claims_digest=CLAIMS)


def test_what_the_audit_chain_keeps_of_a_verdict_cannot_be_guessed(ledger: Ledger) -> None:
    """All of a look but its words is known to its team, and words are few: the digest is salted."""
    asked = look("s1", "image 1")
    enter(ledger, "s1", "North", *SCORED)
    spend(ledger, asked, "met")
    (entry,) = ledger.chain.entries(subjects=["s1"], event="verdict")
    level, document = judged("met")(1)
    known = ["North", '["north"]', "chest", COHORT, CLAIMS, asked.digest, 1, LOOKS, level, None]
    guesses = [digest_of_row([*known, document]), digest_of_row([*known, document, ""])]
    assert entry.content not in guesses
    with ledger.transaction() as connection:
        salt = connection.execute(text("SELECT salt FROM verdicts")).scalar_one()
    assert entry.content == digest_of_row([*known, document, salt])
    assert len(salt) == 32
    assert ledger.chain.problems() == []
