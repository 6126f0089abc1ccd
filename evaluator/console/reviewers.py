"""Who may review: stewards and reviewers, and nobody the result of an own team."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from submissions.ledger.ledger import Ledger
from submissions.service.entitled import REVIEWING
from submissions.service.principal import Role
from submissions.service.store import Store
from submissions.submission import Submission


class ReviewError(ValueError):
    """A person may not see or do this, or not now."""


class NotAReviewer(ReviewError):
    """The person has neither role."""


class OwnResult(ReviewError):
    """The result is of a team that the person is tied to."""


@dataclass(frozen=True, slots=True)
class Reviewer:
    """A person who may vote, by opaque id."""

    person_id: str
    name: str


def reviewer(person_id: str, name: str, roles: Collection[Role]) -> Reviewer:
    """A person as a reviewer; raise NotAReviewer without the role of reviewer or steward."""
    if REVIEWING.isdisjoint(roles):
        raise NotAReviewer(
            f"person {person_id} is no reviewer; a steward gives the role with `sequestra user "
            f"role {person_id} reviewer`"
        )
    return Reviewer(person_id, name)


def is_own(store: Store, ledger: Ledger, person_id: str, submission: Submission) -> bool:
    """Whether a person entered a submission, or is or was in its team.

    A team that shares the allowance counts as the team itself.
    """
    arrival = ledger.arrival(submission.submission_id)
    entered = arrival is not None and arrival.submitted_by == person_id
    return entered or store.people.is_tied(person_id, submission.team)
