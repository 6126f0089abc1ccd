"""Every edit, deletion and change of order is found; a cut-off end by any later signed head."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import delete, insert, select, text

from evaluator.signing.key import SigningKey
from evaluator.signing.signer import sign
from evaluator.signing.verification import announced_keys, verify_ledger
from evaluator.stores.installation import Installation
from submissions.ledger.database.tables import METADATA
from submissions.ledger.ledger import Ledger
from submissions.ledger.verdicts.account import Look
from submissions.quota import Quota
from submissions.signatures import SignatureError, Signed
from submissions.submission import Failure, State
from submissions.verifying_key import VerifyingKey
from tests.support.former_ledger import restore
from tests.support.openssl import key_pair
from tests.support.postgresql import another, raw
from tests.support.signed_home import (
    compare,
    computed_again,
    cut_off,
    hold,
    opened,
    publish,
    received,
)


def own(installation: Installation) -> list[VerifyingKey]:
    return [SigningKey.of(installation.enclave().folder).public]


Rows = dict[str, list[dict[str, object]]]
"""The rows of each table."""


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def tracked(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Installation, str, Rows]]:
    """An installation with a signed and tracked release, whose rows nothing guards."""
    folder = tmp_path_factory.mktemp("tracked")
    url = f"sqlite:///{folder}/ledger.sqlite"
    if request.param == "postgresql":
        url = another(request.getfixturevalue("cluster"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SEQUESTRA_LEDGER", url)
        installation = Installation(folder)
        publish(installation, "s1")
        with opened(installation) as ledger:
            ledger.tracked(1, "run")
            for name in ("s2", "s3"):
                ledger.receive(received(name), Quota(100, 7))
            ledger.reject("s2", Failure.IMAGE_INVALID, "the image has no entry point")
            ledger.admitted("s3", "sha256:" + "3" * 64, State.LINTED, State.DRY_RUN)
            ledger.practised("s3", "{}", state=State.QUEUED)
            hold(ledger, "s4")
            ledger.receive(received("s5"), Quota(100, 7), allowance=["South"])
            judge(ledger, "s1")
            compare(installation, ledger)
            sign(installation, ledger)
        assert problems(installation) == []
        with raw(url, unguarded=True) as connection:
            rows: Rows = {
                table.name: [dict(row) for row in connection.execute(select(table)).mappings()]
                for table in METADATA.sorted_tables
            }
        assert all(rows.values())
        yield installation, url, rows


def judge(ledger: Ledger, name: str) -> None:
    """Claims of the submission are judged, and a look is spent."""
    found = ledger.submission(name)
    look = Look(
        submission_id=name,
        team=found.team,
        benchmark=found.benchmark,
        image_digest=found.image_digest,
        threshold=found.threshold,
        cohort_digest="sha256:" + "6" * 64,
        claims_digest="sha256:" + "5" * 64,
        looks=3,
    )
    ledger.verdicts.spend(look, lambda _: (0.025, '{"claims":[]}'))


def put_back(url: str, rows: Rows) -> None:
    """Put the rows of all tables back."""
    with raw(url) as connection:
        for table in reversed(METADATA.sorted_tables):
            connection.execute(delete(table))
        for table in METADATA.sorted_tables:
            connection.execute(insert(table), rows[table.name])


def problems(installation: Installation, *outside: Signed) -> list[str]:
    named = [(f"file {number}", each) for number, each in enumerate(outside, start=1)]
    with opened(installation, examine=True) as ledger:
        return list(verify_ledger(ledger, own(installation), named).problems)


def last_head(ledger: Ledger) -> Signed:
    return ledger.chain.signed_heads()[-1].signed


def test_a_whole_ledger_has_no_problem(installation: Installation) -> None:
    publish(installation, "s1")
    publish(installation, "s2")
    with opened(installation) as ledger:
        sign(installation, ledger)
        found = verify_ledger(ledger, own(installation), [("file", last_head(ledger))])
        assert found.problems == []
        # Of each submission: entry, fact sheet, admission, stage times, release and six states.
        assert (found.entries, found.heads, found.releases) == (2 * 11 + 1, 1, 2)
        assert (found.unsigned, found.foreign) == (0, 0)


def test_a_migrated_ledger_is_signed_and_verified(
    installation: Installation, database: str
) -> None:
    restore(database)
    publish(installation, "s1")
    with opened(installation) as ledger:
        sign(installation, ledger)
        found = verify_ledger(ledger, own(installation))
        assert found.problems == []
        assert (found.releases, found.unsigned) == (1, 2)


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE submissions SET team = 'South'",
        "UPDATE submissions SET model = 'Another'",
        "UPDATE submissions SET threshold = 0.4",
        "UPDATE submissions SET received = '2026-01-03 00:00:00'",
        "UPDATE entries SET submitted_by = 'another'",
        "UPDATE entries SET archive_sha256 = NULL",
        "DELETE FROM entries",
        "UPDATE admissions SET image_digest = 'sha256:another'",
        "UPDATE admissions SET at = '2020-01-01 00:00:00'",
        "DELETE FROM admissions",
        "UPDATE findings SET sentence = 'another'",
        "DELETE FROM findings",
        "UPDATE practices SET document = '[]'",
        "DELETE FROM practices",
        "UPDATE fact_sheets SET document = '{}'",
        "DELETE FROM fact_sheets",
        "UPDATE transitions SET failure = 'crashed' WHERE state = 'released'",
        "UPDATE transitions SET at = '2020-01-01 00:00:00' WHERE state = 'running'",
        "DELETE FROM transitions WHERE state = 'running'",
        "UPDATE transitions SET number = 1000 WHERE submission_id = 's1' AND state = 'running'",
        "INSERT INTO transitions (submission_id, state, at) VALUES ('s1', 'held', '2026-01-01')",
        "UPDATE releases SET document = '{}'",
        "UPDATE releases SET evaluation_key = 'another'",
        "UPDATE releases SET benchmark = 'another'",
        "UPDATE releases SET published = '2020-01-01 00:00:00'",
        "UPDATE stage_times SET at_most_seconds = 64",
        "DELETE FROM stage_times",
        "UPDATE tracked SET run_id = 'another'",
        "DELETE FROM tracked",
        "UPDATE audit SET event = 'another' WHERE number = 2",
        "UPDATE audit SET at = '2020-01-01 00:00:00' WHERE number = 2",
        "UPDATE audit SET digest = 'another' WHERE number = 2",
        "UPDATE heads SET audit_number = 1",
        "UPDATE heads SET signature = 'AAAA'",
        "UPDATE release_signatures SET signature = 'AAAA'",
        "UPDATE release_signatures SET statement = replace(statement, '0.75', '0.95')",
        "DELETE FROM audit WHERE number = 2",
        "UPDATE comparisons SET document = '{}'",
        "UPDATE comparisons SET cause = 'another'",
        "UPDATE comparisons SET at = '2020-01-01 00:00:00'",
        "UPDATE comparisons SET digest = 'another'",
        "UPDATE comparisons SET signature = 'AAAA'",
        "DELETE FROM comparisons",
        "UPDATE votes SET vote = 'release'",
        "UPDATE votes SET reason = 'another'",
        "UPDATE votes SET document = 'another'",
        "DELETE FROM votes",
        "UPDATE board_rows SET shown = '{}'",
        "UPDATE board_rows SET team = 'South'",
        "DELETE FROM board_rows",
        "UPDATE exposures SET team = 'South'",
        "DELETE FROM exposures",
        "UPDATE verdicts SET document = '{}'",
        "UPDATE verdicts SET salt = 'another'",
        "DELETE FROM verdicts",
        "UPDATE allowances SET teams = '[]'",
        "DELETE FROM allowances",
    ],
)
def test_every_edit_is_found(tracked: tuple[Installation, str, Rows], change: str) -> None:
    installation, url, rows = tracked
    unguarded = problems(installation)
    with raw(url) as connection:
        assert connection.execute(text(change)).rowcount > 0
    found = problems(installation)
    put_back(url, rows)
    assert set(found) - set(unguarded)
    assert problems(installation) == unguarded


def test_an_edit_is_found_though_the_chain_was_computed_again(
    installation: Installation, database: str
) -> None:
    publish(installation, "s1")
    with opened(installation) as ledger:
        sign(installation, ledger)
        kept = last_head(ledger)
    with raw(database, unguarded=True) as connection:
        connection.execute(text("UPDATE audit SET content = 'x' WHERE event = 'signing-key'"))
    computed_again(database)
    with opened(installation, examine=True) as ledger:
        ledger.chain.protect()
    assert any("is not the one that the signed head" in each for each in problems(installation))
    # One who removes the signatures too is found by a head that was kept elsewhere.
    with raw(database, unguarded=True) as connection:
        connection.execute(text("DELETE FROM heads"))
        connection.execute(text("DELETE FROM release_signatures"))
    with opened(installation, examine=True) as ledger:
        ledger.chain.protect()
    assert problems(installation) == []
    (found,) = problems(installation, kept)
    assert "is not the one that file 1 was made of" in found


def test_two_entries_in_another_order_are_found(installation: Installation, database: str) -> None:
    with opened(installation) as ledger:
        ledger.record("match", "one", "0")
        ledger.record("match", "two", "1")
    with raw(database, unguarded=True) as connection:
        for before, after in ((1, 100), (2, 1), (100, 2)):
            change = f"UPDATE audit SET number = {after} WHERE number = {before}"
            connection.execute(text(change))
    found = problems(installation)
    assert "audit entry 1 does not follow from the one before" in found


def test_a_cut_off_end_is_found_by_any_later_head_or_release(
    installation: Installation, database: str
) -> None:
    with opened(installation) as ledger:
        ledger.record("match", "chest", "0" * 64)
        sign(installation, ledger)
        early = last_head(ledger)
        first, _ = ledger.chain.head()
    publish(installation, "s1")
    with opened(installation) as ledger:
        sign(installation, ledger)
        late, release = last_head(ledger), ledger.signed_release("s1")
        last, _ = ledger.chain.head()
    assert release is not None
    cut_off(database, first)
    with raw(database, unguarded=True) as connection:
        for table in (
            *("stage_times", "fact_sheets", "admissions", "entries", "exposures", "board_rows"),
            *("releases", "transitions", "submissions"),
        ):
            connection.execute(text(f"DELETE FROM {table}"))
    with opened(installation, examine=True) as ledger:
        faults = ledger.chain.guard_faults()
        assert faults
    kept = set(faults)
    assert set(problems(installation, early)) == kept  # the chain up to there is whole
    for later in (late, release):
        (found,) = set(problems(installation, later)) - kept
        assert f"later than the audit chain: entries up to {last} were cut off" in found
    with opened(installation, examine=True) as ledger:
        for number in range(last):
            ledger.record("match", "chest", str(number))
    for later in (late, release):
        (found,) = set(problems(installation, later)) - kept
        # PostgreSQL gives no number twice.
        missing = "not there" if database.startswith("postgresql") else "not the one that"
        assert f"audit entry {last} is {missing}" in found


def test_a_head_that_another_key_signed_proves_nothing(
    installation: Installation, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("another")
    another = SigningKey.of(folder)
    with opened(installation) as ledger:
        sign(installation, ledger)
        head = another.sign(last_head(ledger).statement)
        with pytest.raises(
            SignatureError, match=f"signed by key {head.key_id[:16]}, which was not"
        ):
            verify_ledger(ledger, own(installation), [("file", head)])
        forged = Signed(
            statement=head.statement, key_id=own(installation)[0].key_id, signature=head.signature
        )
        with pytest.raises(SignatureError, match="file is not what was signed"):
            verify_ledger(ledger, own(installation), [("file", forged)])
        unrelated = [VerifyingKey.read(key_pair(folder)[1])]
        assert verify_ledger(ledger, unrelated).foreign == 1
        assert [key.key_id for key in announced_keys(ledger)] == [own(installation)[0].key_id]
