"""The rows of the ledger as its readers get them, and the one error that they meet."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from submissions.signatures import Signed


class LedgerError(ValueError):
    """The ledger cannot be opened, or was asked for something it must not do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """How an image reached the service: an archive of a team's own, or a reference with digest.

    ``submitted_by`` is the opaque id of the person; names of people stay out of the ledger.
    """

    submitted_by: str | None = None
    archive_team: str | None = None
    archive_sha256: str | None = None
    reference: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedRelease:
    """One released document as it stands in the ledger."""

    number: int
    submission_id: str
    benchmark: str
    evaluation_key: str
    document: str
    published: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardRow:
    """What a board needs of every release to order it; ``figures`` is JSON, a value by figure.

    The digests are empty for a document that is not a release.
    """

    number: int
    submission_id: str
    benchmark: str
    team: str
    model: str
    received: datetime
    cohort_digest: str
    plan_digest: str
    figures: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """One entry of the audit chain."""

    number: int
    at: datetime
    event: str
    subject: str
    content: str
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedHead:
    """A signed head of the audit chain: the number of the entry that was the last one then."""

    audit_number: int
    signed: Signed


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedRelease:
    """A signed release, by its number in the ledger."""

    release_number: int
    signed: Signed


@dataclass(frozen=True, slots=True, kw_only=True)
class FrozenComparison:
    """The submissions of a benchmark compared with one another, as the ledger keeps it.

    ``cause`` is the declared day or the number of the release that brought it, ``through`` the
    number of the last release that it covers, ``at`` the moment up to which it covers releases.
    """

    benchmark: str
    cohort_digest: str
    cause: str
    through: int
    at: datetime
    document: str
    digest: str
    signed: Signed
    number: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class LastComparison:
    """The newest comparison of a benchmark without its document; see FrozenComparison."""

    number: int
    through: int
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstRelease:
    """When a submission that is shown was first released: its number, and the hour."""

    submission_id: str
    team: str
    number: int
    published: datetime
