"""What a reviewer may read of held results, and do with them: for the pages and the command line.

Each look at a result is in the audit chain before anything is shown. A reviewer sees the votes of
others once the round is complete, and nothing at all of a result of their own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cohort_selection.benchmark_keys.meant import did_you_mean
from evaluator.benchmark.specification import Benchmark
from evaluator.claims.verdict import StudyVerdict
from evaluator.claims.words import VerdictWords, in_words
from evaluator.console.difference import Difference, difference
from evaluator.console.reviewers import OwnResult, Reviewer, ReviewError, is_own, reviewer
from evaluator.console.withholding import Withholding, figures_left_out, withholdings
from evaluator.disclosure.control import Release
from evaluator.leaderboard import published
from evaluator.leaderboard.reports.report import render_report
from evaluator.stores.held_results import HeldDocument, HeldResults
from evaluator.stores.installation import Installation
from evaluator.stores.installed_benchmarks import InstalledBenchmarks
from submissions.ledger.database.audit_chain import OVERRIDDEN
from submissions.ledger.ledger import Ledger, LedgerError
from submissions.ledger.verdicts.sentences import sentences
from submissions.ledger.voting.votes import (
    Choice,
    Decision,
    Round,
    Vote,
    Votes,
    final,
    open_votes,
    standing,
)
from submissions.service.entitled import is_entitled
from submissions.service.store import Store, StoreError
from submissions.service.texts import paragraph
from submissions.submission import State, Submission

REALM = "console "
"""A session of the team pages opens nothing in the console, nor the other way about."""


class NotHeld(ReviewError):
    """No result of this id is held, or not any more."""


class Changed(ReviewError):
    """The document is not the one that the reviewer saw."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A held result in the list: no figure of it.

    ``votes`` of ``needed`` are cast in the open round, or in the one that decided. ``decision`` is
    what the queue does next. ``ready`` is off until the queue has made the document.
    """

    submission: Submission
    title: str
    since: datetime
    age: str
    votes: int
    needed: int
    decision: Decision | None
    rounds: int
    own: bool
    voted: bool
    ready: bool
    later: bool = False
    """Whether what is decided waits until no look of any team at these cases is open."""


@dataclass(frozen=True, slots=True)
class RoundShown:
    """A complete round, with the names of those who voted."""

    round: Round
    voters: tuple[tuple[str, Vote], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldResult:
    """All that a reviewer decides on."""

    waiting: Waiting
    release: Release
    document: HeldDocument
    difference: Difference | None
    withheld: tuple[Withholding, ...]
    left_out: int
    looks: str
    rounds: tuple[RoundShown, ...]
    own_vote: Vote | None
    told: tuple[str, ...] = ()
    """What the team is told of the verdict while looks are open."""
    judged: StudyVerdict | None = None
    """The verdict with every bound and count, also of groups that the release hides."""

    @property
    def verdict(self) -> VerdictWords | None:
        """The whole verdict on the declared claims; None where the benchmark has none."""
        verdict = self.judged or self.release.verdict
        return None if verdict is None else in_words(verdict)


@dataclass(frozen=True, slots=True)
class Decided:
    """A submission whose reviewers came to a decision, or that was released at the shell."""

    submission: Submission
    rounds: tuple[RoundShown, ...]
    at_shell: bool


class Desk:
    """The held results of an installation."""

    def __init__(
        self, ledger: Ledger, store: Store, held: HeldResults, installed: InstalledBenchmarks
    ) -> None:
        """Read from the public store, the accounts, the held results and the benchmark files."""
        self._ledger = ledger
        self._store = store
        self._held = held
        self._installed = installed

    def waiting(self, reviewer: Reviewer) -> list[Waiting]:
        """The held results of this installation, the oldest first."""
        benchmarks = self._benchmarks()
        return [
            self._waiting(reviewer, submission, benchmarks[submission.benchmark])
            for submission in self._ledger.submissions(state=State.HELD)
            if submission.benchmark in benchmarks
        ]

    def look(self, reviewer: Reviewer, submission_id: str) -> HeldResult:
        """One held result; the look is in the audit chain. Raises ReviewError."""
        waiting, document = self._opened(reviewer, submission_id)
        release = Release.from_json(document.document)
        evaluation = self._held.evaluation(submission_id, document.evaluation_key)
        rounds = standing(Votes(self._ledger).rounds(submission_id), self._entitled)
        own = [
            vote
            for vote in open_votes(rounds, document.digest)
            if vote.reviewer == reviewer.person_id
        ]
        return HeldResult(
            waiting=waiting,
            release=release,
            document=document,
            difference=self._difference(release, waiting.submission),
            withheld=() if evaluation is None else withholdings(release, evaluation),
            left_out=0 if evaluation is None else figures_left_out(release, evaluation),
            looks=self._looks(waiting.submission),
            rounds=self._shown(rounds),
            own_vote=own[0] if own else None,
            told=self._told(submission_id),
            judged=self._judged(submission_id),
        )

    def report(self, reviewer: Reviewer, submission_id: str) -> str:
        """The report as the submitter will see it, in one file; the look is in the audit chain."""
        waiting, document = self._opened(reviewer, submission_id)
        return render_report(
            Release.from_json(document.document),
            title=waiting.title,
            primary=self._benchmarks()[waiting.submission.benchmark].analysis.primary,
            fact_sheet=published.fact_sheet(self._ledger, submission_id),
        )

    def vote(
        self, reviewer: Reviewer, submission_id: str, choice: Choice, reason: str, seen: str = ""
    ) -> Round:
        """Cast a vote on the present document, or on that of the digest that was ``seen``.

        Raises ReviewError or LedgerError.
        """
        waiting, document = self._found(reviewer, submission_id)
        if seen and seen != document.digest:
            raise Changed(
                f"the result of submission {submission_id} has changed since you opened it; look "
                f"at it again, then vote"
            )
        try:
            text = paragraph(reason) if reason.strip() else ""
        except ValueError as error:
            raise LedgerError(f"the reason {error}") from None
        vote = Vote(
            submission_id=submission_id,
            evaluation_key=document.evaluation_key,
            document=document.digest,
            reviewer=reviewer.person_id,
            choice=choice,
            reason=text,
        )
        return Votes(self._ledger).cast(vote, waiting.needed, self._entitled)

    def decisions(self, reviewer: Reviewer) -> list[Decided]:
        """Submissions that were decided, the newest first; open rounds are not among them.

        Nor is a reviewer's own: its rounds have names and reasons that are for reviewers alone.
        """
        rounds = dict(Votes(self._ledger).decided())
        for each in self._ledger.submissions(state=State.HELD):
            name = each.submission_id
            rounds[name] = standing(rounds.get(name, ()), self._entitled)
        at_shell = {entry.subject for entry in self._ledger.chain.entries(event=OVERRIDDEN)}
        decisions = [
            Decided(
                submission,
                self._shown(rounds.get(submission.submission_id, ())),
                submission.submission_id in at_shell,
            )
            for submission in self._ledger.submissions()
            if (rounds.get(submission.submission_id) or submission.submission_id in at_shell)
            and not is_own(self._store, self._ledger, reviewer.person_id, submission)
        ]
        return decisions[::-1]

    # One held result

    def _found(self, reviewer: Reviewer, submission_id: str) -> tuple[Waiting, HeldDocument]:
        """A held result that a reviewer may see, without its being looked at."""
        try:
            submission = self._ledger.submission(submission_id)
        except LedgerError as error:
            raise NotHeld(
                f"no submission {submission_id!r} is held here; choose one from the list of "
                f"held results"
            ) from error
        benchmark = self._benchmarks().get(submission.benchmark)
        if benchmark is None or submission.state is not State.HELD:
            raise NotHeld(
                f"submission {submission_id} is {submission.state.value}, not held for a review "
                f"here; the history of decisions may have it"
            )
        waiting = self._waiting(reviewer, submission, benchmark)
        if waiting.own:
            raise OwnResult(
                f"submission {submission_id} is of your own team, or of one that shares its "
                f"allowance; other reviewers see it and decide"
            )
        document = self._held.document(submission_id)
        if document is None:
            raise NotHeld(
                f"submission {submission_id} is held, and its result is not ready to be looked "
                f"at; `sequestra run` makes it ready"
            )
        return waiting, document

    def _opened(self, reviewer: Reviewer, submission_id: str) -> tuple[Waiting, HeldDocument]:
        held = self._found(reviewer, submission_id)
        Votes(self._ledger).viewed(submission_id, reviewer.person_id)
        return held

    def _waiting(self, reviewer: Reviewer, submission: Submission, benchmark: Benchmark) -> Waiting:
        name = submission.submission_id
        since = [at for state, at in self._ledger.history(name) if state is State.HELD][-1]
        rounds = standing(Votes(self._ledger).rounds(name), self._entitled)
        document = self._held.document(name)
        digest = "" if document is None else document.digest
        votes = open_votes(rounds, digest)
        needed = benchmark.disclosure.reviewers
        decision = final(rounds, digest, needed)
        return Waiting(
            submission=submission,
            title=benchmark.title,
            since=since,
            age=age(since, datetime.now(UTC)),
            votes=len(votes) if decision is None else needed,
            needed=needed,
            decision=decision,
            rounds=sum(each.decision is not None for each in rounds),
            own=is_own(self._store, self._ledger, reviewer.person_id, submission),
            voted=any(vote.reviewer == reviewer.person_id for vote in votes),
            ready=document is not None,
            later=self.waits_for_looks(name),
        )

    def waits_for_looks(self, submission_id: str) -> bool:
        """Whether what is decided waits until no look of any team at these cases is open."""
        return self._ledger.verdicts.are_declared(self._ledger.submission(submission_id).benchmark)

    def _entitled(self, person_id: str) -> bool:
        return is_entitled(self._store, person_id)

    def _benchmarks(self) -> Mapping[str, Benchmark]:
        return {each.name: each for each in self._installed.now()}

    def _allowance(self, team: str) -> list[str]:
        """Names of the teams that share an allowance, the team's own first."""
        try:
            shared = self._store.allowance(self._store.people.team(team).team_id)
        except StoreError:  # entered by the steward, for a team without accounts
            shared = []
        return [team, *(name for name in shared if name.casefold() != team.casefold())]

    def _difference(self, release: Release, submission: Submission) -> Difference | None:
        teams = {name.casefold() for name in self._allowance(submission.team)}
        for row in reversed(self._ledger.boards.rows(submission.benchmark)):
            if row.team.casefold() in teams:
                return difference(release, published.released(self._ledger, row.submission_id))
        return None

    def _looks(self, submission: Submission) -> str:
        quota = self._benchmarks()[submission.benchmark].quota
        teams = self._allowance(submission.team)
        charged = self._ledger.charged(submission.team, submission.benchmark, allowance=teams)
        number = sum(at <= submission.received for at in charged)
        shared = f", teams that share its allowance counted ({', '.join(teams)})"
        limit = f"{quota.per_team} in {quota.days} days"
        if quota.lifetime is not None:
            limit += f", {quota.lifetime} in all"
        return (
            f"This is look {number} of {len(charged)} that the team has made at this benchmark"
            f"{shared if len(teams) > 1 else ''}; its quota is {limit}."
        )

    def _judged(self, submission_id: str) -> StudyVerdict | None:
        recorded = self._ledger.verdicts.recorded(submission_id)
        return None if recorded is None else self._held.verdict(submission_id, recorded.document)

    def _told(self, submission_id: str) -> tuple[str, ...]:
        verdict = self._ledger.verdicts.of(submission_id)
        return () if verdict is None else sentences(verdict)

    def _shown(self, rounds: Sequence[Round]) -> tuple[RoundShown, ...]:
        names = {person.person_id: person.name for person in self._store.people.people()}
        return tuple(
            RoundShown(
                each,
                tuple(
                    (names.get(vote.reviewer) or "a deleted person", vote) for vote in each.votes
                ),
            )
            for each in rounds
            if each.decision is not None
        )


@contextmanager
def desk_of(installation: Installation) -> Iterator[tuple[Desk, Store]]:
    """The desk of an installation, and its accounts; raise HeldUnavailable without an enclave."""
    held = HeldResults(installation.root / "enclave")
    store = Store(installation.accounts_url, realm=REALM)
    ledger = installation.ledger()
    try:
        held.refuse_unreadable()
        yield Desk(ledger, store, held, InstalledBenchmarks(installation)), store
    finally:
        held.close()
        store.close()
        ledger.close()


@contextmanager
def desk_for(home: Path, who: str) -> Iterator[tuple[Desk, Reviewer]]:
    """The desk of an installation, and the person, by id or e-mail address, who is at it."""
    with desk_of(Installation.existing(home)) as (desk, store):
        person = store.people.named(who)
        yield desk, reviewer(person.person_id, person.name, person.roles)


def choice(word: str) -> Choice:
    """A vote by its word; raise ReviewError for any other."""
    try:
        return Choice(word)
    except ValueError:
        words = [each.value for each in Choice]
        raise ReviewError(
            f"{word!r} is no vote{did_you_mean(word, words)}; give one of {', '.join(words)}"
        ) from None


def age(since: datetime, now: datetime) -> str:
    """How long a result has waited, in whole days or hours; the ledger tells hours alone."""
    hours = int((now - since).total_seconds() // 3600)
    return " ".join(_spans(hours)) or "under an hour"


def _spans(hours: int) -> Iterator[str]:
    for number, unit in ((hours // 24, "day"), (hours % 24 if hours < 72 else 0, "hour")):
        if number:
            yield f"{number} {unit}{'s' * (number != 1)}"
