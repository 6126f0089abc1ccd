"""The steward's commands for people, teams and API tokens, one function each."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from evaluator.commands.options import HOME, OPERATOR, Home
from evaluator.screen import console

if TYPE_CHECKING:
    from pathlib import Path

    from submissions.ledger.ledger import Ledger
    from submissions.service.people import Person, Team
    from submissions.service.requests import SignUpRequest
    from submissions.service.sign_ins import Token
    from submissions.service.store import Store

app = typer.Typer()
user = typer.Typer(no_args_is_help=True, help="People who take part: approve, disable, delete.")
team = typer.Typer(no_args_is_help=True, help="Teams and who belongs to them.")
token = typer.Typer(no_args_is_help=True, help="API tokens: make, list and revoke them.")
app.add_typer(user, name="user", rich_help_panel=OPERATOR)
app.add_typer(team, name="team", rich_help_panel=OPERATOR)
app.add_typer(token, name="token", rich_help_panel=OPERATOR)

PersonId = Annotated[str, typer.Argument(metavar="PERSON", help="Id or e-mail address.")]
TeamId = Annotated[str, typer.Argument(metavar="TEAM", help="Id or name of the team.")]
RequestId = Annotated[str, typer.Argument(metavar="REQUEST", help="Id of an open request.")]


class Granted(StrEnum):
    """Roles that a steward gives; a member of a team is a submitter."""

    REVIEWER = "reviewer"
    STEWARD = "steward"


class Allowed(StrEnum):
    """What a token may be used for."""

    READ = "read"
    SUBMIT = "submit"
    TOKENS = "tokens"


@user.command("list")
def user_list(home: Home = HOME) -> None:
    """List open requests, then people with their teams and roles."""
    from submissions.service.resets.links import Links

    with _stores(home) as (store, _):
        for request in store.requests.open():
            console.print(_request_line(request))
        links = Links(store)
        for person in store.people.people():
            verified = links.is_verified(person.person_id, person.email)
            console.print(_person_line(person, verified=verified))


@user.command("approve")
def user_approve(request_id: RequestId, home: Home = HOME) -> None:
    """Approve a request: the person becomes a member of the team.

    Check first, by a channel that you trust, that this person asked.
    """
    with _stores(home) as (store, ledger):
        approved = store.requests.approve(request_id)
        ledger.record("person-approved", approved.person_id, approved.team_id)
        console.print(_person_line(store.people.person(approved.person_id)))


@user.command("refuse")
def user_refuse(request_id: RequestId, home: Home = HOME) -> None:
    """Refuse a request and delete what it says of the person."""
    with _stores(home) as (store, ledger):
        store.requests.refuse(request_id)
        ledger.record("request-refused", request_id, "")
    console.print(f"request {request_id} refused")


@user.command("add")
def user_add(
    name: Annotated[str, typer.Argument(help="Name of the person.")],
    email: Annotated[str, typer.Argument(help="E-mail address.")],
    team_name: Annotated[
        str, typer.Option("--team", help="Name of the team; a new one is made if none has it.")
    ],
    affiliation: Annotated[str, typer.Option(help="Institution of a new team.")] = "",
    home: Home = HOME,
) -> None:
    """Add a person without a request, and without a password."""
    from submissions.service.requests import sign_up

    request = sign_up(name, email, team_name, affiliation or "not named", "added by the steward")
    with _stores(home) as (store, ledger):
        request_id = store.requests.ask(request)
        approved = store.requests.approve(request_id)
        ledger.record("person-approved", approved.person_id, approved.team_id)
        console.print(_person_line(store.people.person(approved.person_id)))


@user.command("disable")
def user_disable(person: PersonId, home: Home = HOME) -> None:
    """Keep a person from signing in; sessions end and tokens are refused."""
    _enable(home, person, enabled=False)


@user.command("enable")
def user_enable(person: PersonId, home: Home = HOME) -> None:
    """Let a person sign in again."""
    _enable(home, person, enabled=True)


@user.command("reset")
def user_reset(
    person: PersonId,
    address: Annotated[
        str, typer.Option(metavar="URL", help="Public address of the service.")
    ] = "",
    home: Home = HOME,
) -> None:
    """Print a link with which a person sets a new password; it works once, for a day."""
    from submissions.service.resets.links import PATH, Links

    with _stores(home) as (store, ledger):
        account = store.people.named(person)
        secret, expires = Links(store).make(account.person_id)
        ledger.record("password-link", account.person_id, "")
    where = f"{address.rstrip('/')}{PATH}/{secret}"
    console.print(f"{where}", soft_wrap=True)
    after = "" if address else "put it after the address of the service; "
    console.print(
        f"{after}give it to {account.name} by a channel that you trust: it works once, until "
        f"{expires:%Y-%m-%d %H:%M} UTC",
        soft_wrap=True,
    )


@user.command("delete")
def user_delete(person: PersonId, home: Home = HOME) -> None:
    """Delete name, e-mail address, password and tokens of a person.

    The audit record keeps the opaque id alone.
    """
    with _stores(home) as (store, ledger):
        account = store.people.named(person)
        store.people.delete(account.person_id)
        ledger.record("person-deleted", account.person_id, "")
    console.print(f"person {account.person_id} deleted")


@user.command("role")
def user_role(
    person: PersonId,
    role: Annotated[Granted, typer.Argument(help="reviewer or steward.")],
    remove: Annotated[bool, typer.Option("--remove", help="Take the role away.")] = False,
    home: Home = HOME,
) -> None:
    """Give a person a role: reviewers and stewards see every team's submissions."""
    from submissions.service.principal import Role

    with _stores(home) as (store, ledger):
        account = store.people.named(person)
        store.people.grant(account.person_id, Role(role.value), granted=not remove)
        verb = "role-removed" if remove else "role-given"
        ledger.record(verb, account.person_id, role.value)
        console.print(_person_line(store.people.person(account.person_id)))


@team.command("list")
def team_list(home: Home = HOME) -> None:
    """List teams with their people, and which teams share one allowance."""
    with _stores(home) as (store, _):
        for each in store.people.teams():
            shared = [name for name in store.allowance(each.team_id) if name != each.name]
            console.print(_team_line(each, shared))


@team.command("join")
def team_join(team_id: TeamId, person: PersonId, home: Home = HOME) -> None:
    """Make a person a member of a team; the person's teams share one allowance."""
    with _stores(home) as (store, ledger):
        own_team, member = store.people.team(team_id), store.people.named(person)
        store.people.join(member.person_id, own_team.team_id)
        ledger.record("team-joined", member.person_id, own_team.team_id)
        console.print(_person_line(store.people.person(member.person_id)))


@team.command("leave")
def team_leave(team_id: TeamId, person: PersonId, home: Home = HOME) -> None:
    """End a membership; looks that were used stay shared."""
    with _stores(home) as (store, ledger):
        own_team, member = store.people.team(team_id), store.people.named(person)
        store.people.leave(member.person_id, own_team.team_id)
        ledger.record("team-left", member.person_id, own_team.team_id)
        console.print(_person_line(store.people.person(member.person_id)))


@team.command("disable")
def team_disable(team_id: TeamId, home: Home = HOME) -> None:
    """Keep a team from submitting; its results stay."""
    _enable_team(home, team_id, enabled=False)


@team.command("enable")
def team_enable(team_id: TeamId, home: Home = HOME) -> None:
    """Let a team submit again."""
    _enable_team(home, team_id, enabled=True)


@token.command("new")
def token_new(
    person: PersonId,
    name: Annotated[str, typer.Option(help="What the token is for.")] = "made by the steward",
    scope: Annotated[
        list[Allowed] | None, typer.Option(help="read, submit or tokens; may be repeated.")
    ] = None,
    days: Annotated[int, typer.Option(min=1, max=366, help="Days until it expires.")] = 90,
    home: Home = HOME,
) -> None:
    """Make an API token for a person and print it; it is shown this once."""
    from submissions.service.principal import Scope

    scopes = [Scope(each.value) for each in scope or (Allowed.READ, Allowed.SUBMIT)]
    with _stores(home) as (store, ledger):
        account = store.people.named(person)
        new_token, secret = store.tokens.new(account.person_id, name, scopes, days)
        ledger.record("token-made", account.person_id, new_token.token_id)
    console.print(_token_line(new_token))
    console.print(secret)


@token.command("list")
def token_list(home: Home = HOME) -> None:
    """List API tokens without their secrets."""
    with _stores(home) as (store, _):
        for each in store.tokens.of():
            console.print(_token_line(each))


@token.command("revoke")
def token_revoke(
    token_id: Annotated[str, typer.Argument(metavar="TOKEN", help="Id of the token.")],
    home: Home = HOME,
) -> None:
    """Revoke an API token; it is refused from this moment on."""
    with _stores(home) as (store, ledger):
        store.tokens.revoke(token_id)
        ledger.record("token-revoked", token_id, "")
    console.print(f"token {token_id} revoked")


@contextmanager
def _stores(home: Path) -> Iterator[tuple[Store, Ledger]]:
    """The accounts and the ledger of an installation."""
    from evaluator.stores.installation import Installation
    from submissions.service.store import Store

    installation = Installation.existing(home)
    store = Store(installation.accounts_url)
    try:
        yield store, installation.ledger()
    finally:
        store.close()


def _enable(home: Path, person: str, *, enabled: bool) -> None:
    with _stores(home) as (store, ledger):
        account = store.people.named(person)
        store.people.enable(account.person_id, enabled=enabled)
        ledger.record("person-enabled" if enabled else "person-disabled", account.person_id, "")
        console.print(_person_line(store.people.person(account.person_id)))


def _enable_team(home: Path, team_id: str, *, enabled: bool) -> None:
    with _stores(home) as (store, ledger):
        own_team = store.people.team(team_id)
        store.people.enable_team(own_team.team_id, enabled=enabled)
        ledger.record("team-enabled" if enabled else "team-disabled", own_team.team_id, "")
        console.print(_team_line(store.people.team(own_team.team_id), []))


def _request_line(request: SignUpRequest) -> str:
    known = "known person" if request.known_person else "new person"
    team_words = "known team" if request.known_team else "new team"
    return (
        f"request {request.request_id}  {request.created:%Y-%m-%d}  {request.name} "
        f"<{request.email}> ({known}) asks for team {request.team!r} ({team_words}), "
        f"{request.affiliation}: {request.purpose}"
    )


def _person_line(person: Person, *, verified: bool = False) -> str:
    teams = ", ".join(membership.team for membership in person.teams) or "no team"
    roles = ", ".join(sorted(person.roles)) or "no role"
    who = f"{person.name} <{person.email}>" if person.email else "-"
    known = " address verified" if verified else ""
    return f"person {person.person_id}  {person.state.value}  {who}{known}  {teams}  ({roles})"


def _team_line(account: Team, shared: list[str]) -> str:
    state = "enabled" if account.enabled else "disabled"
    with_whom = f"; shares its allowance with {', '.join(shared)}" if shared else ""
    return (
        f"team {account.team_id}  {state}  {account.name}, "
        f"{account.affiliation or 'no institution'}: {len(account.people)} people{with_whom}"
    )


def _token_line(credential: Token) -> str:
    state = "revoked" if credential.revoked else "valid" if credential.is_valid() else "expired"
    return (
        f"token {credential.token_id}  {state}  {credential.name}  person {credential.person_id}  "
        f"{', '.join(sorted(credential.scopes))}  until {credential.expires:%Y-%m-%d}"
    )
