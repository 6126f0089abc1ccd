"""What reviewers may read of the enclave: held documents and their evaluations, nothing else.

The enclave's database is opened read-only, and neither the folder nor anything in it is made. No
cohort, no key, no label and no prediction can be reached from here.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from urllib.parse import quote
from weakref import finalize

from sqlalchemy import Connection, create_engine, func, select
from sqlalchemy.exc import DBAPIError

from evaluator.claims.verdict import StudyVerdict
from evaluator.scoring.results import Evaluation, read_evaluation
from evaluator.stores import study_verdicts
from evaluator.stores.enclave_tables import EVALUATIONS, HELD
from submissions.addresses.database import aware
from submissions.ledger.database.audit_chain import digest_of


class HeldUnavailable(OSError):
    """The held results cannot be read."""


@dataclass(frozen=True, slots=True)
class HeldDocument:
    """The release that reviewers decide on, as JSON; ``digest`` is its SHA-256."""

    evaluation_key: str
    document: str
    since: datetime

    @property
    def digest(self) -> str:
        """By which votes name the document."""
        return digest_of(self.document)


class HeldResults:
    """The held results in the enclave of a folder, to be read."""

    def __init__(self, folder: Path) -> None:
        """Take the enclave's folder; nothing is opened yet."""
        self._file = folder / "enclave.sqlite"
        where = quote(str(self._file.resolve()))
        self._engine = create_engine(f"sqlite:///file:{where}?mode=ro&uri=true")
        finalize(self, self._engine.dispose)

    def close(self) -> None:
        """Close the connections; a later use opens new ones."""
        self._engine.dispose()

    def document(self, submission_id: str) -> HeldDocument | None:
        """The present document of a held result; None before the queue has made it."""
        query = select(HELD).where(HELD.c.submission_id == submission_id)
        with self._reading() as connection:
            row = connection.execute(query.order_by(HELD.c.number.desc()).limit(1)).one_or_none()
        return (
            None if row is None else HeldDocument(row.evaluation_key, row.document, aware(row.at))
        )

    def evaluation(self, submission_id: str, key: str) -> Evaluation | None:
        """All that was scored, whatever may be released; for the reasons of what is withheld."""
        query = select(EVALUATIONS.c.document).where(
            EVALUATIONS.c.submission_id == submission_id, EVALUATIONS.c.evaluation_key == key
        )
        with self._reading() as connection:
            document = connection.execute(query).scalar_one_or_none()
        return None if document is None else read_evaluation(document)

    def verdict(self, submission_id: str, document: str) -> StudyVerdict | None:
        """The whole verdict on declared claims, every count exact; None where none is kept.

        ``told`` is the document that the ledger has of it.
        """
        with self._reading() as connection:
            return study_verdicts.read(connection, submission_id, document)

    def waiting(self) -> set[str]:
        """The submissions that ever had a document to decide on."""
        query = select(HELD.c.submission_id).group_by(HELD.c.submission_id)
        with self._reading() as connection:
            return set(connection.execute(query).scalars())

    def refuse_unreadable(self) -> None:
        """Raise HeldUnavailable where there is no enclave, or one of a former build."""
        with self._reading() as connection:
            connection.execute(select(func.count()).select_from(HELD)).scalar_one()

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        try:
            with self._engine.connect() as connection:
                yield connection
        except DBAPIError as error:
            raise HeldUnavailable(
                f"the held results in {self._file} cannot be read ({error.orig}); start `sequestra "
                f"run` once, which brings the enclave up to date, and run the console as a user "
                f"who may read it"
            ) from error
