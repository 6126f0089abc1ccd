"""Who saw which figures of which cohort; the releases of a former build are told of as well."""

from __future__ import annotations

import json
from collections import Counter

import sqlalchemy as sa
from alembic import op

from submissions.ledger.database.append_only import ACTS, trigger

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add the table with its triggers, and a row for each release that was made before."""
    table = op.create_table(
        "exposures",
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("subject", sa.String(100), nullable=False, index=True),
        sa.Column("team", sa.String(200), nullable=False),
        sa.Column("benchmark", sa.String(200), nullable=False, index=True),
        sa.Column("cohort_digest", sa.String(100), nullable=False),
        sa.Column("figures", sa.Text, nullable=False),
        sa.Column("look", sa.Integer),
        sa.Column("lifetime", sa.Integer),
        sa.Column("load_factor", sa.Float),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
    )
    connection = op.get_bind()
    released = connection.execute(
        sa.text(
            "SELECT r.submission_id, r.benchmark, r.document, r.published, s.team FROM releases r "
            "JOIN submissions s ON s.submission_id = r.submission_id ORDER BY r.number"
        ).columns(published=sa.DateTime(timezone=True))
    )
    for row in released:
        cohort_digest, figures = _shown(row.document)
        connection.execute(
            sa.insert(table).values(
                kind="release",
                subject=row.submission_id,
                team=row.team,
                benchmark=row.benchmark,
                cohort_digest=cohort_digest,
                figures=figures,
                at=row.published,
            )
        )
    dialect = op.get_context().dialect.name
    for act in ACTS[dialect]:
        op.execute(trigger("exposures", act, dialect))


def _shown(document: str) -> tuple[str, str]:
    try:
        found = json.loads(document)
        counted = Counter(str(row["metric"]) for row in found["results"])
        return str(found["cohort_digest"]), json.dumps(counted, sort_keys=True)
    except (ValueError, TypeError, KeyError):
        return "", "{}"
