"""Files a report: the PDF of a signed release, made once and kept with its digest.

Another version of typst or pikepdf writes other bytes. So the bytes that were filed are kept in the
installation's folder ``filed``, and the audit chain has their digest: the next signed head covers
it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cohort_selection.atomic_files import write_bytes
from evaluator.disclosure.control import Release
from evaluator.feedback.looks import in_words
from evaluator.filing.blocks import Attachment
from evaluator.filing.content import Contents, parts
from evaluator.filing.independence import independence
from evaluator.filing.model_card import NAME as MODEL_CARD
from evaluator.filing.model_card import model_card
from evaluator.filing.typesetting import Document, FilingError, tools, typeset
from evaluator.leaderboard.drawing.plots import charts
from evaluator.leaderboard.published import fact_sheet, newest, primary_figure
from evaluator.stores.installation import Installation
from submissions.fact_sheet import FactSheet
from submissions.ledger.database.audit_chain import digest_of
from submissions.ledger.ledger import Ledger, PublishedRelease
from submissions.signatures import Signed

FOLDER = "filed"
EVENT = "filed"
"""The event of the audit chain that has the digest of a filed report."""

RELEASE_FILE = "release.json"
SIGNED_FILE = "release.signed.json"
FACT_SHEET_FILE = "fact-sheet.json"


@dataclass(frozen=True, slots=True)
class Filed:
    """A report as PDF; ``kept`` says whether these bytes are kept, ``tools`` what set them."""

    pdf: bytes
    sha256: str
    kept: bool
    tools: str


def filed(installation: Installation, ledger: Ledger, submission_id: str) -> Filed:
    """The filed report of a submission's newest release; made where none is kept.

    A release without a signature is set but not kept. Raises NotReleased, LedgerError, and
    FilingError where a kept PDF is not the one that was filed.
    """
    published = newest(ledger, submission_id)
    signed = ledger.signed_release(submission_id)
    place = installation.root / FOLDER / f"{submission_id}-{published.number}.pdf"
    record = place.with_suffix(".json")
    if signed is not None and record.exists():
        return _kept(place, record, published, signed)
    sheet = fact_sheet(ledger, submission_id)
    primary = primary_figure(installation, published.benchmark)
    pdf = typeset(document(ledger, published, signed, sheet, primary))
    digest = hashlib.sha256(pdf).hexdigest()
    if signed is None:
        return Filed(pdf, digest, kept=False, tools=tools())
    facts = {
        "sha256": digest,
        "document_sha256": digest_of(published.document),
        "signature": signed.encoded,
        "tools": tools(),
    }
    place.parent.mkdir(exist_ok=True)
    write_bytes(place, pdf)
    ledger.record(EVENT, submission_id, f"{digest}; {tools()}")
    write_bytes(record, (json.dumps(facts, indent=1, sort_keys=True) + "\n").encode())
    return Filed(pdf, digest, kept=True, tools=tools())


def document(
    ledger: Ledger,
    published: PublishedRelease,
    signed: Signed | None,
    sheet: FactSheet | None,
    primary: str,
) -> Document:
    """What the PDF of a release is set from."""
    release = Release.from_json(published.document)
    contents = Contents(
        release=release,
        primary=primary,
        independence=independence(ledger, published, release.cohort_digest, signed),
        signed=signed,
        document_sha256=digest_of(published.document),
        evaluation_key=published.evaluation_key,
        release_number=published.number,
        sheet=sheet,
        charts=charts(release, primary),
        exposure=in_words(ledger, published.submission_id),
    )
    hour = published.published
    return Document(
        title=f"Evaluation of {release.model} by {release.team}",
        lede=f"Benchmark {release.benchmark}. Released {hour:%Y-%m-%d %H:00} UTC.",
        running=f"{release.model}, {release.team}",
        identity=f"{release.benchmark}, submission {release.submission_id}",
        foot=f"Release {digest_of(published.document)[:16]}",
        date=hour,
        keywords=(release.benchmark, release.submission_id, release.digest),
        parts=parts(contents),
        attachments=tuple(_attachments(release, published, signed, sheet)),
    )


def _attachments(
    release: Release,
    published: PublishedRelease,
    signed: Signed | None,
    sheet: FactSheet | None,
) -> Iterator[Attachment]:
    """The files that ride inside: the release, its signature, the fact sheet, the model card."""
    yield Attachment(
        name=RELEASE_FILE,
        text=published.document,
        description="The released figures, as the ledger keeps them",
        media_type="application/json",
        relationship="source",
    )
    if signed is not None:
        yield Attachment(
            name=SIGNED_FILE,
            text=signed.to_json(),
            description="The release with its signature, for sequestra verify-release",
            media_type="application/json",
            relationship="source",
        )
    if sheet is not None:
        yield Attachment(
            name=FACT_SHEET_FILE,
            text=sheet.to_json(),
            description="What the team says of its model",
            media_type="application/json",
            relationship="supplement",
        )
    yield Attachment(
        name=MODEL_CARD,
        text=model_card(release, published.published, sheet),
        description="CHAI Applied Model Card, schema v0.2",
        media_type="application/xml",
        relationship="alternative",
    )


def _kept(place: Path, record: Path, published: PublishedRelease, signed: Signed) -> Filed:
    facts = json.loads(record.read_text(encoding="utf-8"))
    try:
        pdf = place.read_bytes()
    except OSError as error:
        raise FilingError(
            f"{place} cannot be read ({error.strerror}); expected the PDF that was filed: restore "
            f"it from a backup"
        ) from error
    digest = hashlib.sha256(pdf).hexdigest()
    expected = (facts["sha256"], facts["document_sha256"], facts["signature"])
    if (digest, digest_of(published.document), signed.encoded) != expected:
        raise FilingError(
            f"{place} is not the PDF that was filed (SHA-256 {digest:.16}, expected "
            f"{facts['sha256']:.16}); restore it from a backup, or remove it with {record.name} to "
            f"file the report again"
        )
    return Filed(pdf, digest, kept=True, tools=facts["tools"])
