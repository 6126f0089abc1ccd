"""Enters images on a server and follows submissions there."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from evaluator.entering import benchmark_file, remote
from evaluator.entering.place import Entry
from evaluator.screen import console
from submissions.client import saved_image, upload
from submissions.client.client import Client
from submissions.client.problems import ClientError, Refused
from submissions.submission import State

FAILED = (State.FAILED.value, State.REFUSED.value, State.REJECTED.value)


def submit(client: Client, entry: Entry) -> None:
    """Show what is left, check the image here, send what the server lacks, and enter it.

    Raises ClientError, ContractBroken, EngineUnavailable.
    """
    from evaluator.benchmark.specification import read_contract_alone
    from submissions.fact_sheet import read_fact_sheet

    team = remote.team_of(client, entry.team)
    sheet = None
    if entry.fact_sheet is not None:
        sheet = read_fact_sheet(entry.fact_sheet).model_dump(mode="json")
    with tempfile.TemporaryDirectory() as folder:
        file = benchmark_file.fetched(client, entry.benchmark, Path(folder))
        contract = read_contract_alone(file)
    looks = client.quota(entry.benchmark, team)
    console.print(f"{team}, {entry.benchmark}: {remote.looks(looks)}")
    if looks.remaining < 1 and not looks.held:
        raise ClientError(f"nothing was sent, since {remote.looks(looks)}")
    members: dict[str, Any] = {
        "team": team, "model": entry.model, "threshold": entry.threshold, "fact_sheet": sheet
    }  # fmt: skip
    if saved_image.is_reference(entry.image):
        entered = client.submit(entry.benchmark, reference=entry.image, **members)
    else:
        with saved_image.archive_of(entry.image) as archive:
            remote.lint(archive, contract)
            with remote.bar("reading") as moved:
                known = upload.digest(archive, moved)
            resumed = client.is_under_way(entry.benchmark, team, known)
            if looks.remaining < 1 and not resumed:
                raise ClientError(f"nothing was sent, since {remote.looks(looks)}")
            if resumed:
                console.print("an earlier command began this upload; it goes on")
            with remote.bar("sending") as moved:
                entered = client.submit_archive(
                    archive, benchmark=entry.benchmark, known=known, progress=moved, **members
                )
    console.print(remote.line(entered))
    console.print(f"follow it with `sequestra status {entered.get('submission_id')} --watch`")


def status(client: Client, submission_id: str | None, every: float | None) -> bool:
    """Print submissions; with ``every`` (seconds), one until its end. False if it failed."""
    if submission_id is None:
        for submission in client.submissions():
            console.print(remote.line(submission))
        return True
    last = client.status(submission_id)
    console.print(remote.line(last))
    if every is not None:
        for now in client.watch(submission_id, every=every, known=last):
            console.print(remote.line(now))
            last = now
    console.print(remote.details(last))
    if last.get("practised"):
        _show_practice(client, submission_id)
    return last.get("state") not in FAILED


def _show_practice(client: Client, submission_id: str) -> None:
    """Print the dry run's figures and log; others than the team may not see them."""
    try:
        console.print(remote.practised(client.practice(submission_id)))
    except Refused as refused:
        if refused.status not in (403, 404):
            raise
