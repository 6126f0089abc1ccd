"""Accepting the participation agreement: in the store, and in the audit chain by opaque id."""

from __future__ import annotations

from starlette.requests import Request

from submissions.service.principal import Principal
from submissions.service.problems import Problem
from submissions.service.settings import Agreement

EVENT = "agreement-accepted"
"""In the audit chain: the subject is the person's opaque id, the content the version."""


def accept(request: Request, principal: Principal, version: str) -> Agreement:
    """Record that a person accepts the present agreement; raise a 409 Problem for another version.

    A second time changes nothing.
    """
    present: Agreement = request.app.state.settings.agreement
    if version != present.version:
        raise Problem(
            409,
            "Another version",
            f"Version {version[:64]!r} was accepted, and the present one is {present.version!r}; "
            f"read that and accept it.",
            type="agreement-changed",
            version=present.version,
        )
    if not principal.agreed:
        # In this order a crash between the two leaves a second record, never a missing one.
        request.app.state.ledger.record(EVENT, principal.person_id, version)
        request.app.state.store.accept(principal.person_id, version)
    return present
