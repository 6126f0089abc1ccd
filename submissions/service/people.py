"""People, teams and memberships of the service's store."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import ColumnElement, Connection, Row, insert, select, true, update

from submissions.addresses.database import aware
from submissions.service.credentials import passwords
from submissions.service.database import Database, StoreError, new_id, now
from submissions.service.principal import Membership, Role
from submissions.service.tables import MEMBERSHIPS, PEOPLE, SESSIONS, TEAMS, TOKENS


class PersonState(StrEnum):
    """Whether a person may sign in."""

    APPROVED = "approved"
    DISABLED = "disabled"
    DELETED = "deleted"


@dataclass(frozen=True, slots=True)
class Person:
    """One person; a deleted one has neither name nor e-mail address."""

    person_id: str
    state: PersonState
    name: str
    email: str | None
    roles: frozenset[Role]
    teams: tuple[Membership, ...]
    created: datetime


@dataclass(frozen=True, slots=True)
class Team:
    """One approved team with the ids of its present people."""

    team_id: str
    name: str
    affiliation: str
    enabled: bool
    people: tuple[str, ...]
    created: datetime


class People:
    """People and teams, each change one transaction."""

    def __init__(self, database: Database) -> None:
        """Keep the database."""
        self._database = database

    def person(self, person_id: str) -> Person:
        """Read one person by id; raise StoreError where there is none."""
        for person in self._people(PEOPLE.c.person_id == person_id):
            return person
        raise StoreError(f"no person {person_id!r}; `sequestra user list` shows all")

    def named(self, person: str) -> Person:
        """Read one person by id or e-mail address; raise StoreError where there is none."""
        mine = (PEOPLE.c.person_id == person) | (PEOPLE.c.email == person.strip().lower())
        for match in self._people(mine):
            return match
        raise StoreError(f"no person {person!r}; `sequestra user list` shows all")

    def grant(self, person_id: str, role: Role, *, granted: bool) -> None:
        """Give a person the role of reviewer or steward, or take it away."""
        if role is Role.SUBMITTER:
            raise StoreError("a member of a team is a submitter; use `sequestra team join`")
        with self._database.transaction() as connection:
            _living(connection, person_id)
            connection.execute(
                update(PEOPLE).where(PEOPLE.c.person_id == person_id).values({role.value: granted})
            )

    def people(self) -> list[Person]:
        """All people, the earliest first."""
        return self._people(true())

    def _people(self, condition: ColumnElement[bool]) -> list[Person]:
        """People in two statements, however many: rows, then all their teams."""
        query = select(PEOPLE).where(condition).order_by(PEOPLE.c.created)
        with self._database.reading() as connection:
            rows = connection.execute(query).all()
            teams = _teams_of(connection, condition)
        return [_person(row, tuple(teams.get(row.person_id, ()))) for row in rows]

    def team(self, team_id: str) -> Team:
        """Read one team by id or name; raise StoreError where there is none."""
        for team in self.teams():
            if team_id == team.team_id or team_id.casefold() == team.name.casefold():
                return team
        raise StoreError(f"no team {team_id!r}; `sequestra team list` shows all")

    def teams(self) -> list[Team]:
        """All teams, the earliest first."""
        members = (
            select(MEMBERSHIPS.c.team_id, MEMBERSHIPS.c.person_id)
            .where(MEMBERSHIPS.c.ended.is_(None))
            .order_by(MEMBERSHIPS.c.since)
        )
        people: dict[str, list[str]] = {}
        with self._database.reading() as connection:
            rows = connection.execute(select(TEAMS).order_by(TEAMS.c.created)).all()
            for member in connection.execute(members).all():
                people.setdefault(member.team_id, []).append(member.person_id)
        return [_team(row, tuple(people.get(row.team_id, ()))) for row in rows]

    def add_person(
        self,
        name: str,
        email: str,
        password: str | None,
        *,
        roles: frozenset[Role] = frozenset(),
    ) -> str:
        """Add an approved person; return the id. Raises StoreError where the e-mail is taken."""
        password_hash = None if password is None else passwords.hashed(password)
        with self._database.transaction() as connection:
            return insert_person(connection, name, email, password_hash, roles=roles)

    def add_team(self, name: str, affiliation: str = "") -> str:
        """Add an approved team; return its id. Raises StoreError where the name is taken."""
        with self._database.transaction() as connection:
            if team_by_name(connection, name) is not None:
                raise StoreError(f"a team {name!r} exists; choose another name")
            return insert_team(connection, name, affiliation)

    def join(self, person_id: str, team_id: str) -> None:
        """Make a person a member of a team."""
        with self._database.transaction() as connection:
            insert_membership(connection, person_id, team_id)

    def leave(self, person_id: str, team_id: str) -> None:
        """End a membership; it still ties the allowances of the person's teams together."""
        with self._database.transaction() as connection:
            ended = connection.execute(
                update(MEMBERSHIPS)
                .where(
                    MEMBERSHIPS.c.person_id == person_id,
                    MEMBERSHIPS.c.team_id == team_id,
                    MEMBERSHIPS.c.ended.is_(None),
                )
                .values(ended=now())
            )
            if not ended.rowcount:
                raise StoreError(f"person {person_id} is no member of team {team_id}")

    def enable(self, person_id: str, *, enabled: bool) -> None:
        """Let a person sign in again, or not; disabling ends all sessions."""
        with self._database.transaction() as connection:
            _living(connection, person_id)
            state = PersonState.APPROVED if enabled else PersonState.DISABLED
            connection.execute(
                update(PEOPLE).where(PEOPLE.c.person_id == person_id).values(state=state.value)
            )
            if not enabled:
                connection.execute(SESSIONS.delete().where(SESSIONS.c.person_id == person_id))

    def enable_team(self, team_id: str, *, enabled: bool) -> None:
        """Let a team submit again, or not."""
        with self._database.transaction() as connection:
            changed = connection.execute(
                update(TEAMS).where(TEAMS.c.team_id == team_id).values(enabled=enabled)
            )
            if not changed.rowcount:
                raise StoreError(f"no team {team_id!r}; `sequestra team list` shows all")

    def delete(self, person_id: str) -> None:
        """Remove name, e-mail address, password, tokens and sessions of a person.

        The opaque id stays, without a name, with its memberships: they tie the allowances.
        """
        with self._database.transaction() as connection:
            _living(connection, person_id)
            connection.execute(TOKENS.delete().where(TOKENS.c.person_id == person_id))
            connection.execute(SESSIONS.delete().where(SESSIONS.c.person_id == person_id))
            connection.execute(
                update(MEMBERSHIPS)
                .where(MEMBERSHIPS.c.person_id == person_id, MEMBERSHIPS.c.ended.is_(None))
                .values(ended=now())
            )
            connection.execute(
                update(PEOPLE)
                .where(PEOPLE.c.person_id == person_id)
                .values(
                    state=PersonState.DELETED.value,
                    name="",
                    email=None,
                    password=None,
                    issuer=None,
                    subject=None,
                    reviewer=False,
                    steward=False,
                )
            )
        self._database.settle()

    def allowance(self, team_id: str) -> list[str]:
        """Names of all teams that share one allowance with a team, its own included, sorted.

        Two teams share it if a person is or was a member of both, and so on from team to team.
        """
        with self._database.reading() as connection:
            ties = connection.execute(select(MEMBERSHIPS.c.person_id, MEMBERSHIPS.c.team_id)).all()
            names = {row.team_id: row.name for row in connection.execute(select(TEAMS)).all()}
        if team_id not in names:
            raise StoreError(f"no team {team_id!r}")
        teams_of: dict[str, set[str]] = {}
        people_of: dict[str, set[str]] = {}
        for tie in ties:
            teams_of.setdefault(tie.person_id, set()).add(tie.team_id)
            people_of.setdefault(tie.team_id, set()).add(tie.person_id)
        reached, waiting = {team_id}, deque([team_id])
        while waiting:
            for person in people_of.get(waiting.popleft(), ()):
                further = teams_of[person] - reached
                reached |= further
                waiting.extend(further)
        return sorted(names[team] for team in reached)

    def is_tied(self, person_id: str, team: str) -> bool:
        """Whether a person is or was in a team, by name, or in one that shares its allowance."""
        mine = select(MEMBERSHIPS.c.team_id).where(MEMBERSHIPS.c.person_id == person_id)
        with self._database.reading() as connection:
            team_id = team_by_name(connection, team)
            names = select(TEAMS.c.name).where(TEAMS.c.team_id.in_(mine))
            own = set(connection.execute(names).scalars())
        return team_id is not None and not own.isdisjoint(self.allowance(team_id))

    def with_identity(self, issuer: str, subject: str) -> str | None:
        """The id of the approved person who is connected to an identity of a provider."""
        query = select(PEOPLE.c.person_id).where(
            PEOPLE.c.issuer == issuer,
            PEOPLE.c.subject == subject,
            PEOPLE.c.state == PersonState.APPROVED.value,
        )
        with self._database.reading() as connection:
            return connection.execute(query).scalar_one_or_none()

    def connect(self, person_id: str, issuer: str, subject: str) -> None:
        """Connect a person to an identity of a provider; raise StoreError where it is taken."""
        taken = select(PEOPLE.c.person_id).where(
            PEOPLE.c.issuer == issuer, PEOPLE.c.subject == subject
        )
        with self._database.transaction() as connection:
            _living(connection, person_id)
            if connection.execute(taken).first() is not None:
                raise StoreError("this identity is connected to another person")
            connection.execute(
                update(PEOPLE)
                .where(PEOPLE.c.person_id == person_id)
                .values(issuer=issuer, subject=subject)
            )

    def with_password(self, email: str, password: str) -> str | None:
        """The id of the approved person with this e-mail address and password, else None.

        An unknown address costs the same time as a wrong password.
        """
        with self._database.reading() as connection:
            row = connection.execute(
                select(PEOPLE.c.person_id, PEOPLE.c.password, PEOPLE.c.state).where(
                    # PostgreSQL takes no text with a zero in it, and no address has a space.
                    PEOPLE.c.email == email.strip().lower().replace("\0", " ")
                )
            ).one_or_none()
        right = passwords.is_right(password, None if row is None else row.password)
        if row is None or not right or row.state != PersonState.APPROVED.value:
            return None
        return str(row.person_id)


def insert_person(
    connection: Connection,
    name: str,
    email: str,
    password_hash: str | None,
    *,
    roles: frozenset[Role] = frozenset(),
) -> str:
    """Add an approved person in a transaction; return the id; raise StoreError."""
    if person_by_email(connection, email) is not None:
        raise StoreError(f"a person with the e-mail address {email!r} exists")
    person_id = new_id()
    connection.execute(
        insert(PEOPLE).values(
            person_id=person_id,
            state=PersonState.APPROVED.value,
            name=name,
            email=email.strip().lower(),
            password=password_hash,
            reviewer=Role.REVIEWER in roles,
            steward=Role.STEWARD in roles,
            created=now(),
        )
    )
    return person_id


def person_by_email(connection: Connection, email: str) -> str | None:
    """The id of the person with an e-mail address, in any state."""
    return connection.execute(
        select(PEOPLE.c.person_id).where(PEOPLE.c.email == email.strip().lower())
    ).scalar_one_or_none()


def insert_team(connection: Connection, name: str, affiliation: str) -> str:
    """Add a team in a transaction; return its id."""
    team_id = new_id()
    connection.execute(
        insert(TEAMS).values(
            team_id=team_id,
            name=name,
            folded=name.casefold(),
            affiliation=affiliation,
            enabled=True,
            created=now(),
        )
    )
    return team_id


def team_by_name(connection: Connection, name: str) -> str | None:
    """The id of the team with a name, whatever its case."""
    return connection.execute(
        select(TEAMS.c.team_id).where(TEAMS.c.folded == name.casefold())
    ).scalar_one_or_none()


def insert_membership(connection: Connection, person_id: str, team_id: str) -> None:
    """Make a person a member in a transaction; one that had left is a member again."""
    mine = (MEMBERSHIPS.c.person_id == person_id) & (MEMBERSHIPS.c.team_id == team_id)
    if connection.execute(select(MEMBERSHIPS.c.since).where(mine)).first() is not None:
        connection.execute(update(MEMBERSHIPS).where(mine).values(ended=None))
        return
    connection.execute(
        insert(MEMBERSHIPS).values(person_id=person_id, team_id=team_id, since=now())
    )


def _teams_of(
    connection: Connection, condition: ColumnElement[bool]
) -> dict[str, list[Membership]]:
    """The present teams of people that may submit, by person's id, each by name."""
    rows = connection.execute(
        select(PEOPLE.c.person_id, TEAMS.c.team_id, TEAMS.c.name)
        .join(MEMBERSHIPS, MEMBERSHIPS.c.person_id == PEOPLE.c.person_id)
        .join(TEAMS, TEAMS.c.team_id == MEMBERSHIPS.c.team_id)
        .where(condition, MEMBERSHIPS.c.ended.is_(None), TEAMS.c.enabled)
        .order_by(TEAMS.c.folded)
    ).all()
    teams: dict[str, list[Membership]] = {}
    for row in rows:
        teams.setdefault(row.person_id, []).append(Membership(row.team_id, row.name))
    return teams


def roles_of(row: Row[tuple[object, ...]], teams: tuple[Membership, ...]) -> frozenset[Role]:
    """The roles of a row of people: a member of a team submits."""
    flags = {Role.REVIEWER: row.reviewer, Role.STEWARD: row.steward, Role.SUBMITTER: bool(teams)}
    return frozenset(role for role, has in flags.items() if has)


def _person(row: Row[tuple[object, ...]], teams: tuple[Membership, ...]) -> Person:
    return Person(
        person_id=row.person_id,
        state=PersonState(row.state),
        name=row.name,
        email=row.email,
        roles=roles_of(row, teams),
        teams=teams,
        created=aware(row.created),
    )


def _team(row: Row[tuple[object, ...]], people: tuple[str, ...]) -> Team:
    return Team(
        team_id=row.team_id,
        name=row.name,
        affiliation=row.affiliation,
        enabled=row.enabled,
        people=people,
        created=aware(row.created),
    )


def _living(connection: Connection, person_id: str) -> None:
    state = connection.execute(
        select(PEOPLE.c.state).where(PEOPLE.c.person_id == person_id)
    ).scalar_one_or_none()
    if state is None or state == PersonState.DELETED.value:
        raise StoreError(f"no person {person_id!r}; `sequestra user list` shows all")
