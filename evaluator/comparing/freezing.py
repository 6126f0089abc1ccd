"""Makes the comparisons that are due, for the process that runs the queue.

A comparison is made of the predictions and labels in the enclave, signed, and appended to the
ledger in one transaction: a process that is killed leaves it whole or not at all, and the next one
makes it.
"""

from __future__ import annotations

import logging
import time
from datetime import UTC, date, datetime

from evaluator.comparing.due import Due, due
from evaluator.comparing.looks import tied_teams
from evaluator.comparison import Comparison
from evaluator.signing.key import SigningError
from evaluator.signing.signer import Signer
from evaluator.stores.enclave import Enclave
from evaluator.stores.installation import BENCHMARK_DIGEST, Installation
from submissions import signatures
from submissions.ledger.database.audit_chain import digest_of
from submissions.ledger.database.records import FrozenComparison
from submissions.ledger.ledger import Ledger, LedgerError

SECONDS_BETWEEN = 60.0
"""How often :meth:`Freezer.keep_up` looks whether a comparison is due."""

_LOG = logging.getLogger(__name__)


class Freezer:
    """Compares the submissions of one installation's boards when that is due."""

    def __init__(self, installation: Installation, ledger: Ledger, signer: Signer) -> None:
        """Work on an installation's benchmarks."""
        self._installation = installation
        self._ledger = ledger
        self._signer = signer
        self._enclave: Enclave = installation.enclave()
        self._looked_at = -SECONDS_BETWEEN
        self._looked_through: dict[str, tuple[int | None, date]] = {}

    def keep_up(self) -> None:
        """Make what is due, at most once a minute: for a queue that goes on."""
        if time.monotonic() - self._looked_at >= SECONDS_BETWEEN:
            self.freeze()

    def freeze(self, now: datetime | None = None) -> list[str]:
        """Make each comparison that is due at ``now``; return the names of its benchmarks.

        A fault that concerns one benchmark is logged, and that benchmark left alone until something
        is released or another day begins. What is wrong with the stores or the key is raised.
        """
        self._looked_at = time.monotonic()
        today, frozen = now or datetime.now(UTC), []
        for name in self._installation.names():
            state = self._ledger.comparisons.newest_release(name), today.date()
            if state[0] is None or self._looked_through.get(name) == state:
                continue  # nothing was released, or nothing since and no day has begun
            try:
                while self._freeze(name, today):  # a day may have brought one, and a number too
                    frozen.append(name)
            except (OSError, LedgerError, SigningError):
                raise
            except Exception:
                _LOG.exception("the submissions of %s could not be compared", name)
            self._looked_through[name] = state
        return frozen

    def _freeze(self, name: str, now: datetime) -> bool:
        if not self._enclave.is_sealed(name):
            return False
        benchmark = self._installation.benchmark(name)
        if not benchmark.board.declared or benchmark.disclosure.feedback != "open":
            return False
        comparisons = self._ledger.comparisons
        due_now = due(
            benchmark.board,
            comparisons.first_releases(benchmark.name),
            comparisons.last(benchmark.name),
            now,
            tied_teams(self._ledger, benchmark.name),
        )
        if due_now is None:
            return False
        cohort = self._enclave.cohort(benchmark.name)
        if cohort.report.get(BENCHMARK_DIGEST) != benchmark.digest:
            return False  # the queue says so where it would run on it
        from evaluator.comparing.gathering import Sources, gathered  # scoring is slow to import

        sources = Sources(
            ledger=self._ledger, enclave=self._enclave, benchmark=benchmark, cohort=cohort
        )
        comparison = gathered(sources, due_now, now)
        comparisons.append(self._signed(comparison, due_now))
        return True

    def _signed(self, comparison: Comparison, cause: Due) -> FrozenComparison:
        document = comparison.to_json()
        content = {
            "format": signatures.COMPARISON,
            "benchmark": comparison.benchmark,
            "cohort_digest": comparison.cohort_digest,
            "cause": cause.cause,
            "through": cause.through,
            "at": cause.at.isoformat(),
            "document_sha256": digest_of(document),
        }
        return FrozenComparison(
            benchmark=comparison.benchmark,
            cohort_digest=comparison.cohort_digest,
            cause=cause.cause,
            through=cause.through,
            at=cause.at,
            document=document,
            digest=comparison.digest,
            signed=self._signer.state(content),
        )
