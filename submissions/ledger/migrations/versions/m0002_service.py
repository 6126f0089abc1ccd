"""Entries through the service, what came of them before a run, signatures; none can be emptied."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from submissions.ledger.database.append_only import ACTS, trigger

revision = "0002"
down_revision = "0001"

_FIRST = ("submissions", "transitions", "releases", "tracked", "stage_times", "audit")
_ADDED = (
    "entries",
    "admissions",
    "fact_sheets",
    "findings",
    "practices",
    "heads",
    "release_signatures",
)


def upgrade() -> None:
    """Add the tables with their triggers, and on PostgreSQL triggers on TRUNCATE for all."""
    _of_submissions()
    _of_signatures()
    dialect = op.get_context().dialect.name
    for table in _ADDED:
        for act in ACTS[dialect]:
            op.execute(trigger(table, act, dialect))
    if dialect == "postgresql":
        for table in _FIRST:
            op.execute(trigger(table, "TRUNCATE", dialect))


def _of_submissions() -> None:
    op.create_table(
        "entries",
        _submission(),
        sa.Column("submitted_by", sa.String(32)),
        sa.Column("archive_team", sa.String(32)),
        sa.Column("archive_sha256", sa.String(64)),
        sa.Column("reference", sa.String(500)),
    )
    op.create_table(
        "admissions",
        _submission(),
        sa.Column("image_digest", sa.String(100), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_table(
        "fact_sheets",
        _submission(),
        sa.Column("document", sa.Text, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_table(
        "findings",
        _submission(),
        sa.Column("sentence", sa.Text, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_table(
        "practices",
        _submission(),
        sa.Column("image_digest", sa.String(100), nullable=False),
        sa.Column("document", sa.Text, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
    )


def _of_signatures() -> None:
    op.create_table(
        "heads",
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("audit_number", sa.Integer, sa.ForeignKey("audit.number"), nullable=False),
        sa.Column("statement", sa.Text, nullable=False),
        sa.Column("key_id", sa.String(64), nullable=False),
        sa.Column("signature", sa.String(88), nullable=False),
    )
    op.create_table(
        "release_signatures",
        sa.Column("release_number", sa.Integer, sa.ForeignKey("releases.number"), primary_key=True),
        sa.Column("statement", sa.Text, nullable=False),
        sa.Column("key_id", sa.String(64), nullable=False),
        sa.Column("signature", sa.String(88), nullable=False),
    )


def _submission() -> sa.Column[str]:
    return sa.Column(
        "submission_id",
        sa.String(32),
        sa.ForeignKey("submissions.submission_id"),
        primary_key=True,
    )
