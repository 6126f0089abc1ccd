"""Runs the images of released submissions on the next draw too, so that two boards can be linked.

A bridge run is a look of its team like any other: the team is shown its figures. The former result
stands.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from evaluator.queue.lifecycle import SubmissionError, submit
from evaluator.sandbox.engine import Engine
from evaluator.stores.installation import Installation
from submissions.ledger.beside_releases import retirement
from submissions.quota import QuotaError
from submissions.receiving import EntryError
from submissions.submission import ContractBroken, State, Submission


@dataclass(frozen=True, slots=True)
class Bridged:
    """A released submission, the one that runs its image on the next draw, or why none does."""

    former: Submission
    successor: Submission | None
    problem: str = ""


def bridge(
    installation: Installation, engine: Engine, name: str, chosen: Collection[str] = ()
) -> list[Bridged]:
    """Enter the released submissions of a benchmark, or ``chosen`` ones, for its next draw.

    One that is entered there already is not entered twice. An image that is gone, or a quota that
    is used up, is told and stops no other. Raises SubmissionError where the benchmark has no next
    draw, or has no such released submission.
    """
    installation.benchmark(name)  # refuses a name that no benchmark has
    ledger = installation.ledger()
    next_name = ledger.read(lambda connection: retirement.next_draw(connection, name))
    if next_name is None:
        raise SubmissionError(
            f"benchmark {name!r} has no next draw; `sequestra draw next {name}` makes it"
        )
    released = {
        each.submission_id: each
        for each in ledger.submissions(state=State.RELEASED)
        if each.benchmark == name
    }
    if unknown := sorted(set(chosen) - released.keys()):
        raise SubmissionError(
            f"benchmark {name!r} has no released submission {unknown[0]!r}; `sequestra status` "
            f"lists all submissions"
        )
    successor = installation.benchmark(next_name)
    standing = {
        _same(each): each
        for each in ledger.submissions()
        if each.benchmark == next_name and each.state not in (State.FAILED, State.REJECTED)
    }
    bridged = []
    for former in released.values():
        if chosen and former.submission_id not in chosen:
            continue
        if _same(former) in standing:
            bridged.append(Bridged(former, standing[_same(former)]))
            continue
        try:
            entered = submit(
                installation,
                engine,
                successor,
                former.image_digest,
                team=former.team,
                model=former.model,
                threshold=former.threshold,
            )
        except (QuotaError, EntryError, ContractBroken) as refusal:
            bridged.append(Bridged(former, None, str(refusal)))
            continue
        ledger.record(retirement.BRIDGE, entered.submission_id, former.submission_id)
        standing[_same(former)] = entered
        bridged.append(Bridged(former, entered))
    return bridged


def _same(submission: Submission) -> tuple[str, str, str, float]:
    """What makes two submissions the same model at the same threshold."""
    return submission.team, submission.model, submission.image_digest, submission.threshold
