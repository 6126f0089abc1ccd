"""What a board shows of each release, beside it; the releases that are there get theirs now."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from submissions.ledger.beside_releases import board_rows
from submissions.ledger.database.append_only import ACTS, trigger

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Add the table with its triggers, and a row for each release."""
    op.create_table(
        "board_rows",
        sa.Column("release_number", sa.Integer, sa.ForeignKey("releases.number"), primary_key=True),
        sa.Column(
            "submission_id",
            sa.String(32),
            sa.ForeignKey("submissions.submission_id"),
            nullable=False,
            index=True,
        ),
        sa.Column("benchmark", sa.String(200), nullable=False),
        sa.Column("team", sa.String(200), nullable=False),
        sa.Column("model", sa.String(200), nullable=False),
        sa.Column("received", sa.DateTime(timezone=True), nullable=False),
        sa.Column("cohort_digest", sa.String(100), nullable=False),
        sa.Column("plan_digest", sa.String(100), nullable=False),
        sa.Column("figures", sa.Text, nullable=False),
        sa.Column("shown", sa.Text, nullable=False),
        sa.Index("ix_board_rows_of_benchmark", "benchmark", "release_number"),
    )
    dialect = op.get_context().dialect.name
    for act in ACTS[dialect]:
        op.execute(trigger("board_rows", act, dialect))
    board_rows.fill(op.get_bind())
