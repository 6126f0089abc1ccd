"""The hidden store: sealed cohorts, blinding keys, predictions, evaluations and full logs.

Only the dispatcher and the steward's console open it; the folder is closed to other users. Its
rows are appended and never changed.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from weakref import finalize

from sqlalchemy import Connection, Select, create_engine, insert, select
from sqlalchemy.exc import OperationalError

from cohort_selection.sealing.cohort import Cohort, open_cohort
from cohort_selection.sealing.key import made_once
from evaluator.benchmark.about import NAME
from evaluator.scoring.results import Evaluation, as_mapping
from evaluator.stores.enclave_tables import (
    ATTEMPTS,
    EVALUATIONS,
    HELD,
    KEYS,
    METADATA,
    PREDICTIONS,
    RELEASED,
    RUNS,
    STAGES,
)
from submissions.predictions import Predictions
from submissions.stage_times import Stage
from submissions.submission import Failure


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


@dataclass(frozen=True, slots=True, kw_only=True)
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
            METADATA.create_all(connection)

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

    def transaction(self) -> AbstractContextManager[Connection]:
        """A transaction on the tables of this store, for the other modules of this room."""
        return self._transaction()

    def secret(self) -> bytes:
        """The installation's secret, made once; draws that nobody outside can repeat use it."""
        path = self.folder / "secret"
        if not path.exists():
            made_once(path, secrets.token_bytes(32))
        return path.read_bytes()

    def seed(self, declared: int, purpose: str) -> int:
        """A seed from the declared one and the secret: the benchmark's file alone gives no draw."""
        message = f"{purpose} {declared}".encode()
        digest = hmac.new(self.secret(), message, hashlib.sha256).digest()
        return int.from_bytes(digest[:7], "big")

    def benchmark_folder(self, benchmark: str) -> Path:
        """Where the assignment, the matched list and the sealed cohort of a benchmark lie."""
        folder = self._folder_of(benchmark)
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def _folder_of(self, benchmark: str) -> Path:
        if not NAME.fullmatch(benchmark):
            raise EnclaveError(f"{benchmark!r} is no benchmark's name: letters, digits, hyphens")
        return self.folder / "benchmarks" / benchmark

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
        return self.cohort_folder(benchmark).is_dir()

    def cohort_folder(self, benchmark: str) -> Path:
        """Where the sealed cohort of a benchmark lies, or will lie."""
        return self._folder_of(benchmark) / "cohort"

    def cohort(self, benchmark: str) -> Cohort:
        """Open the sealed cohort of a benchmark; raise EnclaveError where there is none."""
        if not self.is_sealed(benchmark):
            raise EnclaveError(
                f"benchmark {benchmark!r} has no sealed cohort; run `sequestra seal {benchmark}`"
            )
        return open_cohort(self.cohort_folder(benchmark))

    def blinding_key(self, submission_id: str) -> bytes:
        """The secret that draws a submission's case ids and order; made once, then kept."""
        with self._transaction() as connection:
            key = connection.execute(
                select(KEYS.c.key).where(KEYS.c.submission_id == submission_id)
            ).scalar_one_or_none()
            if key is None:
                key = secrets.token_bytes(32)
                connection.execute(insert(KEYS).values(submission_id=submission_id, key=key))
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
        document = json.dumps(predictions.as_document(), sort_keys=True)
        with self._transaction() as connection:
            _append(connection, submission_id, cohort_digest, event, detail=detail, log=log)
            connection.execute(
                insert(PREDICTIONS).values(
                    submission_id=submission_id,
                    cohort_digest=cohort_digest,
                    at=datetime.now(UTC),
                    document=document,
                )
            )
            known = select(RUNS.c.run_key).where(RUNS.c.run_key == run_key)
            if run_key is not None and connection.execute(known).first() is None:
                connection.execute(
                    insert(RUNS).values(run_key=run_key, submission_id=submission_id)
                )

    def run_of(self, run_key: str) -> str | None:
        """The submission whose stored run has this key, or None."""
        query = select(RUNS.c.submission_id).where(RUNS.c.run_key == run_key)
        with self._transaction() as connection:
            run = connection.execute(query).scalar_one_or_none()
        return None if run is None else str(run)

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
                connection.execute(insert(STAGES), rows)

    def stages(self, submission_id: str) -> list[StageTime]:
        """What the stages of a submission's runs took, oldest first."""
        query = select(STAGES).where(STAGES.c.submission_id == submission_id)
        with self._transaction() as connection:
            rows = connection.execute(query.order_by(STAGES.c.number)).all()
        return [StageTime(Stage(row.stage), row.seconds, row.host) for row in rows]

    def attempts(self, submission_id: str) -> list[Attempt]:
        """Everything that happened to a submission's runs, oldest first."""
        query = select(ATTEMPTS).where(ATTEMPTS.c.submission_id == submission_id)
        with self._transaction() as connection:
            rows = connection.execute(query.order_by(ATTEMPTS.c.number)).all()
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
        query = select(PREDICTIONS.c.document).where(
            PREDICTIONS.c.submission_id == submission_id,
            PREDICTIONS.c.cohort_digest == cohort_digest,
        )
        with self._transaction() as connection:
            document = connection.execute(query).scalar_one_or_none()
        if document is None:
            return None
        return Predictions.of_document(json.loads(document))

    def keep_evaluation(self, submission_id: str, key: str, evaluation: Evaluation) -> None:
        """Store an evaluation; the same one again (after a cut-off run) changes nothing."""
        document = json.dumps(evaluation, default=as_mapping, sort_keys=True)
        of_evaluation = (EVALUATIONS.c.submission_id == submission_id) & (
            EVALUATIONS.c.evaluation_key == key
        )
        with self._transaction() as connection:
            if (
                connection.execute(select(EVALUATIONS.c.number).where(of_evaluation)).first()
                is None
            ):
                connection.execute(
                    insert(EVALUATIONS).values(
                        submission_id=submission_id,
                        evaluation_key=key,
                        at=datetime.now(UTC),
                        document=document,
                    )
                )

    def hold(self, submission_id: str, key: str, document: str) -> None:
        """Keep the document that reviewers are to decide on; the same one again changes nothing."""
        with self._transaction() as connection:
            if self._held(connection, submission_id) != (key, document):
                connection.execute(
                    insert(HELD).values(
                        submission_id=submission_id,
                        evaluation_key=key,
                        at=datetime.now(UTC),
                        document=document,
                    )
                )

    def held(self, submission_id: str) -> tuple[str, str] | None:
        """The evaluation's key and the document that reviewers decide on, or None."""
        with self._transaction() as connection:
            return self._held(connection, submission_id)

    @staticmethod
    def _held(connection: Connection, submission_id: str) -> tuple[str, str] | None:
        query = select(HELD.c.evaluation_key, HELD.c.document)
        of_submission = query.where(HELD.c.submission_id == submission_id)
        row = connection.execute(
            of_submission.order_by(HELD.c.number.desc()).limit(1)
        ).one_or_none()
        return None if row is None else (row.evaluation_key, row.document)

    def keep_release(self, submission_id: str, key: str, document: str) -> None:
        """Remember, before it is published, which document comes of an evaluation.

        The public store is written to by processes that have no part in scoring: only a document
        that is remembered here is signed.
        """
        row = {"submission_id": submission_id, "evaluation_key": key, "digest": _digest(document)}
        with self._transaction() as connection:
            if connection.execute(_remembered(row)).first() is None:
                connection.execute(insert(RELEASED).values(**row, at=datetime.now(UTC)))

    def vouches(self, submission_id: str, key: str, document: str) -> bool:
        """Whether this enclave scored what a document releases."""
        row = {"submission_id": submission_id, "evaluation_key": key, "digest": _digest(document)}
        with self._transaction() as connection:
            return connection.execute(_remembered(row)).first() is not None

    def evaluation(self, submission_id: str, key: str) -> str | None:
        """The document of the evaluation with this key, or None where it is not kept."""
        query = select(EVALUATIONS.c.document).where(
            EVALUATIONS.c.submission_id == submission_id, EVALUATIONS.c.evaluation_key == key
        )
        with self._transaction() as connection:
            document = connection.execute(query).scalar_one_or_none()
        return None if document is None else str(document)

    def count_evaluations(self, submission_id: str) -> int:
        """How many evaluations a submission has."""
        query = select(EVALUATIONS.c.number).where(EVALUATIONS.c.submission_id == submission_id)
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
        insert(ATTEMPTS).values(
            submission_id=submission_id,
            at=datetime.now(UTC),
            cohort_digest=cohort_digest,
            event=event.value,
            failure=failure,
            detail=detail,
            log=log,
        )
    )


def _digest(document: str) -> str:
    return hashlib.sha256(document.encode()).hexdigest()


def _remembered(row: Mapping[str, str]) -> Select[tuple[int]]:
    same = [RELEASED.c[name] == value for name, value in row.items()]
    return select(RELEASED.c.number).where(*same)
