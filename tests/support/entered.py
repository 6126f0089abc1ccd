"""Enters what a team would send: an archive in the drop folder, through the ledger alone."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

from evaluator.stores.installation import Installation
from submissions.receiving import ArchiveInDrop, Entry, receive
from submissions.submission import State
from tests.support.installation import Installed

TEAM_ID = "0123456789ab"


def dropped(installed: Installed, archive: Path) -> ArchiveInDrop:
    """Lay an archive into the drop folder where a whole upload ends."""
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    folder = Installation(installed.home).drop / "archives" / TEAM_ID
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(archive, folder / digest)
    return ArchiveInDrop(TEAM_ID, digest)


def enter(
    installed: Installed,
    benchmark: str,
    model: str,
    *,
    archive: Path | None = None,
    reference: str | None = None,
    image_digest: str | None = None,
    team: str = "A team",
) -> str:
    """Enter an image as the service does; the id of the submission, which is received."""
    found = Installation(installed.home).benchmark(benchmark)
    entry = Entry(
        team=team,
        model=model,
        benchmark=benchmark,
        archive=None if archive is None else dropped(installed, archive),
        reference=reference,
        image_digest=image_digest,
    )
    received = receive(installed.ledger, entry=entry, quota=found.quota)
    assert received.state is State.RECEIVED
    return received.submission_id


def in_drop(installed: Installed) -> list[str]:
    """The archives that lie in the drop folder."""
    folder = Installation(installed.home).drop / "archives" / TEAM_ID
    return sorted(path.name for path in folder.glob("*"))


def states(installed: Installed, submission: str) -> list[str]:
    """Every state that a submission reached, in order."""
    return [state.value for state, _ in installed.ledger.history(submission)]


def practice(installed: Installed, submission: str) -> dict[str, Any]:
    """What the dry run of a submission brought."""
    document = installed.ledger.practice(submission)
    assert document is not None
    return dict(json.loads(document))
