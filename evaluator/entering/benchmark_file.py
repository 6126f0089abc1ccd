"""Finds a benchmark's file: as it lies, on a server, or in an installation of this machine."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from evaluator import shipped
from evaluator.entering.place import place
from submissions.client.client import Client


@contextmanager
def of(benchmark: str, server: str | None, home: Path | None, default: Path) -> Iterator[Path]:
    """Give the file of a benchmark by path or name; one from a server is gone afterwards.

    Raises ClientError, or the installation's error for a name that it does not know.
    """
    if benchmark.endswith(".toml"):
        yield shipped.resolved(Path(benchmark))
        return
    where = place(server, home, default, anonymous=True)
    if isinstance(where, Path):
        from evaluator.stores.installation import Installation

        yield Installation.existing(where).benchmark(benchmark).path
        return
    with where, tempfile.TemporaryDirectory() as folder:
        yield fetched(where, benchmark, Path(folder))


def fetched(client: Client, benchmark: str, folder: Path) -> Path:
    """Write a benchmark's file from a server into ``folder``; raises ClientError."""
    content = client.benchmark_file(benchmark)
    file = folder / "benchmark.toml"
    file.write_bytes(content)
    return file
