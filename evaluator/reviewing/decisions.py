"""Does what reviewers decided: releases a held result, or ends it as refused.

A vote stands in the ledger before anything follows from it, so that a queue that is killed between
the vote and the release releases at its next start. What a held result would be released as is
worked out once more at that moment: if it is no longer the document that was voted on, the new one
is held and the votes begin again.

Where a benchmark declares claims, a decision waits until no look of any team at its cases is open:
a refusal too, since its reasons are words of people who saw the figures.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from evaluator.feedback.exposure import use_of
from evaluator.reviewing.held import HeldError, prepared, waits_for_others
from evaluator.signing.signer import Signer
from evaluator.stores.enclave import EnclaveError
from evaluator.stores.installation import Installation, InstallationError
from evaluator.tracking.process import Tracker
from submissions.ledger.database.audit_chain import digest_of
from submissions.ledger.ledger import Ledger
from submissions.ledger.voting.votes import Decision, Votes, final
from submissions.service.entitled import all_entitled
from submissions.service.store import StoreError
from submissions.submission import State, Submission

LOOK_SECONDS = 1.0
"""How often a queue at work looks for new votes."""

_LOG = logging.getLogger(__name__)


class Reviews:
    """The held results of an installation, as far as the queue has to do with them."""

    def __init__(
        self,
        installation: Installation,
        ledger: Ledger,
        tell: Callable[[Submission, State], None],
        signer: Signer,
        tracker: Tracker,
    ) -> None:
        """Work on both stores; ``tell`` is called with each new state."""
        self._installation = installation
        self._ledger = ledger
        self._enclave = installation.enclave()
        self._signer = signer
        self._tracker = tracker
        self._tell = tell
        self._looked = float("-inf")
        self._skipped: set[str] = set()

    def keep_up(self, *, at_once: bool = False) -> list[str]:
        """Do what was decided since the last look; the submissions that ended by it.

        A queue looks once a second, and ``at_once`` before it ends: what it worked on may have been
        the last open look at a study's cases. A held result of a former build gets the document
        that reviewers look at. What is wrong with one benchmark leaves its results held and is
        logged once.
        """
        if not at_once and time.monotonic() < self._looked + LOOK_SECONDS:
            return []
        sentences = []
        for submission in self._ledger.submissions(state=State.HELD):
            name = submission.submission_id
            try:
                if self._follow(submission):
                    sentences.append(name)
            except (HeldError, InstallationError, EnclaveError, StoreError) as error:
                if name not in self._skipped:
                    self._skipped.add(name)
                    _LOG.warning("held submission %s waits: %s", name, error)
        self._looked = time.monotonic()
        return sentences

    def _follow(self, submission: Submission) -> bool:
        """Do what the reviewers of one submission decided; whether it has ended."""
        name = submission.submission_id
        if not self._enclave.is_sealed(submission.benchmark):
            return False  # another installation's, which shares this ledger
        held = self._enclave.held(name)
        if held is None:
            self._prepare(submission)
            return False
        key, document = held
        rounds = Votes(self._ledger).rounds(name)
        benchmark = self._installation.benchmark(submission.benchmark)
        decision = final(rounds, digest_of(document), benchmark.disclosure.reviewers)
        if decision is None or waits_for_others(self._installation, self._ledger, benchmark):
            return False
        voters = {vote.reviewer for vote in rounds[-1].votes}
        if not all_entitled(self._installation.accounts_url, voters):
            return False  # a new round is open: who lost the role decides nothing
        if decision is Decision.REFUSE:
            Votes(self._ledger).refuse(name, document)
            self._tell(submission, State.REFUSED)
            return True
        if self._prepare(submission) == document:
            sealed = self._installation.sealed(submission.benchmark)
            use = use_of(self._enclave, *sealed)
            Votes(self._ledger).release(name, key, document, use)
            self._tell(submission, State.RELEASED)
            self._signer.sign()
            self._tracker.owe()
            return True
        return False

    def _prepare(self, submission: Submission) -> str:
        sealed = self._installation.sealed(submission.benchmark)
        return prepared(submission, *sealed, self._enclave, self._ledger).release.to_json()
