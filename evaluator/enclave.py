"""The hidden store: sealed cohorts, blinding keys, predictions, evaluations and full logs.

Only the dispatcher and the steward's console open it; the folder is closed to other users. Its
rows are appended and never changed.
"""

from __future__ import annotations

import dataclasses
import json
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import (
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
    create_engine,
    insert,
    select,
)

from cohort_selection.cohort import Cohort, open_cohort
from evaluator.results import Evaluation
from submissions.contract import Predictions

_METADATA = MetaData()
_KEYS = Table(
    "blinding_keys",
    _METADATA,
    Column("submission_id", String(32), primary_key=True),
    Column("key", LargeBinary, nullable=False),
)
_ATTEMPTS = Table(
    "attempts",
    _METADATA,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("submission_id", String(32), nullable=False, index=True),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("cohort_digest", String(64), nullable=False),
    Column("failure", String(40)),
    Column("detail", Text, nullable=False),
    Column("log", Text, nullable=False),
    Column("seconds_start", Float),
    Column("seconds_infer", Float),
)
_PREDICTIONS = Table(
    "predictions",
    _METADATA,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("submission_id", String(32), nullable=False),
    Column("cohort_digest", String(64), nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("document", Text, nullable=False),
    UniqueConstraint("submission_id", "cohort_digest", name="predicted_once"),
)
_EVALUATIONS = Table(
    "evaluations",
    _METADATA,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("submission_id", String(32), nullable=False),
    Column("evaluation_key", String(64), nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("document", Text, nullable=False),
    UniqueConstraint("submission_id", "evaluation_key", name="evaluated_once"),
)


class EnclaveError(ValueError):
    """The hidden store has no such cohort, or holds one already."""


class Enclave:
    """The hidden store in a folder that only its owner can enter."""

    def __init__(self, folder: Path) -> None:
        """Open the folder, making it with mode 0700 where it is missing."""
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)
        self.folder = folder.resolve()
        self._engine = create_engine(f"sqlite:///{self.folder / 'enclave.sqlite'}")
        _METADATA.create_all(self._engine)

    def benchmark_folder(self, benchmark: str) -> Path:
        """Where the assignment, the matched list and the sealed cohort of a benchmark lie."""
        folder = self.folder / "benchmarks" / benchmark
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def staging_folder(self) -> Path:
        """Where containers' inputs are laid out; emptied by whoever stages."""
        folder = self.folder / "staging"
        folder.mkdir(exist_ok=True)
        return folder

    def is_sealed(self, benchmark: str) -> bool:
        """Whether the benchmark has a sealed cohort."""
        return (self.benchmark_folder(benchmark) / "cohort").is_dir()

    def cohort(self, benchmark: str) -> Cohort:
        """Open the sealed cohort of a benchmark; raise EnclaveError where there is none."""
        if not self.is_sealed(benchmark):
            raise EnclaveError(
                f"benchmark {benchmark!r} has no sealed cohort; run `sequestra seal {benchmark}`"
            )
        return open_cohort(self.benchmark_folder(benchmark) / "cohort")

    def blinding_key(self, submission_id: str) -> bytes:
        """The secret that draws a submission's case ids and order; made once, then kept."""
        with self._engine.begin() as connection:
            key = connection.execute(
                select(_KEYS.c.key).where(_KEYS.c.submission_id == submission_id)
            ).scalar_one_or_none()
            if key is None:
                key = secrets.token_bytes(32)
                connection.execute(insert(_KEYS).values(submission_id=submission_id, key=key))
        return bytes(key)

    def record_attempt(
        self,
        submission_id: str,
        cohort_digest: str,
        *,
        failure: str | None,
        detail: str,
        log: str,
        seconds_start: float | None,
        seconds_infer: float | None,
    ) -> None:
        """Append what happened in one start of a container, for the steward alone."""
        with self._engine.begin() as connection:
            connection.execute(
                insert(_ATTEMPTS).values(
                    submission_id=submission_id,
                    at=datetime.now(UTC),
                    cohort_digest=cohort_digest,
                    failure=failure,
                    detail=detail,
                    log=log,
                    seconds_start=seconds_start,
                    seconds_infer=seconds_infer,
                )
            )

    def attempts(self, submission_id: str) -> list[tuple[datetime, str | None, str, str]]:
        """Time, failure, detail and log of each start of a submission's container."""
        query = select(_ATTEMPTS).where(_ATTEMPTS.c.submission_id == submission_id)
        with self._engine.connect() as connection:
            rows = connection.execute(query.order_by(_ATTEMPTS.c.number)).all()
        return [(row.at, row.failure, row.detail, row.log) for row in rows]

    def keep_predictions(
        self, submission_id: str, cohort_digest: str, predictions: Predictions
    ) -> None:
        """Store the predictions of a finished run, once for a submission and cohort."""
        document = json.dumps(dict(predictions.values), sort_keys=True)
        with self._engine.begin() as connection:
            connection.execute(
                insert(_PREDICTIONS).values(
                    submission_id=submission_id,
                    cohort_digest=cohort_digest,
                    at=datetime.now(UTC),
                    document=document,
                )
            )

    def predictions(self, submission_id: str, cohort_digest: str) -> Predictions | None:
        """Read the predictions of an earlier run, or None where it has not finished yet."""
        query = select(_PREDICTIONS.c.document).where(
            _PREDICTIONS.c.submission_id == submission_id,
            _PREDICTIONS.c.cohort_digest == cohort_digest,
        )
        with self._engine.connect() as connection:
            document = connection.execute(query).scalar_one_or_none()
        if document is None:
            return None
        values: Mapping[str, list[float]] = json.loads(document)
        return Predictions({case_id: tuple(row) for case_id, row in values.items()})

    def keep_evaluation(self, submission_id: str, key: str, evaluation: Evaluation) -> None:
        """Store an evaluation; the same one again (after a cut-off run) changes nothing."""
        document = json.dumps(dataclasses.asdict(evaluation), sort_keys=True)
        mine = (_EVALUATIONS.c.submission_id == submission_id) & (
            _EVALUATIONS.c.evaluation_key == key
        )
        with self._engine.begin() as connection:
            if connection.execute(select(_EVALUATIONS.c.number).where(mine)).first() is None:
                connection.execute(
                    insert(_EVALUATIONS).values(
                        submission_id=submission_id,
                        evaluation_key=key,
                        at=datetime.now(UTC),
                        document=document,
                    )
                )

    def count_evaluations(self, submission_id: str) -> int:
        """How many evaluations a submission has."""
        query = select(_EVALUATIONS.c.number).where(_EVALUATIONS.c.submission_id == submission_id)
        with self._engine.connect() as connection:
            return len(connection.execute(query).all())
