"""The ledger's tables, and the triggers that let them only grow."""

from __future__ import annotations

from sqlalchemy import (
    DDL,
    Column,
    DateTime,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    event,
)

from submissions.ledger.database import append_only

METADATA = MetaData()

SUBMISSIONS = Table(
    "submissions",
    METADATA,
    Column("submission_id", String(32), primary_key=True),
    Column("team", String(200), nullable=False),
    Column("model", String(200), nullable=False),
    Column("benchmark", String(200), nullable=False),
    Column("image_digest", String(100), nullable=False),
    Column("threshold", Float, nullable=False),
    Column("received", DateTime(timezone=True), nullable=False),
)
TRANSITIONS = Table(
    "transitions",
    METADATA,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("submission_id", ForeignKey("submissions.submission_id"), nullable=False, index=True),
    Column("state", String(20), nullable=False),
    Column("failure", String(40)),
    Column("at", DateTime(timezone=True), nullable=False),
)
RELEASES = Table(
    "releases",
    METADATA,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("submission_id", ForeignKey("submissions.submission_id"), nullable=False),
    Column("benchmark", String(200), nullable=False, index=True),
    Column("evaluation_key", String(64), nullable=False),
    Column("document", Text, nullable=False),
    Column("published", DateTime(timezone=True), nullable=False),
    UniqueConstraint("submission_id", "evaluation_key", name="one_release_an_evaluation"),
)
TRACKED = Table(
    "tracked",
    METADATA,
    Column("release_number", ForeignKey("releases.number"), primary_key=True),
    Column("run_id", String(64), nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
)
TIMES = Table(
    "stage_times",
    METADATA,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("submission_id", ForeignKey("submissions.submission_id"), nullable=False, index=True),
    Column("stage", String(20), nullable=False),
    Column("at_most_seconds", Integer, nullable=False),
)
AUDIT = Table(
    "audit",
    METADATA,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("event", String(60), nullable=False),
    Column("subject", String(200), nullable=False),
    Column("content", Text, nullable=False),
    Column("previous", String(64), nullable=False),
    Column("digest", String(64), nullable=False, unique=True),
)

ENTRIES = Table(
    "entries",
    METADATA,
    Column("submission_id", ForeignKey("submissions.submission_id"), primary_key=True),
    Column("submitted_by", String(32)),
    Column("archive_team", String(32)),
    Column("archive_sha256", String(64)),
    Column("reference", String(500)),
)
ADMISSIONS = Table(
    "admissions",
    METADATA,
    Column("submission_id", ForeignKey("submissions.submission_id"), primary_key=True),
    Column("image_digest", String(100), nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
)
FACT_SHEETS = Table(
    "fact_sheets",
    METADATA,
    Column("submission_id", ForeignKey("submissions.submission_id"), primary_key=True),
    Column("document", Text, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
)
FINDINGS = Table(
    "findings",
    METADATA,
    Column("submission_id", ForeignKey("submissions.submission_id"), primary_key=True),
    Column("sentence", Text, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
)
PRACTICES = Table(
    "practices",
    METADATA,
    Column("submission_id", ForeignKey("submissions.submission_id"), primary_key=True),
    Column("image_digest", String(100), nullable=False),
    Column("document", Text, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
)
HEADS = Table(
    "heads",
    METADATA,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("audit_number", ForeignKey("audit.number"), nullable=False),
    Column("statement", Text, nullable=False),
    Column("key_id", String(64), nullable=False),
    Column("signature", String(88), nullable=False),
)
RELEASE_SIGNATURES = Table(
    "release_signatures",
    METADATA,
    Column("release_number", ForeignKey("releases.number"), primary_key=True),
    Column("statement", Text, nullable=False),
    Column("key_id", String(64), nullable=False),
    Column("signature", String(88), nullable=False),
)
VOTES = Table(
    "votes",
    METADATA,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("submission_id", ForeignKey("submissions.submission_id"), nullable=False),
    Column("evaluation_key", String(64), nullable=False),
    # SHA-256 of the release that the reviewer saw.
    Column("document", String(64), nullable=False),
    Column("round", Integer, nullable=False),
    Column("needed", Integer, nullable=False),
    Column("reviewer", String(32), nullable=False),
    Column("vote", String(20), nullable=False),
    Column("reason", Text, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    UniqueConstraint("submission_id", "round", "reviewer", name="one_vote_a_round"),
)

COMPARISONS = Table(
    "comparisons",
    METADATA,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("benchmark", String(200), nullable=False, index=True),
    Column("cohort_digest", String(100), nullable=False),
    Column("cause", String(40), nullable=False),
    Column("through", ForeignKey("releases.number"), nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("document", Text, nullable=False),
    Column("digest", String(100), nullable=False),
    Column("statement", Text, nullable=False),
    Column("key_id", String(64), nullable=False),
    Column("signature", String(88), nullable=False),
    UniqueConstraint("benchmark", "cohort_digest", "cause", name="one_comparison_a_cause"),
)

EXPOSURES = Table(
    "exposures",
    METADATA,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("kind", String(20), nullable=False),
    Column("subject", String(100), nullable=False, index=True),
    Column("team", String(200), nullable=False),
    Column("benchmark", String(200), nullable=False, index=True),
    Column("cohort_digest", String(100), nullable=False),
    Column("figures", Text, nullable=False),
    Column("look", Integer),
    Column("lifetime", Integer),
    Column("load_factor", Float),
    Column("at", DateTime(timezone=True), nullable=False),
)

BOARD_ROWS = Table(
    "board_rows",
    METADATA,
    Column("release_number", ForeignKey("releases.number"), primary_key=True),
    Column("submission_id", ForeignKey("submissions.submission_id"), nullable=False, index=True),
    Column("benchmark", String(200), nullable=False),
    Column("team", String(200), nullable=False),
    Column("model", String(200), nullable=False),
    Column("received", DateTime(timezone=True), nullable=False),
    Column("cohort_digest", String(100), nullable=False),
    Column("plan_digest", String(100), nullable=False),
    Column("figures", Text, nullable=False),
    Column("shown", Text, nullable=False),
    Index("ix_board_rows_of_benchmark", "benchmark", "release_number"),
)

ALLOWANCES = Table(
    "allowances",
    METADATA,
    Column("submission_id", ForeignKey("submissions.submission_id"), primary_key=True),
    # JSON list of the teams that share the allowance of the submission's own.
    Column("teams", Text, nullable=False),
)

VERDICTS = Table(
    "verdicts",
    METADATA,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("submission_id", ForeignKey("submissions.submission_id"), nullable=False),
    Column("team", String(200), nullable=False),
    # JSON list of the teams that shared the allowance, in lower case.
    Column("allowance", Text, nullable=False),
    Column("benchmark", String(200), nullable=False, index=True),
    Column("cohort_digest", String(100), nullable=False),
    Column("claims_digest", String(100), nullable=False),
    Column("look_digest", String(64), nullable=False),
    Column("look", Integer, nullable=False),
    Column("looks", Integer, nullable=False),
    Column("level", Float, nullable=False),
    Column("repeats", ForeignKey("verdicts.number")),
    Column("document", Text, nullable=False),
    # Random: without it the digest in the audit chain could be guessed, word by word.
    Column("salt", String(32), nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    UniqueConstraint("submission_id", name="one_verdict_a_submission"),
)

TABLES = tuple(METADATA.tables)
"""Names of all tables; each only grows."""

event.listen(METADATA, "before_create", DDL(append_only.FUNCTION).execute_if(dialect="postgresql"))
for _table in METADATA.tables.values():
    append_only.protect(_table)
