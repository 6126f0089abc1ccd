"""Databases for the tests: SQLite files and databases of a real PostgreSQL, by address.

``python -m tests.support.postgresql`` installs PostgreSQL from the distribution's packages.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
from sqlalchemy import Connection, create_engine, make_url, text

from submissions.host import linux_packages

if TYPE_CHECKING:
    from tests.support.services import PostgreSQL

PACKAGE = "postgresql"


@pytest.fixture(scope="session")
def cluster() -> Iterator[PostgreSQL]:
    """A PostgreSQL of the tests' own, in a temporary folder, as an unprivileged user."""
    from tests.support.services import PostgreSQL, postgresql_programs, started

    programs = postgresql_programs()
    if programs is None:
        if os.environ.get("CI", "").lower() in ("1", "true", "yes"):
            pytest.fail("CI must run the tests on PostgreSQL")
        pytest.skip(f"no PostgreSQL on this machine: install the package {PACKAGE}")
    # No test with this cluster cuts the power, so nothing has to be flushed.
    made = PostgreSQL(programs, as_root=os.geteuid() == 0, settings=("fsync=off",))
    with started(made):
        yield made


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty database of the test's own, on either kind in turn."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/ledger.sqlite"
    return another(request.getfixturevalue("cluster"))


def another(cluster: PostgreSQL) -> str:
    """The address of a new, empty schema of a cluster: a database of its own takes 8 MB."""
    name = f"t{uuid4().hex}"
    with raw(cluster.url) as connection:
        connection.execute(text(f"CREATE SCHEMA {name}"))
    url = make_url(cluster.url).update_query_dict({"options": f"-csearch_path={name}"})
    return url.render_as_string(hide_password=False)


@contextmanager
def raw(url: str, *, unguarded: bool = False) -> Iterator[Connection]:
    """A connection that knows no rule of the project's; ``unguarded`` drops all triggers too."""
    engine = create_engine(url)
    try:
        with engine.begin() as connection:
            if unguarded:
                for statement in _drops(connection):
                    connection.execute(text(statement))
            yield connection
    finally:
        engine.dispose()


def _drops(connection: Connection) -> list[str]:
    if connection.dialect.name == "sqlite":
        names = connection.execute(text("SELECT name FROM sqlite_master WHERE type = 'trigger'"))
        return [f"DROP TRIGGER {name}" for name in names.scalars()]
    pairs = connection.execute(
        text(
            "SELECT t.tgname, c.relname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid "
            "JOIN pg_namespace n ON n.oid = c.relnamespace "
            "WHERE NOT t.tgisinternal AND n.nspname = current_schema()"
        )
    )
    return [f"DROP TRIGGER {name} ON {table}" for name, table in pairs]


def main() -> None:
    """Install PostgreSQL where that is possible; say where it is not. No cluster is made."""
    from tests.support.services import postgresql_programs

    if postgresql_programs() is not None:
        return
    common = Path("/etc/postgresql-common")
    try:
        if os.geteuid() == 0 and not common.exists():  # the tests make their own
            common.mkdir()
            (common / "createcluster.conf").write_text("create_main_cluster = false\n")
        linux_packages.install(PACKAGE, progress=_say)
    except OSError as error:
        _say(f"The tests on PostgreSQL will be skipped: {error}.")


def _say(sentence: str) -> None:
    sys.stdout.write(f"{sentence}\n")


if __name__ == "__main__":
    main()
