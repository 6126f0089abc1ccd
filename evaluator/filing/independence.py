"""What the audit chain shows of a result's independence: never more than its entries say.

The statement is made from the chain up to the head that the release's signature names, so it is
the same whenever it is made. Without a signature it is made up to the release's own entry.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from submissions.ledger.database import audit_chain
from submissions.ledger.database.audit_chain import STATE, digest_of
from submissions.ledger.database.reading import UNCHARGED
from submissions.ledger.ledger import AuditEntry, Ledger, PublishedRelease
from submissions.signatures import Signed
from submissions.submission import State, Submission

SEAL = "seal"
"""The event of a steward's seal; the content begins with the cohort's digest."""

NOT_SHOWN = (
    "The chain does not show whether the makers of the model had these images, or others of these "
    "patients, from elsewhere.",
    "The chain does not show how the steward, the team and the makers of Sequestra are related; "
    "they declare that themselves.",
    "The chain does not show whether the reference standard is right.",
)
"""What a reader could take the statement for, and must not."""


@dataclass(frozen=True, slots=True)
class Independence:
    """The statement, sentence by sentence, and up to which entry of the chain it was made."""

    sentences: tuple[str, ...]
    up_to: int
    looks: int
    cohort_looks: int


def independence(
    ledger: Ledger, published: PublishedRelease, cohort_digest: str, signed: Signed | None
) -> Independence:
    """Read the statement off the ledger's chain."""
    submissions = {each.submission_id: each for each in ledger.submissions()}
    return stated(
        ledger.chain.entries(), submissions, published, cohort_digest, _head(signed), signed
    )


def stated(
    entries: Sequence[AuditEntry],
    submissions: dict[str, Submission],
    published: PublishedRelease,
    cohort_digest: str,
    head: int | None,
    signed: Signed | None,
) -> Independence:
    """Make the statement of the chain's ``entries`` up to ``head``."""
    own = published.submission_id
    release = _release(entries, published)
    last = head or (release.number if release else entries[-1].number if entries else 0)
    shown = [each for each in entries if each.number <= last]
    of_benchmark = {
        name for name, each in submissions.items() if each.benchmark == published.benchmark
    }
    team = submissions[own].team.casefold()
    of_team = {name for name in of_benchmark if submissions[name].team.casefold() == team}
    looked = looks(_under(shown, published.benchmark, cohort_digest), of_benchmark)
    own_looks = [each for each in looked if each in of_team]
    sentences = [
        _sealed(shown, published.benchmark, cohort_digest, of_benchmark),
        _entered(shown, own),
        _looks(own_looks, looked, own),
        _released(shown, own, release),
        _signed(signed, last),
    ]
    return Independence(
        sentences=tuple(sentences), up_to=last, looks=len(own_looks), cohort_looks=len(looked)
    )


def looks(entries: Iterable[AuditEntry], submissions: set[str]) -> list[str]:
    """The submissions whose run on the sealed cohort began and was charged, in that order.

    One whose image had run there before goes straight on to scoring, and is charged as well.
    """
    began = {f"{STATE}{State.RUNNING.value}", f"{STATE}{State.SCORING.value}"}
    ran: dict[str, None] = {}
    uncharged = {failure.value for failure in UNCHARGED}
    for each in entries:
        if each.subject not in submissions:
            continue
        if each.event in began:
            ran[each.subject] = None
        elif each.event == f"{STATE}{State.FAILED.value}" and each.content in uncharged:
            ran.pop(each.subject, None)
    return list(ran)


def _under(entries: Sequence[AuditEntry], benchmark: str, digest: str) -> Sequence[AuditEntry]:
    """The entries while this cohort was the benchmark's; all of them where no seal tells when."""
    seals = [each for each in entries if each.event == SEAL and each.subject == benchmark]
    own = [each.number for each in seals if each.content.startswith(digest)]
    if not own:
        return entries
    later = min((each.number for each in seals if each.number > own[-1]), default=None)
    return [
        each for each in entries if each.number > own[-1] and (later is None or each.number < later)
    ]


def _sealed(
    entries: Sequence[AuditEntry], benchmark: str, digest: str, submissions: set[str]
) -> str:
    seals = [each for each in entries if each.event == SEAL and each.subject == benchmark]
    if not seals:
        return "The chain has no entry of a seal for this benchmark: it does not show when."
    own = [each for each in seals if each.content.startswith(digest)]
    seal = (own or seals)[-1]
    of = "this cohort" if own else "another cohort than this one"
    first = _first(entries, submissions, (audit_chain.ENTRY, f"{STATE}{State.RECEIVED.value}"))
    sentence = f"Entry {seal.number} ({_hour(seal)}) is the seal of {of}"
    if first is None:
        return f"{sentence}; the chain has no submission to this benchmark."
    order = "before" if seal.number < first.number else "not before"
    return f"{sentence}, {order} the first submission to this benchmark (entry {first.number})."


def _entered(entries: Sequence[AuditEntry], own: str) -> str:
    entry = _first(entries, {own}, (audit_chain.ENTRY, f"{STATE}{State.RECEIVED.value}"))
    image = _first(entries, {own}, (audit_chain.ADMISSION,))
    run = _first(entries, {own}, (f"{STATE}{State.RUNNING.value}",))
    sentences = []
    if entry is not None:
        sentences.append(f"the submission, with its threshold, is entry {entry.number}")
    if image is not None:
        sentences.append(f"the digest of its image is entry {image.number}")
    if run is not None:
        sentences.append(f"its run on the cohort began with entry {run.number}")
    if not sentences:
        return "The chain has no entry of this submission before its release."
    sentence = "; ".join(sentences)
    return f"{sentence[:1].upper()}{sentence[1:]}."


def _looks(own_looks: Sequence[str], looked: Sequence[str], own: str) -> str:
    if own not in own_looks:
        return "The chain has no charged run of this submission on the cohort."
    place = own_looks.index(own) + 1
    return (
        f"This is look {place} of {len(own_looks)} that the team had on this cohort so far; all "
        f"teams together had {len(looked)}."
    )


def _released(entries: Sequence[AuditEntry], own: str, release: AuditEntry | None) -> str:
    if release is None:
        return "The chain has no entry of this release."
    states = [each for each in entries if each.subject == own and each.event.startswith(STATE)]
    held = [each for each in states if each.event == f"{STATE}{State.HELD.value}"]
    freed = [each for each in states if each.event == f"{STATE}{State.RELEASED.value}"]
    sentence = f"The release is entry {release.number}, which has the digest of its figures"
    if held and freed and freed[-1].number > held[-1].number:
        freed_at = f"entry {freed[-1].number}, {_hour(freed[-1])}"
        return (
            f"{sentence}. It was held at entry {held[-1].number}; "
            f"{_reviewed(entries, own, held[-1].number, freed[-1].number, freed_at)}."
        )
    if freed and not held:
        return f"{sentence}. The queue released it; the chain has no hold of the result before it."
    return f"{sentence}."


def _reviewed(entries: Sequence[AuditEntry], own: str, held: int, freed: int, freed_at: str) -> str:
    """Who let a held result go, as the entries between the hold and the release tell it."""
    between = [each for each in entries if each.subject == own and held < each.number <= freed]
    shell = [each.number for each in between if each.event == audit_chain.OVERRIDDEN]
    votes = [each for each in between if each.event == audit_chain.VOTE]
    if shell:
        return f"a steward released it at the shell, without votes (entry {shell[-1]}, {freed_at})"
    if not votes:
        return f"a steward released it ({freed_at})"
    people = len({each.content.partition(" ")[0] for each in votes})
    numbers = ", ".join(str(each.number) for each in votes)
    return (
        f"{people} reviewer{'s' * (people > 1)} voted (entries {numbers}, which have digests of "
        f"the votes), and it was released ({freed_at})"
    )


def _signed(signed: Signed | None, last: int) -> str:
    if signed is None:
        return f"No signature covers this release yet; this was read off {last} entries."
    return (
        f"Key {signed.key_id} signed the release together with the digest of entry {last}; the "
        f"statement was read off the chain up to there."
    )


def _release(entries: Sequence[AuditEntry], published: PublishedRelease) -> AuditEntry | None:
    digest = digest_of(published.document)
    for each in reversed(entries):
        if (
            each.event == audit_chain.RELEASE
            and each.subject == published.submission_id
            and each.content.partition(" ")[0] == digest
        ):
            return each
    return None


def _head(signed: Signed | None) -> int | None:
    if signed is None:
        return None
    number: int = signed.content["head"]["audit_number"]
    return number


def _first(
    entries: Iterable[AuditEntry], subjects: set[str], events: Sequence[str]
) -> AuditEntry | None:
    for each in entries:
        if each.subject in subjects and each.event in events:
            return each
    return None


def _hour(entry: AuditEntry) -> str:
    return f"{entry.at:%Y-%m-%d %H:00} UTC"
