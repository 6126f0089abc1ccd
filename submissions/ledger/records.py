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
