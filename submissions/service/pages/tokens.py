"""The page of API tokens: make one, see its secret once, revoke it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from pydantic import ValidationError

from submissions.service.api import account
from submissions.service.pages.forms import Form, chosen, posted, sentences
from submissions.service.pages.shown import HOME, go_to, page
from submissions.service.principal import Principal, Scope, require
from submissions.service.problems import Problem
from submissions.service.store import Store

router = APIRouter()
Posted = Annotated[Form, Depends(posted)]
TokenKeeper = Annotated[Principal, Depends(require(Scope.TOKENS))]

MEANINGS = (
    (Scope.READ, "see your team's submissions and figures"),
    (Scope.SUBMIT, "upload and submit"),
    (Scope.TOKENS, "make and revoke tokens"),
)
DAYS = ((7, "a week"), (30, "30 days"), (90, "90 days"), (365, "a year"))


@router.get("/tokens")
def tokens(request: Request, principal: TokenKeeper) -> Response:
    """The person's tokens, and a form for another one."""
    return _page(request, principal, Form({"read": "yes", "submit": "yes", "days": "90"}))


@router.post("/tokens")
def make(request: Request, principal: TokenKeeper, form: Posted) -> Response:
    """Make a token and show its secret, this once."""
    scopes = chosen(form, (scope.value for scope in Scope))
    days = form.value("days")
    try:
        wish = account.TokenAsked(
            name=form.value("name"), scopes=scopes, days=int(days[:9]) if days.isdecimal() else None
        )
        new = account.new_token(request, wish, principal)
    except ValidationError as error:
        mistakes, status = sentences(error, {"name": "The name"}), 422
        if "scopes" in mistakes:
            mistakes["scopes"] = "No box is ticked; say what the token may do."
    except Problem as problem:
        mistakes, status = {"": problem.detail}, problem.status
    else:
        return page(request, "token_made.html", new=new, status=201)
    return _page(request, principal, form.with_mistakes(mistakes), status)


@router.post("/tokens/{token_id}/revoke")
def revoke(request: Request, token_id: account.TokenId, principal: TokenKeeper) -> Response:
    """Revoke a token of the person."""
    account.revoke_token(request, token_id, principal)
    return go_to(f"{HOME}/tokens")


def _page(request: Request, principal: Principal, form: Form, status: int = 200) -> Response:
    store: Store = request.app.state.store
    return page(
        request,
        "tokens.html",
        status=status,
        form=form,
        tokens=store.tokens.of(principal.person_id),
        meanings=[(scope.value, meaning) for scope, meaning in MEANINGS],
        days=[(str(number), words) for number, words in DAYS],
    )
