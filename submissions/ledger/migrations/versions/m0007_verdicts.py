"""Verdicts of declared claims, each with the look that it cost; teams that share an allowance."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from submissions.ledger.database.append_only import ACTS, trigger

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Add the tables with their triggers."""
    op.create_table(
        "allowances",
        sa.Column(
            "submission_id",
            sa.String(32),
            sa.ForeignKey("submissions.submission_id"),
            primary_key=True,
        ),
        sa.Column("teams", sa.Text, nullable=False),
    )
    op.create_table(
        "verdicts",
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column(
            "submission_id",
            sa.String(32),
            sa.ForeignKey("submissions.submission_id"),
            nullable=False,
        ),
        sa.Column("team", sa.String(200), nullable=False),
        sa.Column("allowance", sa.Text, nullable=False),
        sa.Column("benchmark", sa.String(200), nullable=False, index=True),
        sa.Column("cohort_digest", sa.String(100), nullable=False),
        sa.Column("claims_digest", sa.String(100), nullable=False),
        sa.Column("look_digest", sa.String(64), nullable=False),
        sa.Column("look", sa.Integer, nullable=False),
        sa.Column("looks", sa.Integer, nullable=False),
        sa.Column("level", sa.Float, nullable=False),
        sa.Column("repeats", sa.Integer, sa.ForeignKey("verdicts.number")),
        sa.Column("document", sa.Text, nullable=False),
        sa.Column("salt", sa.String(32), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.UniqueConstraint("submission_id", name="one_verdict_a_submission"),
    )
    dialect = op.get_context().dialect.name
    for table in ("allowances", "verdicts"):
        for act in ACTS[dialect]:
            op.execute(trigger(table, act, dialect))
