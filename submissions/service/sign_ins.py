"""API tokens and browser sessions of the service's store: made, looked up, ended."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import ColumnElement, Row, and_, insert, select, update

from submissions.addresses.database import aware
from submissions.service.credentials.secrets_sent import (
    fingerprint,
    is_session,
    is_token,
    new_session,
    new_token,
)
from submissions.service.database import Database, StoreError, new_id, now
from submissions.service.people import PersonState, roles_of
from submissions.service.principal import Membership, Principal, Scope
from submissions.service.tables import AGREEMENTS, MEMBERSHIPS, PEOPLE, SESSIONS, TEAMS, TOKENS

MOST_TOKENS = 50
"""Valid tokens that one person may have."""

_USE_NOTED = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Token:
    """An API token as its owner sees it in the list; the secret is not kept."""

    token_id: str
    person_id: str
    name: str
    scopes: frozenset[Scope]
    created: datetime
    expires: datetime
    revoked: datetime | None
    used: datetime | None

    def is_valid(self) -> bool:
        """Whether the token may be used now."""
        return self.revoked is None and self.expires > now()


class Tokens:
    """API tokens: the store keeps their SHA-256 alone."""

    def __init__(self, database: Database) -> None:
        """Keep the database."""
        self._database = database

    def new(
        self, person_id: str, name: str, scopes: Iterable[Scope], days: int
    ) -> tuple[Token, str]:
        """Make a token; return it with its secret, which nothing shows a second time."""
        secret = new_token()
        token = Token(
            token_id=new_id(),
            person_id=person_id,
            name=name,
            scopes=frozenset(scopes),
            created=now(),
            expires=now() + timedelta(days=days),
            revoked=None,
            used=None,
        )
        with self._database.transaction() as connection:
            living = connection.execute(
                select(TOKENS.c.token_id).where(
                    TOKENS.c.person_id == person_id,
                    TOKENS.c.revoked.is_(None),
                    TOKENS.c.expires > now(),
                )
            ).all()
            if len(living) >= MOST_TOKENS:
                raise StoreError(
                    f"this person has {len(living)} valid tokens and may have {MOST_TOKENS}; "
                    f"revoke one that is not used"
                )
            connection.execute(
                insert(TOKENS).values(
                    token_id=token.token_id,
                    person_id=person_id,
                    name=name,
                    fingerprint=fingerprint(secret),
                    scopes=" ".join(sorted(token.scopes)),
                    created=token.created,
                    expires=token.expires,
                )
            )
        return token, secret

    def of(self, person_id: str | None = None) -> list[Token]:
        """Tokens of one person, or of all, the newest first."""
        query = select(TOKENS).order_by(TOKENS.c.created.desc())
        if person_id is not None:
            query = query.where(TOKENS.c.person_id == person_id)
        with self._database.reading() as connection:
            return [_token(row) for row in connection.execute(query).all()]

    def revoke(self, token_id: str, person_id: str | None = None) -> None:
        """End a token, of one person where named; raise StoreError where there is none."""
        mine = TOKENS.c.token_id == token_id
        if person_id is not None:
            mine &= TOKENS.c.person_id == person_id
        with self._database.transaction() as connection:
            if connection.execute(select(TOKENS.c.token_id).where(mine)).first() is None:
                raise StoreError(f"no token {token_id!r}; `sequestra token list` shows all")
            connection.execute(
                update(TOKENS).where(mine, TOKENS.c.revoked.is_(None)).values(revoked=now())
            )

    def principal(self, secret: str, agreement: str) -> Principal | None:
        """The person of a valid token; None for any other text.

        The secret is compared by its SHA-256, which the sender cannot steer.
        """
        if not is_token(secret):
            return None
        mine = TOKENS.c.fingerprint == fingerprint(secret)
        query = (
            _people_with_teams(agreement)
            .add_columns(TOKENS.c.token_id, TOKENS.c.scopes, TOKENS.c.used)
            .join(TOKENS, TOKENS.c.person_id == PEOPLE.c.person_id)
            .where(mine, TOKENS.c.revoked.is_(None), TOKENS.c.expires > now())
        )
        with self._database.reading() as connection:
            rows = connection.execute(query).all()
        if not rows:
            return None
        first = rows[0]
        if first.used is None or aware(first.used) < now() - _USE_NOTED:
            with self._database.transaction() as connection:
                connection.execute(update(TOKENS).where(mine).values(used=now()))
        scopes = frozenset(Scope(scope) for scope in first.scopes.split())
        return _principal(rows, scopes, "token", first.token_id)


class Sessions:
    """Browser sessions: kept here, so that they end here."""

    def __init__(self, database: Database, realm: str = "") -> None:
        """Keep the database; ``realm`` tells apart the sites that share it."""
        self._database = database
        self._realm = realm

    def _kept(self, secret: str) -> str:
        return fingerprint(f"{self._realm}{secret}")

    def open(self, person_id: str, days: int) -> str:
        """Open a session of so many days; return its id for the cookie."""
        secret = new_session()
        with self._database.transaction() as connection:
            connection.execute(SESSIONS.delete().where(SESSIONS.c.expires <= now()))
            connection.execute(
                insert(SESSIONS).values(
                    fingerprint=self._kept(secret),
                    person_id=person_id,
                    created=now(),
                    expires=now() + timedelta(days=days),
                )
            )
        return secret

    def principal(self, secret: str, agreement: str) -> Principal | None:
        """The person of a session that has not ended; None for any other text."""
        if not is_session(secret):
            return None
        kept = self._kept(secret)
        query = (
            _people_with_teams(agreement)
            .join(SESSIONS, SESSIONS.c.person_id == PEOPLE.c.person_id)
            .where(SESSIONS.c.fingerprint == kept, SESSIONS.c.expires > now())
        )
        with self._database.reading() as connection:
            rows = connection.execute(query).all()
        return _principal(rows, frozenset(Scope), "session", kept[:12]) if rows else None

    def end(self, secret: str) -> None:
        """End a session; an unknown id is no error."""
        with self._database.transaction() as connection:
            connection.execute(
                SESSIONS.delete().where(SESSIONS.c.fingerprint == self._kept(secret))
            )

    def end_all(self, person_id: str) -> None:
        """End every session of a person."""
        with self._database.transaction() as connection:
            connection.execute(SESSIONS.delete().where(SESSIONS.c.person_id == person_id))


def _people_with_teams(agreement: str) -> Any:
    """One row for each present team of an approved person, or one without a team."""
    member: ColumnElement[bool] = and_(
        MEMBERSHIPS.c.person_id == PEOPLE.c.person_id, MEMBERSHIPS.c.ended.is_(None)
    )
    return (
        select(
            PEOPLE.c.person_id,
            PEOPLE.c.name,
            PEOPLE.c.reviewer,
            PEOPLE.c.steward,
            TEAMS.c.team_id,
            TEAMS.c.name.label("team"),
            AGREEMENTS.c.version,
        )
        .select_from(PEOPLE)
        .outerjoin(MEMBERSHIPS, member)
        .outerjoin(TEAMS, and_(TEAMS.c.team_id == MEMBERSHIPS.c.team_id, TEAMS.c.enabled))
        .outerjoin(
            AGREEMENTS,
            and_(AGREEMENTS.c.person_id == PEOPLE.c.person_id, AGREEMENTS.c.version == agreement),
        )
        .where(PEOPLE.c.state == PersonState.APPROVED.value)
        .order_by(TEAMS.c.folded)
    )


def _principal(
    rows: list[Row[Any]] | Any,
    scopes: frozenset[Scope],
    via: Literal["token", "session"],
    key: str,
) -> Principal:
    first = rows[0]
    teams = tuple(Membership(row.team_id, row.team) for row in rows if row.team_id is not None)
    return Principal(
        person_id=first.person_id,
        name=first.name,
        roles=roles_of(first, teams),
        teams=teams,
        scopes=scopes,
        via=via,
        key=key,
        agreed=first.version is not None,
    )


def _token(row: Row[Any]) -> Token:
    return Token(
        token_id=row.token_id,
        person_id=row.person_id,
        name=row.name,
        scopes=frozenset(Scope(scope) for scope in row.scopes.split()),
        created=aware(row.created),
        expires=aware(row.expires),
        revoked=None if row.revoked is None else aware(row.revoked),
        used=None if row.used is None else aware(row.used),
    )
