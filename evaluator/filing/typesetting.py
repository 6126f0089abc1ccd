"""Sets a report as PDF/A-3a and PDF/UA-1 at once; the one home of typst and pikepdf."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from evaluator.filing.blocks import Attachment, Block
from evaluator.filing.letters import printable

TEMPLATE = Path(__file__).parent / "report.typ"


class FilingError(ValueError):
    """A report cannot be set, or a filed one is not as it was filed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """What a filed report holds; ``date`` (to the hour) is that of the release."""

    title: str
    lede: str
    running: str
    identity: str
    foot: str
    date: datetime
    keywords: tuple[str, ...]
    parts: Sequence[Block]
    attachments: tuple[Attachment, ...]


def tools() -> str:
    """The programs that set the PDF, with their versions: another version writes other bytes."""
    return f"typst {version('typst')}, pikepdf {version('pikepdf')}"


def typeset(document: Document) -> bytes:
    """Set a report as PDF; the same document gives the same bytes under the same :func:`tools`.

    Raises FilingError where the typesetter refuses it.
    """
    import typst  # slow, and only for what files a report

    at = document.date.astimezone(UTC)
    report = {
        "title": printable(document.title),
        "author": "Sequestra",
        "keywords": [printable(each) for each in document.keywords],
        "date": [at.year, at.month, at.day, at.hour],
        "lede": printable(document.lede),
        "running": printable(document.running),
        "identity": printable(document.identity),
        "foot": printable(document.foot),
        "parts": list(document.parts),
        "attachments": [asdict(each) for each in document.attachments],
    }
    try:
        compiler = typst.Compiler(TEMPLATE.read_bytes(), ignore_system_fonts=True)
        written = compiler.compile(
            format="pdf",
            sys_inputs={"report": json.dumps(report)},
            pdf_standards=["a-3a", "ua-1"],
            timestamp=int(at.timestamp()),
        )
    except typst.TypstError as error:
        raise FilingError(
            f"the report cannot be set as PDF ({' '.join(str(error).split())[:200]}); expected "
            f"texts and charts that typst takes: report this to the makers of Sequestra, and use "
            f"the HTML report meanwhile"
        ) from error
    assert isinstance(written, bytes)
    return _packed(written)


def attached(pdf: bytes) -> dict[str, bytes]:
    """The files inside a PDF by their names, as bytes."""
    import pikepdf

    with pikepdf.open(io.BytesIO(pdf)) as opened:
        return {
            name: opened.attachments[name].get_file().read_bytes() for name in opened.attachments
        }


def _packed(pdf: bytes) -> bytes:
    """The PDF with its objects packed, and an identity that follows from its content alone."""
    import pikepdf

    packed = io.BytesIO()
    with pikepdf.open(io.BytesIO(pdf)) as opened:
        opened.save(
            packed,
            object_stream_mode=pikepdf.ObjectStreamMode.generate,
            compress_streams=True,
            recompress_flate=True,
            deterministic_id=True,
        )
    return packed.getvalue()
