"""A file system of a few megabytes, in memory, to be filled."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def small_file_system(folder: Path, megabytes: int) -> Iterator[Path]:
    """Mount one on a new folder."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small file system to fill")
    folder.mkdir()
    size = f"size={megabytes}m"
    subprocess.run(["mount", "-t", "tmpfs", "-o", size, "tmpfs", folder], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def fill(folder: Path, *, but: int = 0) -> Path:
    """Leave no byte free on a file system, or so many, in whole pages."""
    path = folder / "filling"
    with path.open("wb", buffering=0) as written:
        for size in (1 << 20, 1 << 12, 1):
            try:
                while written.write(bytes(size)):
                    pass
            except OSError:
                continue
        written.truncate(max(0, path.stat().st_size - but))
    return path
