"""Sign-up requests: a person asks for a team, and a steward approves or refuses both."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import Connection, Row, func, insert, select, update

from submissions.addresses.database import aware
from submissions.receiving import EntryError, named
from submissions.service import texts
from submissions.service.credentials import passwords
from submissions.service.credentials.passwords import LONGEST, SHORTEST
from submissions.service.database import Database, StoreError, new_id, now
from submissions.service.people import (
    insert_membership,
    insert_person,
    insert_team,
    person_by_email,
    team_by_name,
)
from submissions.service.tables import REQUESTS

MOST_OPEN = 1000
"""Open requests that the store keeps; a steward decides before it takes more."""


class RequestState(StrEnum):
    """What became of a request."""

    OPEN = "open"
    APPROVED = "approved"
    REFUSED = "refused"


class UnfitRequest(StoreError):
    """A text of a request cannot be taken."""


class TooManyRequests(StoreError):
    """So many requests wait for a steward that no other is taken."""


@dataclass(frozen=True, slots=True)
class SignUp:
    """What a person asks for; without a ``password`` a token is the only way in."""

    name: str
    email: str
    team: str
    affiliation: str
    purpose: str
    password: str | None = None


def sign_up(
    name: str, email: str, team: str, affiliation: str, purpose: str, password: str | None = None
) -> SignUp:
    """Check and normalise what a person asks for; raise UnfitRequest with one sentence."""
    members = {
        "name": (texts.line, name),
        "email": (texts.email, email),
        "affiliation": (texts.line, affiliation),
        "purpose": (texts.paragraph, purpose),
    }
    checked = {}
    for member, (check, text) in members.items():
        try:
            checked[member] = check(text)
        except ValueError as error:
            raise UnfitRequest(f"{member}: {text[:60]!r} {error}") from error
    try:
        team = named("team", team)
    except EntryError as error:
        raise UnfitRequest(f"team: {error}") from error
    if password is not None and not SHORTEST <= len(password) <= LONGEST:
        raise UnfitRequest(
            f"password: it has {len(password)} characters; give {SHORTEST} to {LONGEST}"
        )
    return SignUp(**checked, team=team, password=password)


@dataclass(frozen=True, slots=True)
class SignUpRequest:
    """One request as a steward sees it.

    ``known_person`` and ``known_team`` are ids where the e-mail address or the team exists: then
    approval only makes that person a member, and leaves the password as it is.
    """

    request_id: str
    state: RequestState
    name: str
    email: str
    team: str
    affiliation: str
    purpose: str
    created: datetime
    known_person: str | None
    known_team: str | None


@dataclass(frozen=True, slots=True)
class Approved:
    """Ids of the person and the team of an approved request."""

    person_id: str
    team_id: str


class Requests:
    """The requests of a store, each decision one transaction."""

    def __init__(self, database: Database) -> None:
        """Keep the database."""
        self._database = database

    def ask(self, sign_up: SignUp) -> str:
        """Keep a request; return its id. Raises TooManyRequests."""
        password_hash = None if sign_up.password is None else passwords.hashed(sign_up.password)
        request_id = new_id()
        with self._database.transaction() as connection:
            waiting = select(func.count()).where(REQUESTS.c.state == RequestState.OPEN.value)
            if connection.execute(waiting).scalar_one() >= MOST_OPEN:
                raise TooManyRequests(
                    f"{MOST_OPEN} requests wait for a steward; send yours again in some days"
                )
            connection.execute(
                insert(REQUESTS).values(
                    request_id=request_id,
                    state=RequestState.OPEN.value,
                    name=sign_up.name,
                    email=sign_up.email.strip().lower(),
                    password=password_hash,
                    team=sign_up.team,
                    affiliation=sign_up.affiliation,
                    purpose=sign_up.purpose,
                    created=now(),
                )
            )
        return request_id

    def open(self) -> list[SignUpRequest]:
        """Requests that wait for a decision, the earliest first."""
        query = (
            select(REQUESTS)
            .where(REQUESTS.c.state == RequestState.OPEN.value)
            .order_by(REQUESTS.c.created)
        )
        with self._database.reading() as connection:
            return [_request(connection, row) for row in connection.execute(query).all()]

    def approve(self, request_id: str) -> Approved:
        """Make the person and the team that a request names, where they are not there yet.

        An existing person keeps name and password. Raises StoreError where the request is not
        open.
        """
        with self._database.transaction() as connection:
            row = _open_row(connection, request_id)
            person_id = person_by_email(connection, row.email) or insert_person(
                connection, row.name, row.email, row.password
            )
            team_id = team_by_name(connection, row.team) or insert_team(
                connection, row.team, row.affiliation
            )
            insert_membership(connection, person_id, team_id)
            _decide(connection, request_id, RequestState.APPROVED)
        return Approved(person_id, team_id)

    def refuse(self, request_id: str) -> None:
        """Refuse a request and remove what it says of the person; raise StoreError."""
        with self._database.transaction() as connection:
            _open_row(connection, request_id)
            _decide(connection, request_id, RequestState.REFUSED)


def _open_row(connection: Connection, request_id: str) -> Row[tuple[object, ...]]:
    row = connection.execute(
        select(REQUESTS).where(REQUESTS.c.request_id == request_id)
    ).one_or_none()
    if row is None or row.state != RequestState.OPEN.value:
        raise StoreError(
            f"no open request {request_id!r}; `sequestra user list` shows the open requests"
        )
    return row


def _decide(connection: Connection, request_id: str, state: RequestState) -> None:
    """Close a request; the person's data go, since they stand in people or nowhere."""
    connection.execute(
        update(REQUESTS)
        .where(REQUESTS.c.request_id == request_id)
        .values(
            state=state.value,
            decided=now(),
            name="",
            email="",
            password=None,
        )
    )


def _request(connection: Connection, row: Row[tuple[object, ...]]) -> SignUpRequest:
    return SignUpRequest(
        request_id=row.request_id,
        state=RequestState(row.state),
        name=row.name,
        email=row.email,
        team=row.team,
        affiliation=row.affiliation,
        purpose=row.purpose,
        created=aware(row.created),
        known_person=person_by_email(connection, row.email),
        known_team=team_by_name(connection, row.team),
    )
