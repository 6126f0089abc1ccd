"""The tables of the first build, which made them itself and kept no number of its schema."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from submissions.ledger.database.append_only import FUNCTION, trigger

revision = "0001"
down_revision = None

_ACTS = ("UPDATE", "DELETE")


def upgrade() -> None:
    """Make the tables that are missing: all in a new ledger, none in one that the build filled."""
    dialect = op.get_context().dialect.name
    if dialect == "postgresql":
        op.execute(FUNCTION)
    there = set(sa.inspect(op.get_bind()).get_table_names())
    for table in _tables().sorted_tables:
        if table.name not in there:
            table.create(op.get_bind())
            for act in _ACTS:
                op.execute(trigger(table.name, act, dialect))


def _tables() -> sa.MetaData:
    metadata = sa.MetaData()
    sa.Table(
        "submissions",
        metadata,
        sa.Column("submission_id", sa.String(32), primary_key=True),
        sa.Column("team", sa.String(200), nullable=False),
        sa.Column("model", sa.String(200), nullable=False),
        sa.Column("benchmark", sa.String(200), nullable=False),
        sa.Column("image_digest", sa.String(100), nullable=False),
        sa.Column("threshold", sa.Float, nullable=False),
        sa.Column("received", sa.DateTime(timezone=True), nullable=False),
    )
    sa.Table(
        "transitions",
        metadata,
        _number(),
        _submission(index=True),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("failure", sa.String(40)),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
    )
    sa.Table(
        "releases",
        metadata,
        _number(),
        _submission(index=False),
        sa.Column("benchmark", sa.String(200), nullable=False, index=True),
        sa.Column("evaluation_key", sa.String(64), nullable=False),
        sa.Column("document", sa.Text, nullable=False),
        sa.Column("published", sa.DateTime(timezone=True), nullable=False),
        sa.UniqueConstraint("submission_id", "evaluation_key", name="one_release_an_evaluation"),
    )
    sa.Table(
        "tracked",
        metadata,
        sa.Column("release_number", sa.ForeignKey("releases.number"), primary_key=True),
        sa.Column("run_id", sa.String(64), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
    )
    sa.Table(
        "stage_times",
        metadata,
        _number(),
        _submission(index=True),
        sa.Column("stage", sa.String(20), nullable=False),
        sa.Column("at_most_seconds", sa.Integer, nullable=False),
    )
    sa.Table(
        "audit",
        metadata,
        _number(),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("event", sa.String(60), nullable=False),
        sa.Column("subject", sa.String(200), nullable=False),
        sa.Column("content", sa.Text, nullable=False),
        sa.Column("previous", sa.String(64), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False, unique=True),
    )
    return metadata


def _number() -> sa.Column[int]:
    return sa.Column("number", sa.Integer, primary_key=True, autoincrement=True)


def _submission(*, index: bool) -> sa.Column[str]:
    return sa.Column(
        "submission_id", sa.ForeignKey("submissions.submission_id"), nullable=False, index=index
    )
