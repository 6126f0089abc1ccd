"""The hidden store: sealed cohorts, blinding keys, predictions, evaluations and full logs.

Only the dispatcher and the steward's console open it; the folder is closed to other users. Its
rows are appended and never changed.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from weakref import finalize

from sqlalchemy import (
    Column,
    Connection,
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
from sqlalchemy.exc import OperationalError

from cohort_selection.sealing.cohort import Cohort, open_cohort
from evaluator.benchmark.about import NAME
from evaluator.scoring.results import Evaluation, as_mapping
from submissions.predictions import Predictions
from submissions.stage_times import Stage
from submissions.submission import Failure

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
    Column("cohort_digest", String(80), nullable=False),
    Column("event", String(20), nullable=False),
    Column("failure", String(40)),
    Column("detail", Text, nullable=False),
    Column("log", Text, nullable=False),
)
_PREDICTIONS = Table(
    "predictions",
    _METADATA,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("submission_id", String(32), nullable=False),
    Column("cohort_digest", String(80), nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("document", Text, nullable=False),
    UniqueConstraint("submission_id", "cohort_digest", name="predicted_once"),
)
_RUNS = Table(
    "runs",
    _METADATA,
    Column("run_key", String(64), primary_key=True),
    Column("submission_id", String(32), nullable=False),
)
_STAGES = Table(
    "stages",
    _METADATA,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("submission_id", String(32), nullable=False, index=True),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("stage", String(20), nullable=False),
    Column("seconds", Float, nullable=False),
    Column("host", String(200), nullable=False),
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


class Event(StrEnum):
    """What can happen to a submission's run, as the steward is told."""

    STARTED = "started"
    REUSED = "reused"
    REPEATED = "repeated"
    ENDED = "ended"
    FAILED = "failed"
    CANCELLED = "cancelled"
    CUT_OFF = "cut-off"
    ENGINE_FAULT = "engine-fault"
    ENGINE_LOST = "engine-lost"
    WORKER_LOST = "worker-lost"
    HARNESS_FAULT = "harness-fault"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One line of a submission's story in the enclave."""

    at: datetime
    event: Event
    failure: Failure | None
    detail: str
    log: str


@dataclass(frozen=True, slots=True)
class StageTime:
    """What one stage took, exactly, and on which host: for the steward."""

    stage: Stage
    seconds: float
    host: str = ""


class EnclaveError(ValueError):
    """The hidden store has no such cohort, or holds one already."""


class EnclaveUnavailable(OSError):
    """The hidden store cannot be read or written: nobody's failure, and the queue stops."""


class Enclave:
    """The hidden store in a folder that only its owner can enter."""

    def __init__(self, folder: Path) -> None:
        """Open the folder, making it with mode 0700 where it is missing."""
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)
        self.folder = folder.resolve()
        self._engine = create_engine(f"sqlite:///{self.folder / 'enclave.sqlite'}")
        # Nobody has to close an enclave: its connections go with it, and at the latest at the end.
        finalize(self, self._engine.dispose)
        with self._transaction() as connection:
            _METADATA.create_all(connection)

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        try:
            with self._engine.begin() as connection:
                yield connection
        except OperationalError as error:
            raise EnclaveUnavailable(
                f"the enclave in {self.folder} cannot be read or written ({error.orig}); see that "
                f"its disk is there, writable and not full"
            ) from error

    def secret(self) -> bytes:
        """The installation's secret, made once; draws that nobody outside can repeat use it."""
        path = self.folder / "secret"
        if not path.exists():
            draft = self.folder / f".secret.{os.getpid()}"
            descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "wb") as stream:
                stream.write(secrets.token_bytes(32))
                os.fsync(stream.fileno())
            with suppress(FileExistsError):
                os.link(draft, path)  # of two that make it at once, one wins
            draft.unlink()
        return path.read_bytes()

    def seed(self, declared: int, purpose: str) -> int:
        """A seed from the declared one and the secret: the benchmark's file alone gives no draw."""
        message = f"{purpose} {declared}".encode()
        digest = hmac.new(self.secret(), message, hashlib.sha256).digest()
        return int.from_bytes(digest[:7], "big")

    def benchmark_folder(self, benchmark: str) -> Path:
        """Where the assignment, the matched list and the sealed cohort of a benchmark lie."""
        if not NAME.fullmatch(benchmark):
            raise EnclaveError(f"{benchmark!r} is no benchmark's name: letters, digits, hyphens")
        folder = self.folder / "benchmarks" / benchmark
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def staging_folder(self) -> Path:
        """Where containers' inputs are laid out; a process that stages empties it."""
        folder = self.folder / "staging"
        folder.mkdir(exist_ok=True)
        return folder

    def images_folder(self) -> Path:
        """Where archives of images lie for workers whose engines lack them."""
        folder = self.folder / "images"
        folder.mkdir(exist_ok=True)
        return folder

    def image_archive(self, image_digest: str) -> Path:
        """Where the archive of an image lies, or would."""
        return self.images_folder() / f"{image_digest.removeprefix('sha256:')}.tar"

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
        with self._transaction() as connection:
            key = connection.execute(
                select(_KEYS.c.key).where(_KEYS.c.submission_id == submission_id)
            ).scalar_one_or_none()
            if key is None:
                key = secrets.token_bytes(32)
                connection.execute(insert(_KEYS).values(submission_id=submission_id, key=key))
        return bytes(key)

    def record(
        self, submission_id: str, cohort_digest: str, event: Event, detail: str = ""
    ) -> None:
        """Append what happened to a submission, for the steward alone."""
        with self._transaction() as connection:
            _append(connection, submission_id, cohort_digest, event, detail=detail)

    def record_failure(
        self, submission_id: str, cohort_digest: str, failure: Failure, *, detail: str, log: str
    ) -> None:
        """Append a failure that is the team's: it stands, and the run is not tried again."""
        with self._transaction() as connection:
            _append(
                connection,
                submission_id,
                cohort_digest,
                Event.FAILED,
                failure=failure.value,
                detail=detail,
                log=log,
            )

    def record_predictions(
        self,
        submission_id: str,
        cohort_digest: str,
        predictions: Predictions,
        *,
        run_key: str | None,
        event: Event = Event.ENDED,
        detail: str = "",
        log: str = "",
    ) -> None:
        """Store a finished run and what it predicted, once for a submission and cohort.

        ``run_key`` names what the predictions depend on; another submission with the same key
        takes them over. None where they depend on more than can be named.
        """
        document = json.dumps(dict(predictions.values), sort_keys=True)
        with self._transaction() as connection:
            _append(connection, submission_id, cohort_digest, event, detail=detail, log=log)
            connection.execute(
                insert(_PREDICTIONS).values(
                    submission_id=submission_id,
                    cohort_digest=cohort_digest,
                    at=datetime.now(UTC),
                    document=document,
                )
            )
            known = select(_RUNS.c.run_key).where(_RUNS.c.run_key == run_key)
            if run_key is not None and connection.execute(known).first() is None:
                connection.execute(
                    insert(_RUNS).values(run_key=run_key, submission_id=submission_id)
                )

    def run_of(self, run_key: str) -> str | None:
        """The submission whose stored run has this key, or None."""
        query = select(_RUNS.c.submission_id).where(_RUNS.c.run_key == run_key)
        with self._transaction() as connection:
            found = connection.execute(query).scalar_one_or_none()
        return None if found is None else str(found)

    def record_stages(self, submission_id: str, times: Sequence[StageTime]) -> None:
        """Append what stages took."""
        rows = [
            {
                "submission_id": submission_id,
                "at": datetime.now(UTC),
                "stage": each.stage.value,
                "seconds": each.seconds,
                "host": each.host,
            }
            for each in times
        ]
        if rows:
            with self._transaction() as connection:
                connection.execute(insert(_STAGES), rows)

    def stages(self, submission_id: str) -> list[StageTime]:
        """What the stages of a submission's runs took, oldest first."""
        query = select(_STAGES).where(_STAGES.c.submission_id == submission_id)
        with self._transaction() as connection:
            rows = connection.execute(query.order_by(_STAGES.c.number)).all()
        return [StageTime(Stage(row.stage), row.seconds, row.host) for row in rows]

    def attempts(self, submission_id: str) -> list[Attempt]:
        """Everything that happened to a submission's runs, oldest first."""
        query = select(_ATTEMPTS).where(_ATTEMPTS.c.submission_id == submission_id)
        with self._transaction() as connection:
            rows = connection.execute(query.order_by(_ATTEMPTS.c.number)).all()
        return [
            Attempt(
                at=row.at,
                event=Event(row.event),
                failure=None if row.failure is None else Failure(row.failure),
                detail=row.detail,
                log=row.log,
            )
            for row in rows
        ]

    def predictions(self, submission_id: str, cohort_digest: str) -> Predictions | None:
        """Read the predictions of an earlier run, or None where it has not finished yet."""
        query = select(_PREDICTIONS.c.document).where(
            _PREDICTIONS.c.submission_id == submission_id,
            _PREDICTIONS.c.cohort_digest == cohort_digest,
        )
        with self._transaction() as connection:
            document = connection.execute(query).scalar_one_or_none()
        if document is None:
            return None
        values: Mapping[str, list[float]] = json.loads(document)
        return Predictions({case_id: tuple(row) for case_id, row in values.items()})

    def keep_evaluation(self, submission_id: str, key: str, evaluation: Evaluation) -> None:
        """Store an evaluation; the same one again (after a cut-off run) changes nothing."""
        document = json.dumps(evaluation, default=as_mapping, sort_keys=True)
        mine = (_EVALUATIONS.c.submission_id == submission_id) & (
            _EVALUATIONS.c.evaluation_key == key
        )
        with self._transaction() as connection:
            if connection.execute(select(_EVALUATIONS.c.number).where(mine)).first() is None:
                connection.execute(
                    insert(_EVALUATIONS).values(
                        submission_id=submission_id,
                        evaluation_key=key,
                        at=datetime.now(UTC),
                        document=document,
                    )
                )

    def evaluation(self, submission_id: str, key: str) -> str | None:
        """The document of the evaluation with this key, or None where it is not kept."""
        query = select(_EVALUATIONS.c.document).where(
            _EVALUATIONS.c.submission_id == submission_id, _EVALUATIONS.c.evaluation_key == key
        )
        with self._transaction() as connection:
            document = connection.execute(query).scalar_one_or_none()
        return None if document is None else str(document)

    def count_evaluations(self, submission_id: str) -> int:
        """How many evaluations a submission has."""
        query = select(_EVALUATIONS.c.number).where(_EVALUATIONS.c.submission_id == submission_id)
        with self._transaction() as connection:
            return len(connection.execute(query).all())


def _append(
    connection: Connection,
    submission_id: str,
    cohort_digest: str,
    event: Event,
    *,
    failure: str | None = None,
    detail: str = "",
    log: str = "",
) -> None:
    connection.execute(
        insert(_ATTEMPTS).values(
            submission_id=submission_id,
            at=datetime.now(UTC),
            cohort_digest=cohort_digest,
            event=event.value,
            failure=failure,
            detail=detail,
            log=log,
        )
    )
