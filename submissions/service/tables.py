"""Tables of the service's own store: people, teams, requests, agreements, tokens, sessions."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, DateTime, ForeignKey, MetaData, String, Table, Text

METADATA = MetaData()

PEOPLE = Table(
    "people",
    METADATA,
    Column("person_id", String(12), primary_key=True),
    Column("state", String(12), nullable=False),
    Column("name", String(200), nullable=False),
    # Lower case; none after deletion.
    Column("email", String(254), unique=True),
    Column("password", String(200)),
    Column("issuer", String(200)),
    Column("subject", String(255), index=True),
    Column("reviewer", Boolean, nullable=False, default=False),
    Column("steward", Boolean, nullable=False, default=False),
    Column("created", DateTime(timezone=True), nullable=False),
)
TEAMS = Table(
    "teams",
    METADATA,
    Column("team_id", String(12), primary_key=True),
    Column("name", String(200), nullable=False),
    # The name without case: two spellings are one team.
    Column("folded", String(400), nullable=False, unique=True),
    Column("affiliation", String(200), nullable=False),
    Column("enabled", Boolean, nullable=False, default=True),
    Column("created", DateTime(timezone=True), nullable=False),
)
MEMBERSHIPS = Table(
    "memberships",
    METADATA,
    Column("person_id", ForeignKey("people.person_id"), primary_key=True),
    Column("team_id", ForeignKey("teams.team_id"), primary_key=True, index=True),
    Column("since", DateTime(timezone=True), nullable=False),
    # A membership that ended still ties the teams' allowances together.
    Column("ended", DateTime(timezone=True)),
)
REQUESTS = Table(
    "requests",
    METADATA,
    Column("request_id", String(12), primary_key=True),
    Column("state", String(12), nullable=False, index=True),
    Column("name", String(200), nullable=False),
    Column("email", String(254), nullable=False, index=True),
    Column("password", String(200)),
    Column("team", String(200), nullable=False),
    Column("affiliation", String(200), nullable=False),
    Column("purpose", Text, nullable=False),
    Column("created", DateTime(timezone=True), nullable=False),
    Column("decided", DateTime(timezone=True)),
)
AGREEMENTS = Table(
    "agreements",
    METADATA,
    Column("person_id", ForeignKey("people.person_id"), primary_key=True),
    Column("version", String(64), primary_key=True),
    Column("at", DateTime(timezone=True), nullable=False),
)
TOKENS = Table(
    "tokens",
    METADATA,
    Column("token_id", String(12), primary_key=True),
    Column("person_id", ForeignKey("people.person_id"), nullable=False, index=True),
    Column("name", String(100), nullable=False),
    Column("fingerprint", String(64), nullable=False, unique=True),
    Column("scopes", String(100), nullable=False),
    Column("created", DateTime(timezone=True), nullable=False),
    Column("expires", DateTime(timezone=True), nullable=False),
    Column("revoked", DateTime(timezone=True)),
    Column("used", DateTime(timezone=True)),
)
SESSIONS = Table(
    "sessions",
    METADATA,
    Column("fingerprint", String(64), primary_key=True),
    Column("person_id", ForeignKey("people.person_id"), nullable=False, index=True),
    Column("created", DateTime(timezone=True), nullable=False),
    Column("expires", DateTime(timezone=True), nullable=False),
)
