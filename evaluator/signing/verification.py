"""Verifies a ledger: the chain, the tables, the triggers, signed heads and signed releases."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from evaluator.claims import addendum
from evaluator.claims.declaration import ClaimsError
from evaluator.signing.key import FILE, SigningKey
from evaluator.signing.signer import LAST_HEAD
from evaluator.stores.installation import Installation
from submissions import signatures
from submissions.ledger.database.audit_chain import SIGNING_KEY, digest_of
from submissions.ledger.database.records import FrozenComparison
from submissions.ledger.ledger import Ledger, PublishedRelease
from submissions.signatures import SignatureError, Signed, read_signed
from submissions.verifying_key import VerifyingKey


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """What was looked at, and what is wrong: one sentence for each problem.

    ``unsigned`` counts releases that nobody signed, ``foreign`` signatures whose key nobody gave.
    """

    entries: int
    heads: int
    releases: int
    unsigned: int
    foreign: int
    problems: Sequence[str]


def verify_ledger(
    ledger: Ledger, keys: Sequence[VerifyingKey], outside: Sequence[tuple[str, Signed]] = ()
) -> Verified:
    """Hold a ledger against itself, against its signatures and against statements from outside.

    ``keys`` are those that are trusted. ``outside`` has signed heads or releases by their names,
    kept where nobody who can change the ledger can change them: a tail that was cut off after one
    of them was signed is found. Raises SignatureError where none of the keys signed one of these.
    """
    known = {key.key_id: key for key in keys}
    digests = {each.number: each.digest for each in ledger.chain.entries()}
    problems = [*ledger.chain.guard_faults(), *ledger.chain.problems()]
    foreign = 0
    heads = ledger.chain.signed_heads()
    for each in heads:
        name = f"the signed head of audit entry {each.audit_number}"
        if each.signed.key_id not in known:
            foreign += 1
        problems += _statement_faults(each.signed, known, name)
        head = _head(each.signed.content)
        problems += _head_faults(head, digests, name)
        if head.get("audit_number") != each.audit_number:
            problems.append(f"{name} was made of entry {head.get('audit_number')}")
    releases = {each.number: each for each in ledger.every_release()}
    signed = ledger.signed_releases()
    for release in signed:
        name = f"the signature of release {release.release_number}"
        if release.signed.key_id not in known:
            foreign += 1
        problems += _statement_faults(release.signed, known, name)
        problems += _head_faults(_head(release.signed.content), digests, name)
        problems += _release_faults(
            release.signed.content, releases.get(release.release_number), ledger, name
        )
    for number, comparison in enumerate(ledger.comparisons.every(), start=1):
        name = f"the signature of comparison {number}, of {comparison.benchmark},"
        if comparison.signed.key_id not in known:
            foreign += 1
        problems += _statement_faults(comparison.signed, known, name)
        problems += _head_faults(_head(comparison.signed.content), digests, name)
        problems += _comparison_faults(comparison, name)
    added, strangers = _addenda(ledger, known, digests)
    problems += added
    foreign += strangers
    for name, statement in outside:
        problems += _outside_faults(statement, known, digests, name)
    return Verified(
        entries=len(digests),
        heads=len(heads),
        releases=len(signed),
        unsigned=len(releases) - len(signed),
        foreign=foreign,
        problems=problems,
    )


def _addenda(
    ledger: Ledger, known: Mapping[str, VerifyingKey], digests: Mapping[int, str]
) -> tuple[list[str], int]:
    """What is wrong with claims that were added to cohorts, and how many others' keys signed."""
    problems, foreign = [], 0
    for entry in ledger.chain.entries(event=addendum.EVENT):
        name = f"the signature of the claims added to {entry.subject}"
        try:
            statement = addendum.signed(entry)
        except ClaimsError as problem:
            problems.append(str(problem))
            continue
        foreign += statement.key_id not in known
        problems += _statement_faults(statement, known, name)
        problems += _head_faults(_head(statement.content), digests, name)
    return problems, foreign


def own_keys(installation: Installation) -> list[VerifyingKey]:
    """The key of this machine's enclave, where it has one; no enclave and no key is made."""
    folder = installation.root / "enclave"
    return [SigningKey.of(folder).public] if (folder / FILE).exists() else []


def remembered_head(
    installation: Installation, keys: Sequence[VerifyingKey]
) -> list[tuple[str, Signed]]:
    """The head that this machine's enclave remembers, where its key is among those trusted."""
    path = installation.root / "enclave" / LAST_HEAD
    if not path.exists():
        return []
    signed = read_signed(path)
    known = {each.key_id for each in keys}
    return [("the head that the enclave remembers", signed)] if signed.key_id in known else []


def announced_keys(ledger: Ledger) -> list[VerifyingKey]:
    """The keys that the chain itself names: good against accidents, not against a forger."""
    return [
        VerifyingKey.of(base64.b64decode(each.content))
        for each in ledger.chain.entries(event=SIGNING_KEY)
    ]


def _statement_faults(signed: Signed, known: Mapping[str, VerifyingKey], name: str) -> list[str]:
    key = known.get(signed.key_id)
    if key is None:
        return []
    try:
        key.verify(signed, name)
    except SignatureError:
        return [f"{name} is not what was signed"]
    return []


def _outside_faults(
    signed: Signed, known: Mapping[str, VerifyingKey], digests: Mapping[int, str], name: str
) -> list[str]:
    key = known.get(signed.key_id)
    if key is None:
        raise SignatureError(
            f"{name} is signed by key {signed.key_id:.16}, which was not given; name its public "
            f"key with --key"
        )
    return _head_faults(_head(key.verify(signed, name)), digests, name)


def _head(content: Mapping[str, object]) -> Mapping[str, object]:
    """The head that a statement names: its own, or that of the time of what it tells of."""
    of_something = (signatures.RELEASE, signatures.COMPARISON, signatures.ADDENDUM)
    within = content.get("format") in of_something
    head = content.get("head") if within else content
    return head if isinstance(head, Mapping) else {}


def _head_faults(head: Mapping[str, object], digests: Mapping[int, str], name: str) -> list[str]:
    number = head.get("audit_number")
    if not isinstance(number, int):
        return [f"{name} names no audit entry"]
    if number > max(digests, default=0):
        return [f"{name} is later than the audit chain: entries up to {number} were cut off"]
    if number not in digests:
        return [f"audit entry {number} is not there, and {name} was made of it"]
    if digests[number] != head.get("digest"):
        return [f"audit entry {number} is not the one that {name} was made of"]
    return []


def _release_faults(
    content: Mapping[str, object], release: PublishedRelease | None, ledger: Ledger, name: str
) -> list[str]:
    if release is None:
        return [f"{name} is of a release that is not in the tables"]
    submission = ledger.submission(release.submission_id)
    expected = {
        "submission": release.submission_id,
        "benchmark": release.benchmark,
        "evaluation_key": release.evaluation_key,
        "published": release.published.isoformat(),
        "document_sha256": digest_of(release.document),
        "team": submission.team,
        "model": submission.model,
        "image_digest": submission.image_digest,
    }
    return [
        f"{key} of release {release.number} is not the one that was signed"
        for key, value in expected.items()
        if content.get(key) != value
    ]


def _comparison_faults(comparison: FrozenComparison, name: str) -> list[str]:
    expected = {
        "benchmark": comparison.benchmark,
        "cohort_digest": comparison.cohort_digest,
        "cause": comparison.cause,
        "through": comparison.through,
        "at": comparison.at.isoformat(),
        "document_sha256": digest_of(comparison.document),
    }
    faults = [
        f"{name} is of another {key}"
        for key, value in expected.items()
        if comparison.signed.content.get(key) != value
    ]
    if comparison.digest != f"sha256:{digest_of(comparison.document)}":
        faults.append(f"the digest that {name} stands beside is not its document's")
    return faults
