"""Fetches the practice cases of a benchmark, and keeps them by their digest."""

from __future__ import annotations

import fcntl
import re
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from submissions.client.connection import Connection, part
from submissions.client.problems import ClientError
from submissions.client.upload import Progress
from submissions.practice_archive import TABLE, PracticeArchiveError, is_whole, unpack

_FETCHING = ".fetching-"


def fetched(
    connection: Connection, offered: Mapping[str, Any], folder: Path, progress: Progress
) -> Path:
    """The list of practice cases below ``folder``, fetched unless they are there already.

    ``offered`` is the server's document on the benchmark. Raises ClientError where it has no
    practice cases, and where what came is not what was announced.
    """
    digest, size = _announced(connection.address, offered)
    cached = folder / digest
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if is_whole(cached):
            return cached / TABLE
        for left in folder.glob(f"{_FETCHING}*"):
            shutil.rmtree(left, ignore_errors=True)
        with tempfile.TemporaryDirectory(prefix=_FETCHING, dir=folder) as new:
            archive, cases = Path(new) / "practice.tar", Path(new) / "cases"
            place = f"/benchmarks/{part(str(offered.get('name')))}/practice"
            with archive.open("wb") as file:
                received = connection.download(place, file, size, progress)
            if received != digest:
                raise ClientError(
                    f"the practice cases from {connection.address} have the digest {received}, "
                    f"where the server announced {digest}; run the command again, and tell the "
                    "steward if it happens twice"
                )
            cases.mkdir()
            try:
                unpack(archive, cases)
            except PracticeArchiveError as error:
                raise ClientError(
                    f"the practice cases from {connection.address} were not taken, since {error}; "
                    "tell the steward"
                ) from error
            shutil.rmtree(cached, ignore_errors=True)
            cases.rename(cached)
    return cached / TABLE


def _announced(address: str, offered: Mapping[str, Any]) -> tuple[str, int]:
    """The digest and the size in bytes that the server tells."""
    archive = offered.get("practice_archive")
    if archive is None:
        raise ClientError(
            f"{address} has no practice cases for {offered.get('name')!r}; give a list of open "
            "cases with --open"
        )
    digest = archive.get("sha256") if isinstance(archive, dict) else None
    size = archive.get("size") if isinstance(archive, dict) else None
    known = isinstance(digest, str) and re.fullmatch("[0-9a-f]{64}", digest)
    if not known or not isinstance(size, int):
        raise ClientError(
            f"{address} told of practice cases without their digest and size; it may be of another "
            "version: update sequestra"
        )
    return str(digest), size
