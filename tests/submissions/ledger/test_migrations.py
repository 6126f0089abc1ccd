"""A ledger of a former build comes up to date whole or not at all, and stays guarded."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, inspect, text

from submissions.ledger import schema
from submissions.ledger.database import append_only
from submissions.ledger.database.tables import METADATA, TABLES
from submissions.ledger.ledger import Arrival, Ledger, LedgerError
from submissions.quota import Quota
from submissions.stage_times import Stage
from submissions.submission import Failure, State, Submission
from tests.support.commands import environment
from tests.support.former_ledger import CRASHED, REJECTED, RELEASED, restore
from tests.support.postgresql import another, raw
from tests.support.repository import REPOSITORY
from tests.support.services import PostgreSQL

FIRST = ("audit", "releases", "stage_times", "submissions", "tracked", "transitions")
"""The tables of the former build."""


@contextmanager
def opened(url: str) -> Iterator[Ledger]:
    ledger = Ledger(url)
    try:
        yield ledger
    finally:
        ledger.close()


def rows(url: str) -> dict[str, list[tuple[object, ...]]]:
    """Every row of the former build's tables, but for the entries that were appended since."""
    with raw(url) as connection:
        return {
            table: [
                tuple(row)
                for row in connection.execute(text(f"SELECT * FROM {table} ORDER BY 1")).all()
                if table != "audit" or row[0] <= 18
            ]
            for table in FIRST
        }


def tables(url: str) -> set[str]:
    with raw(url) as connection:
        return set(inspect(connection).get_table_names())


def received(name: str = "d" * 12) -> Submission:
    return Submission(
        submission_id=name,
        team="North",
        model="a model",
        benchmark="chest",
        image_digest="archive:" + "2" * 64,
        threshold=0.5,
        state=State.RECEIVED,
        received=datetime(2026, 1, 3, tzinfo=UTC),
    )


def test_a_filled_ledger_is_read_as_before_and_goes_on(database: str) -> None:
    restore(database)
    before = rows(database)
    assert {table: len(found) for table, found in before.items()} == {
        "audit": 18,
        "releases": 2,
        "stage_times": 3,
        "submissions": 3,
        "tracked": 1,
        "transitions": 14,
    }
    with opened(database) as ledger:
        assert rows(database) == before
        assert [(each.submission_id, each.state) for each in ledger.submissions()] == [
            (RELEASED, State.RELEASED),
            (CRASHED, State.FAILED),
            (REJECTED, State.REJECTED),
        ]
        crashed = ledger.submission(CRASHED)
        assert (crashed.team, crashed.failure) == ("Süd", Failure.CRASHED)
        assert crashed.image_digest == "sha256:" + "b" * 64
        assert crashed.received == datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
        assert [each.document for each in ledger.releases("chest")] == [
            '{"schema": 1, "results": [0.25]}'
        ]
        assert ledger.times(RELEASED) == {Stage.QUEUE: 1, Stage.INFER: 128, Stage.SCORE: 4}
        assert [each.number for each in ledger.untracked()] == [2]
        assert len(ledger.charged("north", "chest")) == 1
        assert ledger.chain.problems() == []
        ledger.receive(received(), Quota(2, 7), arrival=Arrival(submitted_by="p" * 12))
        ledger.admitted("d" * 12, "sha256:" + "d" * 64, State.LINTED, State.QUEUED)
        ledger.tracked(2, "run-of-the-second")
        assert ledger.chain.problems() == []
    with opened(database) as ledger:  # and a second opening changes nothing
        assert ledger.submission("d" * 12).image_digest == "sha256:" + "d" * 64
        assert ledger.chain.problems() == []


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE submissions SET team = 'South' WHERE team = 'North'",
        "UPDATE submissions SET threshold = 0.4",
        "UPDATE stage_times SET at_most_seconds = 2 WHERE stage = 'infer'",
        "UPDATE tracked SET run_id = 'another'",
        "DELETE FROM stage_times WHERE stage = 'queue'",
    ],
)
def test_rows_from_before_the_migration_are_held_too(database: str, change: str) -> None:
    restore(database)
    with opened(database) as ledger:
        with raw(database, unguarded=True) as connection:
            assert connection.execute(text(change)).rowcount > 0
        first, *others = ledger.chain.problems()
        assert first == "the rows from before the migration are not those that it found"
        # The rows of the board and of the exposures still have the team's former name.
        assert bool(others) is ("SET team" in change)


def columns(url: str) -> dict[str, list[str]]:
    with raw(url) as connection:
        seen = inspect(connection)
        return {
            table: [
                f"{each['name']} {each['type']} {each['nullable']}"
                for each in seen.get_columns(table)
            ]
            + sorted(str(each["column_names"]) for each in seen.get_indexes(table))
            + [str(seen.get_pk_constraint(table)["constrained_columns"])]
            + sorted(str(each["referred_table"]) for each in seen.get_foreign_keys(table))
            for table in seen.get_table_names()
        }


def test_a_new_ledger_a_migrated_one_and_the_tables_in_the_code_are_alike(
    database: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    restore(database)
    with opened(database):
        migrated = columns(database)
    assert set(migrated) == {*TABLES, schema.VERSION_TABLE}
    engine = create_engine(database)
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"version_table": schema.VERSION_TABLE, "compare_type": True}
        )
        assert compare_metadata(context, METADATA) == []
    engine.dispose()
    with raw(database, unguarded=True) as connection:
        for table in (*reversed([each.name for each in METADATA.sorted_tables]), "ledger_version"):
            connection.execute(text(f"DROP TABLE {table}"))
    with opened(database):
        assert columns(database) == migrated


def test_the_steps_are_those_that_the_opening_knows() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(schema.__file__).parent / "migrations"))
    steps = list(ScriptDirectory.from_config(config).walk_revisions())
    assert tuple(step.revision for step in reversed(steps)) == schema.REVISIONS


def test_a_migration_that_fails_leaves_the_ledger_as_it_was(database: str) -> None:
    restore(database)
    with raw(database) as connection:
        connection.execute(text("CREATE TABLE release_signatures (another INTEGER)"))
    before, there = rows(database), tables(database)
    with pytest.raises(LedgerError, match=r"does not open .*release_signatures.*already exists"):
        Ledger(database)
    assert (rows(database), tables(database)) == (before, there)
    with raw(database) as connection:
        connection.execute(text("DROP TABLE release_signatures"))
    with opened(database) as ledger:
        assert ledger.chain.problems() == []


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_migration_that_is_killed_leaves_the_ledger_as_it_was(
    database: str, tmp_path: Path, when: str
) -> None:
    restore(database)
    before, there = rows(database), tables(database)
    home = tmp_path / "home"
    home.mkdir()
    where = "submissions.ledger.database.verification:append_migration"
    ended = subprocess.run(
        [
            *(sys.executable, "-m", "tests.support.dying", where, when, "1"),
            *("status", "--home", str(home)),
        ],
        env=environment({"SEQUESTRA_LEDGER": database}),
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    assert (rows(database), tables(database)) == (before, there)
    with opened(database) as ledger:
        assert ledger.chain.problems() == []


def test_of_many_that_open_a_former_ledger_at_once_one_migrates_it(database: str) -> None:
    restore(database)
    faults: list[Exception] = []
    ready = threading.Barrier(6)

    def open_it() -> None:
        try:
            ready.wait(60)
            with opened(database) as ledger:
                assert len(ledger.submissions()) == 3
        except (LedgerError, AssertionError, threading.BrokenBarrierError) as error:
            faults.append(error)

    threads = [threading.Thread(target=open_it) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    with raw(database) as connection:
        count = text("SELECT count(*) FROM audit WHERE event = 'migration'")
        assert connection.execute(count).scalar_one() == 1


def test_a_ledger_of_a_newer_version_is_refused_and_left_alone(database: str) -> None:
    with opened(database):
        pass
    with raw(database) as connection:
        connection.execute(text("UPDATE ledger_version SET version_num = '9999'"))
    there = tables(database)
    with pytest.raises(
        LedgerError, match=r"made by a newer version.*number 9999.*use that version"
    ):
        Ledger(database)
    assert tables(database) == there


TRIGGERS = [(table, act) for table in TABLES for act in append_only.ACTS["postgresql"]]


@pytest.mark.parametrize(("table", "act"), TRIGGERS)
def test_a_ledger_without_one_of_its_triggers_does_not_open(
    database: str, table: str, act: str
) -> None:
    sqlite = database.startswith("sqlite")
    if sqlite and act == "TRUNCATE":
        act = "DELETE"  # SQLite has no other way to empty a table
    with opened(database):
        pass
    name = f"append_only_{table}_{act.lower()}"
    with raw(database) as connection:
        connection.execute(text(f"DROP TRIGGER {name}" + ("" if sqlite else f" ON {table}")))
    with pytest.raises(LedgerError, match=f"trigger {name} is missing"):
        Ledger(database)


def test_a_trigger_that_does_something_else_is_found(database: str) -> None:
    with opened(database):
        pass
    if database.startswith("sqlite"):
        changes = [
            "DROP TRIGGER append_only_audit_delete",
            "CREATE TRIGGER append_only_audit_delete BEFORE DELETE ON audit BEGIN SELECT 1; END",
            "CREATE TRIGGER quiet BEFORE INSERT ON audit BEGIN SELECT RAISE(IGNORE); END",
        ]
    else:
        changes = [
            "ALTER TABLE audit DISABLE TRIGGER append_only_audit_delete",
            "CREATE TRIGGER quiet BEFORE INSERT ON audit FOR EACH ROW "
            "EXECUTE FUNCTION append_only()",
        ]
    with raw(database) as connection:
        for change in changes:
            connection.execute(text(change))
    with pytest.raises(LedgerError, match="append_only_audit_delete is not as Sequestra makes it"):
        Ledger(database)
    with raw(database) as connection:
        assert append_only.faults(connection, TABLES) == [
            "trigger append_only_audit_delete is not as Sequestra makes it",
            "trigger quiet is not one of Sequestra's",
        ]


def test_a_function_that_refuses_nothing_is_found(cluster: PostgreSQL) -> None:
    database = another(cluster)
    with opened(database):
        pass
    with raw(database) as connection:
        connection.execute(
            text(
                "CREATE OR REPLACE FUNCTION append_only() RETURNS trigger LANGUAGE plpgsql AS "
                "$$ BEGIN RETURN NULL; END $$"
            )
        )
    with pytest.raises(LedgerError, match="is not as Sequestra makes it"):
        Ledger(database)


def test_the_triggers_are_made_again(database: str) -> None:
    with opened(database):
        pass
    with raw(database, unguarded=True) as connection:
        assert len(append_only.faults(connection, TABLES)) >= 2 * len(TABLES)
        append_only.mend(connection, TABLES)
        assert append_only.faults(connection, TABLES) == []
    with opened(database) as ledger:
        assert ledger.submissions() == []
