"""Votes of reviewers on held results: rounds, what a round decides, and what follows of it.

A round is open until it has as many votes as the benchmark asks for. Then it decides:

- all ``release``: the queue releases the document that was voted on;
- all ``refuse``: the queue ends the submission as refused; the team reads the reasons;
- any ``ask-again``: the team reads the reasons of those votes as questions, the result stays held;
- else the votes are split: the result stays held, and the reviewers may read each other's reasons.

After the last two a new round is open, without votes. A vote names the release that the reviewer
saw by its digest: where the held document has changed meanwhile, a new round is open too. So it is
where a voter is no reviewer any more before the queue has done what the round decides.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import groupby

from sqlalchemy import Connection, insert, select

from submissions.addresses.database import aware
from submissions.ledger import before_the_run, writing
from submissions.ledger.beside_releases.exposures import UNKNOWN, Use
from submissions.ledger.database import audit_chain, reading
from submissions.ledger.database.audit_chain import VOTE, digest_of, hour
from submissions.ledger.database.records import LedgerError
from submissions.ledger.database.tables import VOTES
from submissions.ledger.database.verification import vote_content
from submissions.ledger.ledger import Ledger
from submissions.submission import Owner, State

LONGEST_REASON = 2000
"""Characters of a reason."""


class Choice(StrEnum):
    """What a reviewer may vote."""

    RELEASE = "release"
    REFUSE = "refuse"
    ASK_AGAIN = "ask-again"


class Decision(StrEnum):
    """What a complete round comes to."""

    RELEASE = "release"
    REFUSE = "refuse"
    ASK_AGAIN = "ask-again"
    SPLIT = "split"


@dataclass(frozen=True, slots=True, kw_only=True)
class Vote:
    """One vote; ``reviewer`` is a person's opaque id, ``document`` the SHA-256 of what was seen."""

    submission_id: str
    evaluation_key: str
    document: str
    reviewer: str
    choice: Choice
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Round:
    """The votes on one document until enough are there."""

    number: int
    needed: int
    document: str
    votes: tuple[Vote, ...]
    at: datetime
    """The hour of the last vote."""

    @property
    def decision(self) -> Decision | None:
        """What the votes come to; None where some are missing."""
        if len(self.votes) < self.needed:
            return None
        choices = {vote.choice for vote in self.votes}
        if Choice.ASK_AGAIN in choices:
            return Decision.ASK_AGAIN
        return Decision(choices.pop()) if len(choices) == 1 else Decision.SPLIT

    @property
    def reasons(self) -> tuple[str, ...]:
        """What the team may read of a decision: reasons to refuse or to ask again, each once."""
        if self.decision not in (Decision.REFUSE, Decision.ASK_AGAIN):
            return ()
        reasons = [vote.reason for vote in self.votes if vote.choice.value == self.decision.value]
        return tuple(dict.fromkeys(reasons))


class Votes:
    """The votes of a ledger."""

    def __init__(self, ledger: Ledger) -> None:
        """Keep the ledger."""
        self._ledger = ledger

    def cast(
        self, vote: Vote, needed: int, entitled: Callable[[str], bool] = lambda person_id: True
    ) -> Round:
        """Append a vote with its audit entry; the round as it stands then.

        ``needed`` is how many votes the benchmark asks for, ``entitled`` who may vote now: the
        votes of a round with anybody else's begin again. Raises LedgerError where the result is
        not held, is decided, or has this person's vote already, and where the reason is missing.
        """
        reason = vote.reason.strip()
        if vote.choice is not Choice.RELEASE and not reason:
            raise LedgerError(
                f"a vote to {vote.choice.value} has no reason; the team reads it, so give one"
            )
        if len(reason) > LONGEST_REASON:
            raise LedgerError(
                f"the reason has {len(reason)} characters; give at most {LONGEST_REASON}"
            )
        if vote.choice is Choice.ASK_AGAIN and self._ledger.verdicts.of(vote.submission_id):
            raise LedgerError(
                f"submission {vote.submission_id} has a verdict on declared claims, and a question "
                f"would tell its team more than that; vote to release or to refuse it"
            )
        with self._ledger.transaction() as connection:
            _refuse_not_held(connection, vote.submission_id)
            rounds = _rounds(connection, vote.submission_id)
            present = _open_round(rounds, standing(rounds, entitled), vote, needed)
            _append(connection, vote, reason, present, needed)
            return _rounds(connection, vote.submission_id)[-1]

    def rounds(self, submission_id: str) -> tuple[Round, ...]:
        """All rounds of a submission, the earliest first."""
        return self._ledger.read(lambda connection: _rounds(connection, submission_id))

    def decided(self) -> Mapping[str, tuple[Round, ...]]:
        """The complete rounds of every submission that has one, in order of their votes."""
        complete = {
            name: tuple(each for each in rounds if each.decision is not None)
            for name, rounds in self._ledger.read(_every_round).items()
        }
        return {name: rounds for name, rounds in complete.items() if rounds}

    def questions(self, submission_id: str) -> tuple[str, ...]:
        """What the reviewers ask the team, from all rounds, the earliest first."""
        return tuple(
            reason
            for each in self.rounds(submission_id)
            if each.decision is Decision.ASK_AGAIN
            for reason in each.reasons
        )

    def release(
        self, submission_id: str, evaluation_key: str, document: str, use: Use = UNKNOWN
    ) -> None:
        """Publish a held document that the last round releases, for the reviewers.

        ``use`` is what the ledger of exposures keeps of the cohort.

        Raises LedgerError where the votes do not say so of this very document.
        """
        with self._ledger.transaction() as connection:
            _refuse_undecided(connection, submission_id, Decision.RELEASE, document)
            writing.publish(
                connection,
                submission_id,
                evaluation_key,
                document,
                State.RELEASED,
                use,
                Owner.REVIEWERS,
            )

    def refuse(self, submission_id: str, document: str) -> None:
        """End a held submission as its last round says; its team reads the reasons.

        Raises LedgerError where the votes do not say so of this very document.
        """
        with self._ledger.transaction() as connection:
            last = _refuse_undecided(connection, submission_id, Decision.REFUSE, document)
            writing.steps(connection, submission_id, [State.REFUSED], by=Owner.REVIEWERS)
            before_the_run.find(connection, submission_id, " ".join(map(_sentence, last.reasons)))

    def override(
        self,
        submission_id: str,
        evaluation_key: str,
        document: str,
        use: Use = UNKNOWN,
        entitled: Callable[[str], bool] = lambda person_id: True,
    ) -> None:
        """Publish a held document without votes, for a steward at the shell; the chain says so.

        Raises LedgerError where reviewers who are ``entitled`` now have decided to refuse it.
        """
        with self._ledger.transaction() as connection:
            rounds = standing(_rounds(connection, submission_id), entitled)
            decision = final(rounds, digest_of(document), reviewers=1)
            if decision is Decision.REFUSE:
                raise LedgerError(
                    f"the reviewers of submission {submission_id} have decided to refuse it, and "
                    f"nobody releases it; `sequestra run` ends it"
                )
            audit_chain.append(connection, audit_chain.OVERRIDDEN, submission_id, "")
            writing.publish(
                connection,
                submission_id,
                evaluation_key,
                document,
                State.RELEASED,
                use,
                Owner.STEWARD,
            )

    def viewed(self, submission_id: str, viewer: str) -> None:
        """Append that a person looked at a held result."""
        with self._ledger.transaction() as connection:
            audit_chain.append(connection, audit_chain.VIEWED, submission_id, viewer)


def standing(rounds: Sequence[Round], entitled: Callable[[str], bool]) -> tuple[Round, ...]:
    """The rounds that stand: none is open or decides where the last has a vote that is void.

    A vote is void once its voter may not vote any more. What a complete round asks the team stands,
    and so do votes that were split: both lead to a new round anyway.
    """
    ending = (Decision.ASK_AGAIN, Decision.SPLIT)
    standing_rounds = tuple(rounds)
    if all(entitled(vote.reviewer) for each in standing_rounds[-1:] for vote in each.votes):
        return standing_rounds
    while standing_rounds and standing_rounds[-1].decision not in ending:
        standing_rounds = standing_rounds[:-1]
    return standing_rounds


def open_votes(rounds: Sequence[Round], document: str) -> tuple[Vote, ...]:
    """The votes of the round that is open for a document; none where it is still empty."""
    if rounds and rounds[-1].decision is None and rounds[-1].document == document:
        return rounds[-1].votes
    return ()


def final(rounds: Sequence[Round], document: str, reviewers: int) -> Decision | None:
    """What the last round decided of a document for good; None where votes are still taken.

    A round of fewer votes than the benchmark asks for, ``reviewers``, decides nothing.
    """
    if rounds and rounds[-1].document == document and rounds[-1].needed >= reviewers:
        decision = rounds[-1].decision
        if decision in (Decision.RELEASE, Decision.REFUSE):
            return decision
    return None


def _refuse_not_held(connection: Connection, submission_id: str) -> None:
    states = reading.history(connection, submission_id)
    if not states:
        raise LedgerError(f"no submission {submission_id!r}")
    if states[-1][0] is not State.HELD:
        raise LedgerError(
            f"submission {submission_id} is {states[-1][0].value}, not held; no vote is taken"
        )


def _open_round(every: Sequence[Round], rounds: Sequence[Round], vote: Vote, needed: int) -> int:
    """The number of the round that a vote belongs to; raise LedgerError where it has none.

    ``rounds`` are those of ``every`` round that stand.
    """
    decision = final(rounds, vote.document, needed)
    if decision is not None:
        raise LedgerError(
            f"the reviewers of submission {vote.submission_id} have decided to {decision.value} "
            f"it, and the queue does so; no vote is taken"
        )
    votes = open_votes(rounds, vote.document)
    if any(each.reviewer == vote.reviewer for each in votes):
        raise LedgerError(
            f"this person has voted on submission {vote.submission_id} in this round; another "
            f"reviewer's vote is needed"
        )
    last = every[-1].number if every else 0
    if votes and rounds[-1].needed != needed:
        raise LedgerError(
            f"the votes on submission {vote.submission_id} were begun for {rounds[-1].needed} "
            f"reviewers, and its benchmark asks for {needed}; restore the benchmark's file"
        )
    return last if votes else last + 1


def _append(connection: Connection, vote: Vote, reason: str, number: int, needed: int) -> None:
    row = {
        "evaluation_key": vote.evaluation_key,
        "document": vote.document,
        "round": number,
        "needed": needed,
        "reviewer": vote.reviewer,
        "vote": vote.choice.value,
        "reason": reason,
    }
    connection.execute(insert(VOTES).values(submission_id=vote.submission_id, **row, at=hour()))
    content = vote_content(vote.reviewer, list(row.values()))
    audit_chain.append(connection, VOTE, vote.submission_id, content)


def _refuse_undecided(
    connection: Connection, submission_id: str, decision: Decision, document: str
) -> Round:
    rounds = _rounds(connection, submission_id)
    if final(rounds, digest_of(document), reviewers=1) is not decision:
        raise LedgerError(
            f"the reviewers of submission {submission_id} have not decided to {decision.value} "
            f"this document; `sequestra review list` shows what is missing"
        )
    return rounds[-1]


def _every_round(connection: Connection) -> dict[str, tuple[Round, ...]]:
    names = connection.execute(select(VOTES.c.submission_id).distinct()).scalars().all()
    return {name: _rounds(connection, name) for name in names}


def _rounds(connection: Connection, submission_id: str) -> tuple[Round, ...]:
    query = select(VOTES).where(VOTES.c.submission_id == submission_id).order_by(VOTES.c.number)
    rows = connection.execute(query).all()
    rounds = []
    for number, members in groupby(rows, key=lambda row: row.round):
        of_round = list(members)
        votes = tuple(
            Vote(
                submission_id=row.submission_id,
                evaluation_key=row.evaluation_key,
                document=row.document,
                reviewer=row.reviewer,
                choice=Choice(row.vote),
                reason=row.reason,
            )
            for row in of_round
        )
        last = of_round[-1]
        rounds.append(
            Round(
                number=number,
                needed=last.needed,
                document=last.document,
                votes=votes,
                at=aware(last.at),
            )
        )
    return tuple(rounds)


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:].rstrip('.')}."
