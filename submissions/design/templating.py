"""What the templates of all pages have in common: how they are read, and when a file is another."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined


def templates(*folders: Path) -> Environment:
    """The templates of some folders, with escaping on and undefined names refused."""
    return Environment(
        loader=FileSystemLoader(folders),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def version_of(files: Iterable[Path]) -> str:
    """Changes when one of the files does, so that no browser shows a kept one with a new page."""
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()[:12]
