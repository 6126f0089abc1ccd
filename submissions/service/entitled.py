"""Whose votes count: those of people who are reviewers or stewards at that moment."""

from __future__ import annotations

from collections.abc import Collection

from submissions.service.people import PersonState
from submissions.service.principal import Role
from submissions.service.store import Store, StoreError

REVIEWING = frozenset({Role.REVIEWER, Role.STEWARD})
"""Roles that may vote; one is enough."""


def is_entitled(store: Store, person_id: str) -> bool:
    """Whether a person is approved and has a role that votes; not where the person is deleted."""
    try:
        person = store.people.person(person_id)
    except StoreError:
        return False
    return person.state is PersonState.APPROVED and not REVIEWING.isdisjoint(person.roles)


def all_entitled(accounts: str, people: Collection[str]) -> bool:
    """The same of several people, by the address of the accounts; raise StoreError."""
    store = Store(accounts)
    try:
        return all(is_entitled(store, person_id) for person_id in people)
    finally:
        store.close()
