"""Where the public store keeps the cards of cohorts."""

from __future__ import annotations

from pathlib import Path

from evaluator.stores.installation import Installation


def card_file(installation: Installation, benchmark: str) -> Path:
    """The card that everybody may read; not there for cohorts that a former build sealed."""
    return installation.root.resolve() / "public" / "cards" / f"{benchmark}.json"
