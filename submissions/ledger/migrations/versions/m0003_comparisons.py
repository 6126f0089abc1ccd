"""Comparisons of a board's submissions; none can be changed or removed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from submissions.ledger.database.append_only import ACTS, trigger

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add the table with its triggers."""
    op.create_table(
        "comparisons",
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("benchmark", sa.String(200), nullable=False, index=True),
        sa.Column("cohort_digest", sa.String(100), nullable=False),
        sa.Column("cause", sa.String(40), nullable=False),
        sa.Column("through", sa.Integer, sa.ForeignKey("releases.number"), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("document", sa.Text, nullable=False),
        sa.Column("digest", sa.String(100), nullable=False),
        sa.Column("statement", sa.Text, nullable=False),
        sa.Column("key_id", sa.String(64), nullable=False),
        sa.Column("signature", sa.String(88), nullable=False),
        sa.UniqueConstraint("benchmark", "cohort_digest", "cause", name="one_comparison_a_cause"),
    )
    dialect = op.get_context().dialect.name
    for act in ACTS[dialect]:
        op.execute(trigger("comparisons", act, dialect))
