"""Takes an entry: names, dates and quota are looked at, and the ledger holds it as received.

Nothing of it needs a container engine: the queue lints, loads and looks at the image later.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import uuid4

from cohort_selection.task.declaration import PROBABILITY, PredictionForm
from submissions.drop import Drop, DropError
from submissions.fact_sheet import FactSheet
from submissions.ledger.ledger import Arrival, Ledger
from submissions.period import Period, PeriodError
from submissions.quota import Quota
from submissions.submission import State, Submission

MOST_CHARACTERS = 100

INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f"
    "\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0000-\U000e0fff"
    "\u2800]"
)
"""Characters by which two names differ and look the same: Default_Ignorable_Code_Point in Unicode's
DerivedCoreProperties.txt, 4174 of them as of version 14, and the blank pattern of Braille."""

REFERENCE = re.compile(
    r"(?P<registry>[A-Za-z0-9][A-Za-z0-9.-]{0,252}(?::[0-9]{1,5})?)"
    r"/(?P<name>[a-z0-9]+(?:(?:[._/]|__|-+)[a-z0-9]+){0,30})"
    r"@(?P<digest>sha256:[0-9a-f]{64})",
    re.ASCII,
)
"""An image in a registry, pinned by digest; a tag names another image tomorrow."""

_DIGEST = re.compile(r"[0-9a-f]{64}", re.ASCII)
_TEAM_ID = re.compile(r"[A-Za-z0-9_-]{1,32}", re.ASCII)


class EntryError(ValueError):
    """An entry that cannot be accepted, whatever is left of the quota."""


@dataclass(frozen=True, slots=True)
class ArchiveInDrop:
    """A verified archive that a team sent: the team's opaque id and the archive's SHA-256."""

    team_id: str
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What a team enters: one of an archive, a reference, or an image that the engine has.

    ``reference`` is ``registry/name@sha256:...``; ``image_digest`` that of an image in the engine
    of the steward's machine. ``submitted_by`` is a person's opaque id. ``form`` is what predictions
    of the benchmark may be, which the threshold lies among.
    """

    team: str
    model: str
    benchmark: str
    threshold: float = 0.5
    archive: ArchiveInDrop | None = None
    reference: str | None = None
    image_digest: str | None = None
    submitted_by: str | None = None
    fact_sheet: FactSheet | None = None
    form: PredictionForm = PROBABILITY


def receive(
    ledger: Ledger,
    *,
    entry: Entry,
    quota: Quota,
    allowance: Sequence[str] = (),
    drop: Drop | None = None,
    period: Period | None = None,
    submission_id: str | None = None,
) -> Submission:
    """Write an entry into the ledger in the state received, and give the submission.

    ``allowance`` has the names of the teams that share one allowance with the entry's team. An
    archive must lie in ``drop`` where it is given. Entries are taken on the days of ``period``.

    The same archive or reference, entered again under the same names and threshold while the first
    has not failed, is the first submission and costs nothing.

    Raises QuotaError where no look is left, EntryError for anything else that is wrong with it.
    """
    now = datetime.now(UTC)
    try:
        (period or Period()).admit(entry.benchmark, now.date())
    except PeriodError as error:
        raise EntryError(str(error)) from error
    submission = Submission(
        submission_id=submission_id or uuid4().hex[:12],
        team=named("team", entry.team),
        model=named("model", entry.model),
        benchmark=entry.benchmark,
        image_digest=_image(entry, drop),
        threshold=operating_point(entry.threshold, entry.form),
        state=State.RECEIVED,
        received=now,
    )
    arrival = None
    if entry.image_digest is None or entry.submitted_by is not None:
        arrival = Arrival(
            submitted_by=entry.submitted_by,
            archive_team=entry.archive.team_id if entry.archive else None,
            archive_sha256=entry.archive.sha256 if entry.archive else None,
            reference=entry.reference,
        )
    stands = ledger.receive(
        submission,
        quota,
        arrival=arrival,
        fact_sheet=None if entry.fact_sheet is None else entry.fact_sheet.to_json(),
        allowance=allowance,
    )
    return ledger.submission(stands)


def named(what: str, text: str) -> str:
    """A team's or a model's name as it will be shown; raise EntryError for an unfit one."""
    name = " ".join(unicodedata.normalize("NFKC", text).split())
    if unseen := INVISIBLE.search(name):
        raise EntryError(
            f"the {what}'s name is {text!a} and has the invisible character "
            f"U+{ord(unseen[0]):04X}; leave it out"
        )
    if not 1 <= len(name) <= MOST_CHARACTERS or not name.isprintable():
        raise EntryError(
            f"the {what}'s name is {text[:200]!r}; give 1 to {MOST_CHARACTERS} printable characters"
        )
    return name


def operating_point(threshold: float, form: PredictionForm = PROBABILITY) -> float:
    """A threshold that can be declared where predictions have this form; raise EntryError."""
    lowest = -math.inf if form.lowest is None else form.lowest
    highest = math.inf if form.highest is None else form.highest
    if not (math.isfinite(threshold) and lowest <= threshold <= highest):
        raise EntryError(f"the threshold is {threshold}; declare {asked_of(form)}")
    return threshold


def asked_of(form: PredictionForm) -> str:
    """What a threshold has to be where predictions have this form, for a sentence."""
    if form.lowest is None or form.highest is None:
        return "a number on the scale of the model's scores"
    if (form.lowest, form.highest) == (PROBABILITY.lowest, PROBABILITY.highest):
        return "a probability from 0 to 1"
    return f"a number from {form.lowest:g} to {form.highest:g}"


def read_reference(reference: str) -> re.Match[str]:
    """The parts ``registry``, ``name`` and ``digest`` of a reference; raise EntryError."""
    parts = REFERENCE.fullmatch(reference)
    if parts is None:
        raise EntryError(
            f"the reference is {reference[:200]!r}; give an image in a registry with its digest, "
            f"as registry.example.org/team/model@sha256:... (`docker image inspect --format "
            f"'{{{{index .RepoDigests 0}}}}' IMAGE` prints it after a push)"
        )
    return parts


def _image(entry: Entry, drop: Drop | None) -> str:
    """By what an image is known before it was admitted."""
    sources = [each for each in (entry.archive, entry.reference, entry.image_digest) if each]
    if len(sources) != 1:
        raise EntryError(
            f"the entry has {len(sources)} images; give one: an archive that was sent, or a "
            f"reference to a registry"
        )
    if entry.image_digest is not None:
        return entry.image_digest
    if entry.reference is not None:
        return f"reference:{read_reference(entry.reference)['digest']}"
    assert entry.archive is not None
    team_id, sha256 = entry.archive.team_id, entry.archive.sha256
    if not _TEAM_ID.fullmatch(team_id) or not _DIGEST.fullmatch(sha256):
        raise EntryError(
            f"the archive is {sha256[:80]!r}; give the SHA-256 of an archive that your team sent, "
            f"64 digits of 0-9 and a-f"
        )
    if drop is not None:
        try:
            drop.archive(team_id, sha256)
        except DropError as error:
            raise EntryError(str(error)) from error
    return f"archive:{sha256}"
