"""Who saw which figures: a row a release, the look's number, and when a cohort is spent."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from evaluator.comparing.looks import looks
from submissions.ledger.beside_releases import exposures, retirement
from submissions.ledger.beside_releases.exposures import Use
from submissions.ledger.database.records import FrozenComparison
from submissions.ledger.ledger import Arrival, Ledger
from submissions.quota import Quota, QuotaError
from submissions.signatures import Signed
from submissions.submission import Failure, State, Submission

WIDE = Quota(per_team=100, days=7)
DOCUMENT = json.dumps(
    {
        "cohort_digest": "sha256:" + "c" * 64,
        "results": [{"metric": "auroc"}, {"metric": "auroc"}, {"metric": "brier"}],
    }
)
FIRST = Submission(
    submission_id="s1",
    team="North",
    model="m",
    benchmark="chest",
    image_digest="sha256:" + "0" * 64,
    threshold=0.5,
    state=State.RECEIVED,
    received=datetime(2026, 1, 2, tzinfo=UTC),
)
TO_SCORE = (State.LINTED, State.QUEUED, State.RUNNING, State.SCORING)


def enter(ledger: Ledger, name: str, team: str = "North", *, quota: Quota = WIDE) -> None:
    ledger.receive(replace(FIRST, submission_id=name, team=team), quota)


def release(ledger: Ledger, name: str, use: Use = exposures.UNKNOWN) -> None:
    for state in TO_SCORE:
        ledger.move(name, state)
    ledger.publish(name, "k", DOCUMENT, state=State.RELEASED, use=use)


def seen(ledger: Ledger) -> list[exposures.Exposure]:
    return ledger.read(lambda connection: exposures.read(connection, benchmark="chest"))


def test_a_release_is_a_row_with_its_figures_and_its_look(ledger: Ledger) -> None:
    enter(ledger, "s1")
    enter(ledger, "s2", "South")
    enter(ledger, "s3")  # rejected: no look
    ledger.move("s3", State.REJECTED, Failure.IMAGE_INVALID)
    enter(ledger, "s4")
    release(ledger, "s4", Use(lifetime=5, load_factor=2.004))
    release(ledger, "s2")
    north, south = seen(ledger)
    assert (north.subject, north.team, north.look, north.lifetime) == ("s4", "North", 2, 5)
    assert north.load_factor == 2.0
    assert north.figures == {"auroc": 2, "brier": 1}
    assert north.cohort_digest == "sha256:" + "c" * 64
    assert (south.team, south.look, south.lifetime, south.load_factor) == ("South", 1, None, None)
    assert ledger.chain.problems() == []


def test_a_comparison_is_a_row_for_each_team_in_it(ledger: Ledger) -> None:
    enter(ledger, "s1")
    release(ledger, "s1")
    teams = [{"team": name} for name in ("South", "North", "South")]
    ledger.comparisons.append(
        FrozenComparison(
            benchmark="chest",
            cohort_digest="sha256:" + "c" * 64,
            cause="2026-01-03",
            through=1,
            at=datetime(2026, 1, 3, tzinfo=UTC),
            document=json.dumps({"figure": "auroc", "entries": teams, "pairs": [{}, {}, {}]}),
            digest="sha256:" + "d" * 64,
            signed=Signed(statement="{}", key_id="8" * 64, signature=b"9"),
        )
    )
    rows = [row for row in seen(ledger) if row.kind == "comparison"]
    assert [(row.subject[-1], row.team, row.figures, row.look) for row in rows] == [
        ("d", "North", {"auroc": 3}, None),
        ("d", "South", {"auroc": 3}, None),
    ]
    assert ledger.chain.problems() == []


def test_looks_of_all_teams_spend_a_cohort(ledger: Ledger) -> None:
    quota = replace(WIDE, cohort_looks=2)
    enter(ledger, "s1", quota=quota)
    enter(ledger, "s2", "South", quota=quota)
    ledger.move("s1", State.REJECTED, Failure.IMAGE_INVALID)  # gives its look back
    enter(ledger, "s3", "West", quota=quota)
    with pytest.raises(
        QuotaError,
        match="'chest' takes no new submissions, since its cohort is spent: all teams together "
        "have had 2 looks; 2 are allowed; ask the steward for the next draw",
    ):
        enter(ledger, "s4", quota=quota)
    with pytest.raises(QuotaError, match="takes no new submissions"):
        ledger.admit("North", "chest", quota)


def test_a_load_factor_spends_a_cohort(ledger: Ledger) -> None:
    quota = replace(WIDE, load_factor=3.0)
    enter(ledger, "s1", quota=quota)
    release(ledger, "s1", Use(load_factor=2.9))
    enter(ledger, "s2", quota=quota)
    release(ledger, "s2", Use(load_factor=3.0))
    with pytest.raises(QuotaError, match="its load factor is 3, and 3 is the most"):
        enter(ledger, "s3", quota=quota)


def test_a_retired_benchmark_names_the_one_with_the_next_draw(ledger: Ledger) -> None:
    enter(ledger, "s1")
    ledger.record(retirement.RETIRED, "chest", "its 100 answers with noise are given")
    with pytest.raises(QuotaError, match="answers with noise are given; ask the steward"):
        enter(ledger, "s2")
    ledger.record(retirement.NEXT_DRAW, "chest", "chest-draw-2; overlap 0 of 200 cases")
    with pytest.raises(QuotaError, match="submit to 'chest-draw-2'"):
        enter(ledger, "s2")
    # what was entered before goes on
    release(ledger, "s1")
    assert ledger.submission("s1").state is State.RELEASED


def test_an_exposure_that_is_not_its_releases_is_found(ledger: Ledger) -> None:
    enter(ledger, "s1")
    release(ledger, "s1")
    with ledger._transaction() as connection:
        exposures.of_release(connection, "s1", "chest", DOCUMENT.replace("brier", "ece"), Use())
    (problem,) = ledger.chain.problems()
    assert problem == "the exposures of s1 are not those of its releases"


def test_a_look_counts_the_team_and_its_people(ledger: Ledger) -> None:
    def entered(name: str, team: str, by: str, *allowance: str) -> None:
        ledger.receive(
            replace(FIRST, submission_id=name, team=team),
            WIDE,
            arrival=Arrival(submitted_by=by),
            allowance=allowance,
        )

    entered("s1", "North", "p1")
    entered("s2", "South", "p2")
    entered("s3", "East", "p1")  # whom p1 entered for shares North's looks
    entered("s4", "West", "p3", "west", "east")  # whom the accounts tied to East, too
    for name in ("s1", "s2", "s3", "s4"):
        release(ledger, name)
    assert [(row.team, row.look) for row in seen(ledger)] == [
        ("North", 1),
        ("South", 1),
        ("East", 2),
        ("West", 3),
    ]
    assert looks(ledger, "chest", datetime(2026, 1, 2, tzinfo=UTC)) == {
        **dict.fromkeys(("north", "east", "west"), 3),
        "south": 1,
    }
