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


def version_of(files: Iterable[Path], written: str = "") -> str:
    """Another for other files or other text that is ``made``: no browser keeps a former one."""
    content = b"".join(path.read_bytes() for path in files)
    return hashlib.sha256(content + written.encode()).hexdigest()[:12]
