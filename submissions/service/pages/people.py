"""The page of a person's teams: who belongs to each, and with which teams it shares its looks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from submissions.service.pages.shown import page
from submissions.service.people import Team
from submissions.service.principal import Principal, Scope, require
from submissions.service.store import Store

router = APIRouter()


@dataclass(frozen=True, slots=True)
class TeamShown:
    """A team with the names of its people, and of the teams that share its looks."""

    team: Team
    names: tuple[str, ...]
    sharing: tuple[str, ...]


@router.get("/people")
def people(
    request: Request, principal: Annotated[Principal, Depends(require(Scope.READ))]
) -> Response:
    """The teams of the person."""
    store: Store = request.app.state.store
    names = {person.person_id: person.name for person in store.people.people()}
    shown = []
    for membership in principal.teams:
        team = store.people.team(membership.team_id)
        shown.append(
            TeamShown(
                team=team,
                names=tuple(sorted(names.get(each, "") for each in team.people)),
                sharing=tuple(name for name in store.allowance(team.team_id) if name != team.name),
            )
        )
    provider = request.app.state.settings.provider
    return page(request, "people.html", teams=shown, provider=provider.title if provider else "")
