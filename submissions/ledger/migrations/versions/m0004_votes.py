"""Votes of reviewers on held results."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from submissions.ledger.database.append_only import ACTS, trigger

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add the table with its triggers."""
    op.create_table(
        "votes",
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column(
            "submission_id",
            sa.String(32),
            sa.ForeignKey("submissions.submission_id"),
            nullable=False,
        ),
        sa.Column("evaluation_key", sa.String(64), nullable=False),
        sa.Column("document", sa.String(64), nullable=False),
        sa.Column("round", sa.Integer, nullable=False),
        sa.Column("needed", sa.Integer, nullable=False),
        sa.Column("reviewer", sa.String(32), nullable=False),
        sa.Column("vote", sa.String(20), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.UniqueConstraint("submission_id", "round", "reviewer", name="one_vote_a_round"),
    )
    dialect = op.get_context().dialect.name
    for act in ACTS[dialect]:
        op.execute(trigger("votes", act, dialect))
