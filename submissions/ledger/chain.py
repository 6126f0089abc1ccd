"""The audit chain of a ledger as a whole: its entries, its signed heads, its guards."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager

from sqlalchemy import Connection

from submissions.ledger.beside_releases import board_rows, exposures
from submissions.ledger.database import append_only, audit_chain, reading, signed, verification
from submissions.ledger.database.records import AuditEntry, SignedHead
from submissions.ledger.database.tables import TABLES

Opened = Callable[[], AbstractContextManager[Connection]]


class AuditChain:
    """What the audit chain tells, and whether the rows still agree with it."""

    def __init__(self, reading: Opened, transaction: Opened) -> None:
        """Use the connections of a ledger."""
        self._reading = reading
        self._transaction = transaction

    def problems(self) -> list[str]:
        """Walk the audit chain and hold the tables against it; one sentence for each problem.

        The chain alone has no key: it shows accidents, and changes by a person who did not compute
        it again. Signed heads show the rest.
        """
        with self._reading() as connection:
            return [
                *verification.problems(connection),
                *board_rows.problems(connection),
                *exposures.problems(connection),
            ]

    def guard_faults(self) -> list[str]:
        """How the triggers differ from the exact list that guards the rows; sentences."""
        with self._reading() as connection:
            return append_only.faults(connection, TABLES)

    def protect(self) -> list[str]:
        """Make the triggers again that are missing or differ; return what was wrong.

        The audit chain tells of it. A trigger that is not Sequestra's stays: drop it by hand.
        """
        with self._transaction() as connection:
            faults = append_only.faults(connection, TABLES)
            if faults:
                append_only.mend(connection, TABLES)
                audit_chain.append(connection, audit_chain.PROTECTED, "triggers", "; ".join(faults))
        return faults

    def broken_links(self, after: int, digest: str) -> list[str]:
        """Entries later than a known one that do not follow from the one before; sentences."""
        with self._reading() as connection:
            return list(audit_chain.broken_links(connection, after, digest))

    def head(self) -> tuple[int, str]:
        """The number and the digest of the last audit entry."""
        with self._reading() as connection:
            return audit_chain.head(connection)

    def digest_at(self, number: int) -> str | None:
        """The digest of an audit entry, or None where it is not there."""
        with self._reading() as connection:
            return audit_chain.digest_at(connection, number)

    def entries(
        self, *, subjects: Sequence[str] | None = None, event: str | None = None
    ) -> list[AuditEntry]:
        """Entries of the audit chain in order; of some subjects or of one event where given.

        An ``event`` that ends with a colon stands for all that begin with it, as "state:".
        """
        with self._reading() as connection:
            return reading.entries(connection, subjects, event)

    def signed_heads(self) -> list[SignedHead]:
        """All signed heads of the audit chain, oldest first."""
        with self._reading() as connection:
            return signed.heads(connection)

    def last_signed_head(self, key_id: str) -> SignedHead | None:
        """The newest head that a key signed."""
        with self._reading() as connection:
            return signed.last_head(connection, key_id)
