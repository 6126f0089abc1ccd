"""A filled ledger as the build before the service left it, on either kind of database.

The dumps were made by that build's own ``Ledger`` and the databases' own tools. One submission
was released twice, one crashed, and one was rejected.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from sqlalchemy import make_url

from tests.support.postgresql import raw
from tests.support.repository import REPOSITORY

DUMPS = REPOSITORY / "tests" / "submissions" / "ledger" / "former"

RELEASED, CRASHED, REJECTED = "a" * 12, "b" * 12, "c" * 12
"""Ids of its submissions."""


def restore(url: str) -> None:
    """Fill an empty database."""
    if url.startswith("sqlite"):
        path = Path(str(make_url(url).database))
        path.parent.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(path)) as connection:
            connection.executescript((DUMPS / "sqlite.sql").read_text())
        return
    with raw(url) as connection:
        connection.exec_driver_sql((DUMPS / "postgresql.sql").read_text())
