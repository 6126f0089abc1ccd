"""The table of uploads in the service's store; a row that is open is a reserved look."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, DateTime, String, Table, Text

from submissions.service.tables import METADATA

UPLOADS = Table(
    "uploads",
    METADATA,
    Column("upload_id", String(12), primary_key=True),
    Column("state", String(12), nullable=False, index=True),
    Column("team_id", String(12), nullable=False, index=True),
    Column("team", String(200), nullable=False),
    Column("person_id", String(12), nullable=False),
    Column("benchmark", String(200), nullable=False),
    Column("length", BigInteger, nullable=False),
    # The header as it was sent: HEAD gives it back.
    Column("metadata", Text, nullable=False),
    Column("announced", String(64)),
    Column("sha256", String(64)),
    Column("submission_id", String(32)),
    Column("created", DateTime(timezone=True), nullable=False),
    Column("ended", DateTime(timezone=True)),
)
