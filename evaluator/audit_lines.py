"""Tells audit entries as sentences (number, hour, who, what), and what a verification found."""

from __future__ import annotations

from evaluator.claims import addendum
from evaluator.signing.verification import Verified
from submissions.ledger.beside_releases import retirement
from submissions.ledger.database import audit_chain
from submissions.ledger.database.audit_chain import STATE
from submissions.ledger.ledger import Arrival, AuditEntry, Ledger
from submissions.service.agreements import EVENT as AGREEMENT
from submissions.service.resets.links import EVENT as PASSWORD
from submissions.submission import Failure, State, Submission

STEWARD, QUEUE, TRACKER, PROGRAM = "steward", "queue", "tracker", "Sequestra"

_OF_ACCOUNTS = {
    "person-approved": "approved person {subject} for team {content}",
    "request-refused": "refused request {subject}",
    "person-deleted": "deleted person {subject}",
    "person-enabled": "let person {subject} sign in again",
    "person-disabled": "kept person {subject} from signing in",
    "password-link": "made a link for person {subject} to set a new password",
    "role-given": "gave person {subject} the role {content}",
    "role-removed": "took the role {content} from person {subject}",
    "team-joined": "made person {subject} a member of team {content}",
    "team-left": "ended the membership of person {subject} in team {content}",
    "team-enabled": "let team {subject} submit again",
    "team-disabled": "kept team {subject} from submitting",
    "token-made": "made token {content} for person {subject}",
    "token-revoked": "revoked token {subject}",
}
"""Events of the steward's commands for people, teams and tokens."""
_WHO = {
    **dict.fromkeys(_OF_ACCOUNTS, STEWARD),
    "sequester": STEWARD,
    "match": STEWARD,
    "seal": STEWARD,
    addendum.EVENT: STEWARD,
    retirement.NEXT_DRAW: STEWARD,
    retirement.BRIDGE: STEWARD,
    "filed": STEWARD,
    audit_chain.ADMISSION: QUEUE,
    audit_chain.RELEASE: QUEUE,
    audit_chain.COMPARISON: QUEUE,
    audit_chain.STAGE_TIMES: QUEUE,
    audit_chain.SIGNING_KEY: QUEUE,
    audit_chain.TRACKED_RUN: TRACKER,
    audit_chain.MIGRATION: PROGRAM,
    audit_chain.PROTECTED: STEWARD,
    audit_chain.OVERRIDDEN: STEWARD,
    audit_chain.VERDICT: QUEUE,
    audit_chain.CLAIMS: STEWARD,
}
_OF_SENDER = {audit_chain.ENTRY, audit_chain.FACT_SHEET, f"{STATE}{State.RECEIVED.value}"}


def lines(ledger: Ledger, *, submission: str, team: str, event: str) -> list[str]:
    """The entries, one line each; of one submission, team or kind of event where named.

    Raises LedgerError where there is no such submission.
    """
    subjects: list[str] | None = None
    if submission:
        subjects = [ledger.submission(submission).submission_id]
    if team:
        of_team = [each.submission_id for each in ledger.submissions_of([team])]
        subjects = of_team if subjects is None else [each for each in subjects if each in of_team]
    known = {each.submission_id: each for each in ledger.submissions()}
    arrivals = ledger.arrivals()
    return [
        f"{each.number:>6}  {each.at:%Y-%m-%d %H:00}  {_who(each, arrivals, known)}: "
        f"{_what(each, known)}"
        for each in ledger.chain.entries(subjects=subjects, event=event or None)
    ]


def verified(verification: Verified, *, trusted: bool) -> list[str]:
    """What was verified, and what was not; problems are not among it.

    ``trusted`` is off where the only keys at hand were those that the ledger itself names.
    """
    sentences = []
    if not verification.problems:
        sentences.append(
            f"{verification.entries} audit entries, {verification.heads} signed heads and "
            f"{verification.releases} signed releases: nothing was changed"
        )
    if verification.unsigned:
        sentences.append(
            f"releases without a signature: {verification.unsigned}. `sequestra run` signs what "
            f"this installation scored since it has a key"
        )
    if verification.foreign:
        sentences.append(
            f"signatures of other keys, which were not verified: {verification.foreign}. Name "
            f"their public keys with --key"
        )
    if not trusted and verification.heads:
        sentences.append(
            "the signatures were verified by the keys that the ledger itself names: name a public "
            "key that you had from the steward with --key"
        )
    return sentences


def _who(entry: AuditEntry, arrivals: dict[str, Arrival], known: dict[str, Submission]) -> str:
    if entry.event in (audit_chain.WITHDRAWN, audit_chain.VOTE, audit_chain.VIEWED):
        return f"person {entry.content.partition(' ')[0]}"
    if entry.event in (AGREEMENT, PASSWORD):
        return f"person {entry.subject}"
    if entry.event in _OF_SENDER:
        arrival = arrivals.get(entry.subject)
        person = None if arrival is None else arrival.submitted_by
        team = known[entry.subject].team if entry.subject in known else "unknown team"
        return f"{team}, entered by {f'person {person}' if person else 'the steward'}"
    if entry.event.startswith(STATE):
        return "team or steward" if entry.content == Failure.CANCELLED.value else QUEUE
    return _WHO.get(entry.event, "service")


def _what(entry: AuditEntry, known: dict[str, Submission]) -> str:
    event, subject, content = entry.event, entry.subject, entry.content
    if event == audit_chain.ENTRY and subject in known:
        of = known[subject]
        return f"submission {subject}, {of.model} for {of.benchmark}"
    sentences = {
        audit_chain.FACT_SHEET: f"fact sheet of {subject}",
        audit_chain.ADMISSION: f"image of {subject} is {content}",
        audit_chain.RELEASE: f"release of {subject}, document {content.partition(' ')[0]}",
        audit_chain.COMPARISON: f"compared the submissions of {subject}, document "
        f"{content.partition(' ')[0]}",
        audit_chain.STAGE_TIMES: f"stage times of {subject}",
        audit_chain.TRACKED_RUN: f"MLflow run {content} shows release {subject}",
        "filed": f"filed the report of {subject}, SHA-256 {content.partition(';')[0]:.16}",
        audit_chain.SIGNING_KEY: f"key {subject:.16} signs from now on",
        audit_chain.WITHDRAWN: f"withdrew {subject}",
        audit_chain.VOTE: f"voted on {subject}",
        audit_chain.VIEWED: f"looked at the held result of {subject}",
        audit_chain.VERDICT: f"judged the claims on {subject}",
        audit_chain.CLAIMS: f"claims of {subject} declared, looks of a team: "
        f"{content.rpartition(' ')[2]}",
        audit_chain.ALLOWANCE: f"teams that share the looks of {subject} kept",
        audit_chain.OVERRIDDEN: f"released {subject} at the shell, without votes",
        audit_chain.MIGRATION: f"tables brought to number {subject}; {content.split(' ')[0]} rows "
        f"were there",
        audit_chain.PROTECTED: f"triggers made again: {content}",
        addendum.EVENT: f"added claims to {subject}, which was sealed without them",
        retirement.RETIRED: f"cohort of {subject} is spent: {content}",
        retirement.NEXT_DRAW: f"next draw of {subject} is {content}",
        retirement.BRIDGE: f"{subject} runs the image of {content} on the next draw",
        AGREEMENT: f"accepted version {content} of the participation agreement",
        PASSWORD: "set a new password with a link",
    }
    if event in _OF_ACCOUNTS:
        return _OF_ACCOUNTS[event].format(subject=subject, content=content)
    if event in sentences:
        return sentences[event]
    if event.startswith(STATE):
        return f"{subject} is {event.removeprefix(STATE)}" + (f": {content}" if content else "")
    return f"{event} {subject}" + (f" ({content})" if content else "")
