"""The service's own store: accounts, apart from the ledger, so that people can be deleted."""

from __future__ import annotations

from contextlib import AbstractContextManager

from sqlalchemy import Connection, insert, select

from submissions.service.database import Database, StoreError, now
from submissions.service.people import People
from submissions.service.requests import Requests
from submissions.service.sign_ins import Sessions, Tokens
from submissions.service.tables import AGREEMENTS

__all__ = ["Store", "StoreError"]


class Store:
    """People, teams, requests, agreements, tokens and sessions at a database URL."""

    def __init__(self, url: str, *, realm: str = "") -> None:
        """Open the store and create tables that are missing; raise StoreError.

        A session that was opened in one ``realm`` is unknown in every other.
        """
        self._database = Database(url)
        self.people = People(self._database)
        self.requests = Requests(self._database)
        self.tokens = Tokens(self._database)
        self.sessions = Sessions(self._database, realm)

    def close(self) -> None:
        """Close the connections; a later use opens new ones."""
        self._database.close()

    def transaction(self) -> AbstractContextManager[Connection]:
        """A transaction that holds the store's one write lock from its begin."""
        return self._database.transaction()

    def reading(self) -> AbstractContextManager[Connection]:
        """A connection that only reads."""
        return self._database.reading()

    def allowance(self, team_id: str) -> list[str]:
        """Names of all teams that share one allowance with a team; see People.allowance."""
        return self.people.allowance(team_id)

    def accept(self, person_id: str, version: str) -> bool:
        """Keep that a person accepted a version of the agreement; False where it was kept."""
        acceptance = (AGREEMENTS.c.person_id == person_id) & (AGREEMENTS.c.version == version)
        with self.transaction() as connection:
            if connection.execute(select(AGREEMENTS.c.at).where(acceptance)).first() is not None:
                return False
            connection.execute(
                insert(AGREEMENTS).values(person_id=person_id, version=version, at=now())
            )
        return True
