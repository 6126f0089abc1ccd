"""Two hundred submitters at once, 5,000 requests: none lost, none doubled, and how long each waits.

    python -m perf.service_load [--submitters 200] [--requests 25]

Each submitter enters two submissions (create an upload, send it, enter it) and reads in between.
Among these requests, from the same clients in the same run, are two bare routes of the same server:
one reads one row, one commits one row to disk. They say what a read and a write cost under this
load.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import hashlib
import json
import os
import random
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from perf.served import ONE_COMMIT, ONE_SELECT, Process, Submitter, served, submitters
from submissions.drop import Drop
from submissions.ledger.ledger import Ledger

ENTRIES = 2
_TUS = {"Tus-Resumable": "1.0.0"}


@dataclass
class Seen:
    """What all clients saw: seconds by route, statuses, and what was entered."""

    seconds: dict[str, list[float]] = field(default_factory=dict)
    statuses: Counter[tuple[str, int]] = field(default_factory=Counter)
    entered: dict[str, str] = field(default_factory=dict)
    lost: int = 0


def main() -> None:
    """Run once and print a table."""
    parser = argparse.ArgumentParser(prog="python -m perf.service_load", description=__doc__)
    parser.add_argument("--submitters", type=int, default=200)
    parser.add_argument("--requests", type=int, default=25, help="of each submitter")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        people = submitters(folder, options.submitters)
        with served(folder) as process:
            seen = Seen()
            began = time.perf_counter()
            asyncio.run(_all(process, people, seen, options.requests))
            took = time.perf_counter() - began
        _print(seen, took, folder)


async def _all(process: Process, people: list[Submitter], seen: Seen, n: int) -> None:
    begin = asyncio.Event()
    clients = [_Client(process.port, person, seen) for person in people]
    work = [
        asyncio.create_task(client.work(number, n, begin)) for number, client in enumerate(clients)
    ]
    await asyncio.sleep(1)
    begin.set()
    await asyncio.gather(*work)


class _Client:
    """One submitter on one connection that stays open."""

    def __init__(self, port: int, person: Submitter, seen: Seen) -> None:
        self._port = port
        self._person = person
        self._seen = seen

    async def work(self, number: int, n: int, begin: asyncio.Event) -> None:
        """Make ``n`` requests, in an order of this submitter's own."""
        self._in, self._out = await asyncio.open_connection("127.0.0.1", self._port)
        await begin.wait()
        # An entry is three requests; the rest are reads and the two bare routes, in equal parts.
        rest = n - 3 * ENTRIES
        plan = ["enter"] * ENTRIES + [
            ("read", "read", "select", "commit")[turn % 4] for turn in range(rest)
        ]
        random.Random(number).shuffle(plan)
        reads = ["me", "quota", "list", "benchmarks"]
        self._last: str | None = None
        for turn, step in enumerate(plan):
            if step == "enter":
                await self._enter()
            elif step == "select":
                await self._ask("one SELECT", "GET", ONE_SELECT)
            elif step == "commit":
                await self._ask("one commit", "POST", ONE_COMMIT)
            else:
                await self._read(reads[(number + turn) % len(reads)])
        self._out.close()

    async def _read(self, what: str) -> None:
        team = self._person.team
        if what == "list" and self._last is not None:
            await self._ask("read: submission", "GET", f"/api/v1/submissions/{self._last}")
        elif what == "list":
            await self._ask("read: submissions", "GET", f"/api/v1/submissions?team={team}")
        elif what == "quota":
            await self._ask("read: quota", "GET", f"/api/v1/quota?benchmark=chest&team={team}")
        elif what == "me":
            await self._ask("read: me", "GET", "/api/v1/me")
        else:
            await self._ask("read: benchmarks", "GET", "/api/v1/benchmarks")

    async def _enter(self) -> None:
        content = os.urandom(20_000)
        sha256 = hashlib.sha256(content).hexdigest()
        team = base64.b64encode(self._person.team.encode()).decode()
        told = {
            **_TUS,
            "Upload-Length": str(len(content)),
            "Upload-Metadata": f"benchmark Y2hlc3Q=,team {team}",
        }
        created = await self._ask("write: create upload", "POST", "/api/v1/uploads", told)
        upload_id = json.loads(created)["upload_id"]
        told = {
            **_TUS,
            "Upload-Offset": "0",
            "Content-Type": "application/offset+octet-stream",
        }
        path = f"/api/v1/uploads/{upload_id}"
        await self._ask("write: send and verify", "PATCH", path, told, content)
        asked = {"benchmark": "chest", "team": self._person.team, "model": sha256[:12]}
        body = json.dumps({**asked, "upload_id": upload_id}).encode()
        told = {"Content-Type": "application/json"}
        entered = await self._ask("write: enter", "POST", "/api/v1/submissions", told, body)
        self._last = json.loads(entered)["submission_id"]
        self._seen.entered[self._last] = sha256

    async def _ask(
        self,
        name: str,
        method: str,
        path: str,
        headers: dict[str, str] | None = None,
        body: bytes = b"",
    ) -> bytes:
        lines = {**self._person.headers, **(headers or {}), "Host": "127.0.0.1"}
        lines["Content-Length"] = str(len(body))
        head = f"{method} {path} HTTP/1.1\r\n"
        head += "".join(f"{key}: {text}\r\n" for key, text in lines.items()) + "\r\n"
        began = time.perf_counter()
        self._out.write(head.encode() + body)
        try:
            answer = (await self._in.readuntil(b"\r\n\r\n")).decode()
        except asyncio.IncompleteReadError:
            self._seen.lost += 1
            raise
        length = 0
        for line in answer.lower().split("\r\n"):
            if line.startswith("content-length:"):
                length = int(line.partition(":")[2])
        content = await self._in.readexactly(length)
        status = int(answer.split()[1])
        self._seen.seconds.setdefault(name, []).append(time.perf_counter() - began)
        self._seen.statuses[name, status] += 1
        if status >= 400:
            raise AssertionError(f"{method} {path}: {status} {content[:300]!r}")
        return content


def _print(seen: Seen, took: float, folder: Path) -> None:
    n = sum(map(len, seen.seconds.values()))
    print(f"{n} requests in {took:.1f} s, {n / took:.0f} a second; {seen.lost} without an answer")
    print(f"  {'route':<24}{'n':>6}{'median ms':>11}{'p95 ms':>9}{'times the bare one':>20}")
    for name in sorted(seen.seconds):
        bare = "one commit" if name.startswith("write") else "one SELECT"
        times = "" if name == bare else f"{_p95(seen, [name]) / _p95(seen, [bare]):.1f}"
        print(
            f"  {name:<24}{len(seen.seconds[name]):>6}{1000 * _at(seen.seconds[name], 0.5):>11.0f}"
            f"{1000 * _p95(seen, [name]):>9.0f}{times:>20}"
        )
    for kind, bare in (("read", "one SELECT"), ("write", "one commit")):
        names = [name for name in seen.seconds if name.startswith(kind)]
        ratio = _p95(seen, names) / _p95(seen, [bare])
        print(f"  p95 of all {kind}s: {1000 * _p95(seen, names):.0f} ms, {ratio:.1f} of {bare}")
    print(f"  statuses: {dict(sorted(Counter(s for _, s in seen.statuses.elements()).items()))}")
    ledger = Ledger(f"sqlite:///{folder}/public/ledger.sqlite")
    rows = {each.submission_id: each.image_digest for each in ledger.submissions()}
    expected = {key: f"archive:{sha256}" for key, sha256 in seen.entered.items()}
    archives = list((folder / "drop" / "archives").glob("*/*"))
    right = sum(hashlib.sha256(path.read_bytes()).hexdigest() == path.name for path in archives)
    print(
        f"  entered {len(expected)}; in the ledger {len(rows)}, as entered {rows == expected}; "
        f"different archives {len(set(rows.values()))}, digests right {right}; "
        f"left in the drop folder {len(Drop(folder / 'drop').arriving())}; "
        f"faults of the audit chain {len(ledger.chain.problems())}"
    )
    ledger.close()


def _p95(seen: Seen, names: list[str]) -> float:
    return _at([each for name in names for each in seen.seconds[name]], 0.95)


def _at(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


if __name__ == "__main__":
    main()
