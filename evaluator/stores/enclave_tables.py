"""The tables of the hidden store."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import (
    Boolean,
    Column,
    DateTime,
    Float,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

METADATA = MetaData()


def _numbered(*, index: bool = False) -> tuple[Column[int], Column[str]]:
    """Rows in the order in which they were appended, and the submission of each."""
    return (
        Column("number", Integer, primary_key=True, autoincrement=True),
        Column("submission_id", String(32), nullable=False, index=index),
    )


def _written() -> tuple[Column[datetime], Column[str]]:
    """When a document was written, and the document."""
    return (
        Column("at", DateTime(timezone=True), nullable=False),
        Column("document", Text, nullable=False),
    )


KEYS = Table(
    "blinding_keys",
    METADATA,
    Column("submission_id", String(32), primary_key=True),
    Column("key", LargeBinary, nullable=False),
)
ATTEMPTS = Table(
    "attempts",
    METADATA,
    *_numbered(index=True),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("cohort_digest", String(80), nullable=False),
    Column("event", String(20), nullable=False),
    Column("failure", String(40)),
    Column("detail", Text, nullable=False),
    Column("log", Text, nullable=False),
)
PREDICTIONS = Table(
    "predictions",
    METADATA,
    *_numbered(),
    Column("cohort_digest", String(80), nullable=False),
    *_written(),
    UniqueConstraint("submission_id", "cohort_digest", name="predicted_once"),
)
RUNS = Table(
    "runs",
    METADATA,
    Column("run_key", String(64), primary_key=True),
    Column("submission_id", String(32), nullable=False),
)
STAGES = Table(
    "stages",
    METADATA,
    *_numbered(index=True),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("stage", String(20), nullable=False),
    Column("seconds", Float, nullable=False),
    Column("host", String(200), nullable=False),
)
EVALUATIONS = Table(
    "evaluations",
    METADATA,
    *_numbered(),
    Column("evaluation_key", String(64), nullable=False),
    *_written(),
    UniqueConstraint("submission_id", "evaluation_key", name="evaluated_once"),
)
HELD = Table(
    "held",
    METADATA,
    *_numbered(index=True),
    Column("evaluation_key", String(64), nullable=False),
    *_written(),
)
RELEASED = Table(
    "released",
    METADATA,
    *_numbered(),
    Column("evaluation_key", String(64), nullable=False),
    Column("digest", String(64), nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    UniqueConstraint("submission_id", "evaluation_key", "digest", name="released_once"),
)
DECIDED = Table(
    "decided",
    METADATA,
    *_numbered(),
    Column("evaluation_key", String(64), nullable=False),
    Column("team", String(200), nullable=False, index=True),
    Column("cohort_digest", String(80), nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("document", LargeBinary, nullable=False),
    UniqueConstraint("submission_id", "evaluation_key", name="decided_once"),
)
ANSWERS = Table(
    "answers",
    METADATA,
    *_numbered(),
    Column("cohort_digest", String(80), nullable=False, index=True),
    Column("team", String(200), nullable=False),
    Column("evaluation_key", String(64), nullable=False),
    Column("step", Boolean, nullable=False),
    Column("spends", Boolean, nullable=False),
    Column("document", Text, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    UniqueConstraint("submission_id", "cohort_digest", name="answered_once"),
)
DRAWN = Table(
    "drawn_cases",
    METADATA,
    Column("cohort_digest", String(80), primary_key=True),
    Column("case_id", String(200), primary_key=True, index=True),
)
STUDY_VERDICTS = Table(
    "study_verdicts",
    METADATA,
    *_numbered(index=True),
    *_written(),
)
