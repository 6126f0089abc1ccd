"""The service as a researcher's program uses it: ``Client(address, token)``."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from submissions.client import kept_uploads, practice_cases
from submissions.client import upload as uploading
from submissions.client.connection import Connection, part
from submissions.client.kept_uploads import Wanted
from submissions.client.problems import ClientError, Refused, Unreachable
from submissions.client.upload import Hashed, Pace, Progress
from submissions.submission import ENDED, State

SETTLED = frozenset(state.value for state in (*ENDED, State.HELD))
"""States in which a team has nothing more to wait for but a steward."""


@dataclass(frozen=True, slots=True)
class Looks:
    """What a team may still enter for a benchmark.

    ``per_team`` charged submissions in any ``days`` days, ``lifetime`` in all (None: no such
    bound), ``used`` of the former and ``used_ever`` of the latter so far, ``held`` by uploads that
    are not entered yet, ``remaining`` now; ``renews`` is when the next one comes back (an ISO time,
    None: waiting brings none), ``concurrent`` how many may run at once.
    """

    per_team: int
    days: int
    used: int
    remaining: int
    held: int = 0
    used_ever: int = 0
    renews: str | None = None
    lifetime: int | None = None
    concurrent: int | None = None


class Client:
    """One server, with one token.

    Methods raise Unreachable where the server does not answer, Refused where it says no, and
    ClientError for what cannot be asked. Each message is one sentence to show to a user.
    """

    def __init__(
        self,
        address: str,
        token: str | None = None,
        *,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        """Speak to the service at ``address``; nothing is sent yet."""
        self.connection = Connection(address, token, transport=transport)

    def __enter__(self) -> Self:
        """Use the client in a ``with`` block, which closes it."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the connections to the server."""
        self.close()

    def close(self) -> None:
        """Close the connections to the server."""
        self.connection.close()

    def me(self) -> dict[str, Any]:
        """The person behind the token: name, teams, roles, scopes."""
        return _mapping(self.connection.document("GET", "/me"))

    def agreement(self) -> dict[str, Any]:
        """The participation agreement: its version, its text, whether it was accepted."""
        return _mapping(self.connection.document("GET", "/agreement"))

    def accept_agreement(self, version: str) -> None:
        """Accept a version of the agreement; the audit chain records it."""
        self.connection.ask("POST", "/agreement", json={"version": version})

    def benchmarks(self) -> list[dict[str, Any]]:
        """Every benchmark with its limits, quota and dates."""
        return _listed(self.connection.document("GET", "/benchmarks"), "benchmarks")

    def benchmark(self, name: str) -> dict[str, Any]:
        """One benchmark: title, contract, quota, dates."""
        return _mapping(self.connection.document("GET", f"/benchmarks/{part(name)}"))

    def benchmark_file(self, name: str) -> bytes:
        """The benchmark's TOML file, as the steward wrote it."""
        return self.connection.ask("GET", f"/benchmarks/{part(name)}/file").content

    def practice_cases(
        self,
        benchmark: str,
        folder: Path,
        *,
        progress: Progress = lambda done, total: None,
    ) -> Path:
        """The list of a benchmark's practice cases: a CSV table with their files beside it.

        They are kept below ``folder`` by their digest, and fetched once. ``progress`` gets bytes
        done and in all.
        """
        return practice_cases.fetched(self.connection, self.benchmark(benchmark), folder, progress)

    def quota(self, benchmark: str, team: str) -> Looks:
        """How many looks a team has left for a benchmark, and when the next one comes back."""
        document = _mapping(
            self.connection.document("GET", "/quota", params={"benchmark": benchmark, "team": team})
        )
        try:
            return Looks(**{name: document[name] for name in Looks.__slots__ if name in document})
        except TypeError as error:
            raise ClientError(
                f"{self.connection.address} answered a quota without its numbers; it may be of "
                "another version: update sequestra"
            ) from error

    def upload(
        self,
        archive: Path,
        *,
        benchmark: str,
        team: str,
        known: Hashed | None = None,
        progress: Progress = lambda done, total: None,
        pace: Pace | None = None,
    ) -> str:
        """Send an image archive, or what is missing of it; the upload's id.

        An upload that was cut off, also by the end of this program, goes on from the server's
        offset. ``known`` spares reading the file once more. ``progress`` gets bytes done and in
        all. Quota and rights are decided by the server before the first byte.
        """
        known = known or uploading.digest(archive)
        wanted = self._wanted(benchmark, team, known)
        return uploading.send(
            self.connection, archive, wanted, known.size, progress=progress, pace=pace
        )

    def submit(
        self,
        benchmark: str,
        *,
        team: str,
        model: str,
        threshold: float | None = None,
        upload_id: str | None = None,
        sha256: str | None = None,
        reference: str | None = None,
        fact_sheet: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Enter an image: by a finished upload, an archive that the team sent before, or a
        registry reference with digest (give one of the three). The new submission.
        """
        if sum(each is not None for each in (upload_id, sha256, reference)) != 1:
            raise ClientError("give one of upload_id, sha256 and reference")
        members = {
            "benchmark": benchmark,
            "team": team,
            "model": model,
            "threshold": threshold,
            "upload_id": upload_id,
            "sha256": sha256,
            "reference": reference,
            "fact_sheet": None if fact_sheet is None else dict(fact_sheet),
        }
        body = {key: value for key, value in members.items() if value is not None}
        return _mapping(self.connection.document("POST", "/submissions", json=body))

    def submit_archive(
        self,
        archive: Path,
        *,
        benchmark: str,
        team: str,
        model: str,
        threshold: float | None = None,
        fact_sheet: Mapping[str, Any] | None = None,
        known: Hashed | None = None,
        progress: Progress = lambda done, total: None,
        pace: Pace | None = None,
    ) -> dict[str, Any]:
        """Enter an archive, sending it unless the team sent these bytes before."""
        known = known or uploading.digest(archive)
        entry: dict[str, Any] = {
            "team": team, "model": model, "threshold": threshold, "fact_sheet": fact_sheet
        }  # fmt: skip
        if not self.is_under_way(benchmark, team, known) and self.has_archive(known.sha256, team):
            progress(known.size, known.size)
            return self.submit(benchmark, sha256=known.sha256, **entry)
        upload = self.upload(
            archive, benchmark=benchmark, team=team, known=known, progress=progress, pace=pace
        )
        entered = self.submit(benchmark, upload_id=upload, **entry)
        kept_uploads.forget(self._wanted(benchmark, team, known))
        return entered

    def is_under_way(self, benchmark: str, team: str, known: Hashed) -> bool:
        """Whether an upload of this file was begun and holds a look already."""
        return uploading.is_under_way(self.connection, self._wanted(benchmark, team, known))

    def _wanted(self, benchmark: str, team: str, known: Hashed) -> Wanted:
        return Wanted(
            address=self.connection.address, team=team, benchmark=benchmark, sha256=known.sha256
        )

    def has_archive(self, sha256: str, team: str) -> bool:
        """Whether the server has an archive from this team, by its SHA-256 as 64 digits."""
        try:
            self.connection.ask("GET", f"/uploads/by-digest/{part(sha256)}", params={"team": team})
        except Refused as refused:
            if refused.status != 404:
                raise
            return False
        return True

    def submissions(
        self, *, benchmark: str | None = None, team: str | None = None
    ) -> list[dict[str, Any]]:
        """The submissions that this token may see, of one benchmark or team where given."""
        filters = {"benchmark": benchmark, "team": team}
        query = {key: value for key, value in filters.items() if value is not None}
        return _listed(self.connection.document("GET", "/submissions", params=query), "submissions")

    def status(self, submission_id: str) -> dict[str, Any]:
        """One submission: state, failure with meaning and advice, stage times, timeline.

        ``verdict`` says of each declared claim whether it is met; None where nothing was judged.
        """
        return _mapping(self.connection.document("GET", _of(submission_id)))

    def watch(
        self,
        submission_id: str,
        *,
        every: float = 5.0,
        known: Mapping[str, Any] | None = None,
        sleep: Callable[[float], None] = time.sleep,
        patience: int = 120,
    ) -> Iterator[dict[str, Any]]:
        """The submission now and after each change of its state, until it is settled.

        Where it is ``known`` already, it comes after its next change. A server that does not answer
        is asked again, ``patience`` times in a row.
        """
        last, silent = None if known is None else known.get("state"), 0
        while last not in SETTLED:
            try:
                now = self.status(submission_id)
                silent = 0
            except (Unreachable, Refused) as error:
                passing = not isinstance(error, Refused) or error.status in (429, 502, 503, 504)
                silent += 1
                if not passing or silent > patience:
                    raise
                sleep(every)
                continue
            if now.get("state") != last:
                last = now.get("state")
                yield now
            if last not in SETTLED:
                sleep(every)

    def withdraw(self, submission_id: str) -> dict[str, Any]:
        """Withdraw a submission that has no result yet; what became of it."""
        return _mapping(self.connection.document("POST", f"{_of(submission_id)}/withdraw"))

    def release(self, submission_id: str) -> dict[str, Any]:
        """The released figures of a submission."""
        return _mapping(self.connection.document("GET", f"{_of(submission_id)}/release"))

    def signed_release(self, submission_id: str) -> bytes:
        """The release with its signature, as the file that `sequestra verify-release` reads."""
        return self.connection.ask("GET", f"{_of(submission_id)}/release/signed").content

    def report(self, submission_id: str) -> bytes:
        """The report of a released submission: one HTML file that works offline."""
        how = {"headers": {"Accept": "text/html"}}
        return self.connection.ask("GET", f"{_of(submission_id)}/report", **how).content

    def practice(self, submission_id: str) -> dict[str, Any]:
        """Figures and log of the dry run on practice cases; of the own team alone."""
        return _mapping(self.connection.document("GET", f"{_of(submission_id)}/practice"))


def _of(submission_id: str) -> str:
    return f"/submissions/{part(submission_id)}"


def _mapping(document: Any) -> dict[str, Any]:
    if not isinstance(document, dict):
        raise ClientError("the server answered with a list where one document was expected")
    return document


def _listed(document: Any, key: str) -> list[dict[str, Any]]:
    """A list of documents, plain or as the member ``key`` of one."""
    rows = document.get(key) if isinstance(document, dict) else document
    if not isinstance(rows, list) or not all(isinstance(each, dict) for each in rows):
        raise ClientError("the server answered without the list that was asked for")
    return rows
