"""Uploads beside a bare copy through the same server; memory of many at once; kills.

    python -m perf.uploads [speed] [memory] [kills] [--megabytes 1024] [--rounds 3] [--folder F]

The bare copy writes what comes to a file: no right, no digest, no flush to disk, no offset. The
copy with a digest is the least that a server can do which keeps and verifies: SHA-256, one flush.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import os
import signal
import socket
import statistics
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from unittest.mock import patch

import httpx

from perf.served import DIGESTED, PLAIN, Process, Submitter, served, submitters
from submissions.client.client import Client
from submissions.drop import Drop

MIB = 2**20
TUS = {"Tus-Resumable": "1.0.0", "Content-Type": "application/offset+octet-stream"}


def main() -> None:
    """Run the measurements named, or all of them."""
    parser = argparse.ArgumentParser(prog="python -m perf.uploads", description=__doc__)
    parser.add_argument("parts", nargs="*", help="of speed, memory, kills; none named: all")
    parser.add_argument("--megabytes", type=int, default=1024, help="of one archive")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", type=Path, help="where the archives lie meanwhile")
    options = parser.parse_args()
    parts = {"speed": speed, "memory": memory, "kills": kills}
    for name in options.parts or parts:
        with tempfile.TemporaryDirectory(dir=options.folder) as folder:
            people = submitters(Path(folder), 1)
            with served(Path(folder)) as process:
                parts[name](process, people[0], Path(folder), options.megabytes, options.rounds)


def speed(process: Process, person: Submitter, folder: Path, size: int, rounds: int) -> None:
    """One archive in one PATCH, in pieces of 32 MiB, by the client, and as copies, in turn."""
    archive = _file(folder, size)
    ways = {
        "bare copy": lambda: _send(process, "PUT", PLAIN, person.headers, archive, 0, size * MIB),
        "copy with a digest": lambda: _send(
            process, "PUT", DIGESTED, person.headers, archive, 0, size * MIB
        ),
        "upload, one PATCH": lambda: _upload(process, person, archive, size * MIB),
        "upload, pieces of 32 MiB": lambda: _upload(process, person, archive, 32 * MIB),
        "upload by the client": lambda: _by_client(process, person, archive),
    }
    took: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    for turn in range(rounds + 1):
        for name, way in ways.items():
            os.sync()
            wall, cpu = time.perf_counter(), process.cpu_seconds()
            way()
            if turn:  # the first warms up
                took[name].append((time.perf_counter() - wall, process.cpu_seconds() - cpu))
            _clear(folder)
    for name, each in took.items():
        walls = [wall for wall, _ in each]
        wall, cpu = statistics.median(walls), statistics.median(cpu for _, cpu in each)
        told = ""
        for base in ("bare copy", "copy with a digest"):
            clock, processor = (_ratio(took[base], each, which) for which in (0, 1))
            told += f"  {clock:.2f} ({processor:.2f} by CPU) of a {base}"
        print(
            f"{name:<26} {size / wall:7.0f} MiB/s  {wall:6.2f} s ({min(walls):.2f} to "
            f"{max(walls):.2f})  server's CPU {cpu:5.2f} s{told}"
        )


def _ratio(base: list[tuple[float, float]], other: list[tuple[float, float]], which: int) -> float:
    """The median ratio of the speeds in the same turn: by the clock (0), by CPU time (1)."""
    return statistics.median(a[which] / b[which] for a, b in zip(base, other, strict=True))


def memory(process: Process, person: Submitter, folder: Path, size: int, rounds: int) -> None:
    """Ten archives at once, in one PATCH each."""
    archive = _file(folder, size, sparse=True)
    _upload(process, person, _file(folder, 8), 8 * MIB)  # what a first upload loads stays
    time.sleep(1)
    idle = process.megabytes()
    process.forget_peak()
    began = time.perf_counter()
    with ThreadPoolExecutor(10) as pool:
        list(pool.map(lambda _: _upload(process, person, archive, size * MIB), range(10)))
    wall, peak = time.perf_counter() - began, process.peak_megabytes()
    print(
        f"ten uploads of {size} MiB at once: {wall:.0f} s, peak {peak:.0f} MB, idle {idle:.0f} MB, "
        f"{peak - idle:.0f} MB more"
    )


def kills(process: Process, person: Submitter, folder: Path, size: int, rounds: int) -> None:
    """Twenty different archives at once under a server that is killed again and again."""
    files = [_file(folder, max(1, size // 20), name=str(number)) for number in range(20)]
    digests = [hashlib.sha256(file.read_bytes()).hexdigest() for file in files]
    done = threading.Event()

    def killing() -> int:
        n = 0
        while n < 10 and not done.wait(timeout=2):
            process.end(signal.SIGKILL)
            process.start()
            n += 1
        return n

    def upload(file: Path) -> int:
        breaks, place, length = 0, None, file.stat().st_size
        while True:
            with suppress(OSError, httpx.TransportError, Broken):
                place = place or _create(process, person, length)
                at = _offset(process, person, place)
                if at == length:
                    return breaks
                _send(process, "PATCH", place, person.headers, file, at, length - at)
                continue
            breaks += 1

    with ThreadPoolExecutor(21) as pool:
        killer = pool.submit(killing)
        broken = sum(pool.map(upload, files))
        done.set()
    names = {path.name for path in (folder / "drop" / "archives").glob("*/*")}
    right = sum(
        name in digests and hashlib.sha256(path.read_bytes()).hexdigest() == name
        for path in (folder / "drop" / "archives").glob("*/*")
        for name in (path.name,)
    )
    print(
        f"twenty uploads of {max(1, size // 20)} MiB, {killer.result()} kills, {broken} broken "
        f"requests: {len(names & set(digests))} of 20 arrived, {right} digests right, "
        f"{len(Drop(folder / 'drop').arriving())} files left over"
    )


class Broken(Exception):
    """The server was gone before it answered, or refused for the moment."""


def _upload(process: Process, person: Submitter, archive: Path, chunk: int) -> None:
    length = archive.stat().st_size
    place = _create(process, person, length)
    for at in range(0, length, chunk):
        _send(process, "PATCH", place, person.headers, archive, at, min(chunk, length - at))


def _by_client(process: Process, person: Submitter, archive: Path) -> None:
    """As `sequestra submit` sends it: its digest first, and one for each chunk."""
    token = person.headers["Authorization"].removeprefix("Bearer ")
    with (
        tempfile.TemporaryDirectory() as state,
        patch.dict(os.environ, XDG_STATE_HOME=state),
        Client(process.url, token) as client,
    ):
        client.upload(archive, benchmark="chest", team=person.team)


def _create(process: Process, person: Submitter, length: int) -> str:
    team = base64.b64encode(person.team.encode()).decode()
    headers = {
        **person.headers,
        "Tus-Resumable": "1.0.0",
        "Upload-Length": str(length),
        "Upload-Metadata": f"benchmark Y2hlc3Q=,team {team}",
    }
    answer = httpx.post(f"{process.url}/api/v1/uploads", headers=headers, timeout=60)
    if answer.status_code != 201:
        raise Broken(answer.text)
    return answer.headers["location"]


def _offset(process: Process, person: Submitter, place: str) -> int:
    headers = {**person.headers, "Tus-Resumable": "1.0.0"}
    while True:
        answer = httpx.head(f"{process.url}{place}", headers=headers, timeout=60)
        if answer.status_code == 200:
            return int(answer.headers["upload-offset"])
        assert answer.status_code == 423, answer.status_code
        time.sleep(0.2)


def _send(
    process: Process,
    method: str,
    path: str,
    headers: dict[str, str],
    file: Path,
    at: int,
    length: int,
) -> None:
    """Send a part of a file by the kernel: the sender costs next to nothing."""
    lines = {
        **TUS,
        **headers,
        "Host": "127.0.0.1",
        "Upload-Offset": str(at),
        "Content-Length": str(length),
        "Connection": "close",
    }
    head = f"{method} {path} HTTP/1.1\r\n"
    head += "".join(f"{name}: {text}\r\n" for name, text in lines.items()) + "\r\n"
    with socket.create_connection(("127.0.0.1", process.port), timeout=120) as out:
        out.sendall(head.encode())
        with file.open("rb") as source:
            out.sendfile(source, at, length)
        answer = out.recv(65_536)
    if not answer.startswith(b"HTTP/1.1 204"):
        raise Broken(answer[:300])


def _file(folder: Path, megabytes: int, *, sparse: bool = False, name: str = "archive") -> Path:
    path = folder / f"{name}-{megabytes}.tar"
    with path.open("wb") as file:
        if sparse:
            file.truncate(megabytes * MIB)
        else:
            for _ in range(megabytes):
                file.write(os.urandom(MIB))
    return path


def _clear(folder: Path) -> None:
    for path in (folder / "drop" / "archives").glob("*/*"):
        path.unlink()


if __name__ == "__main__":
    main()
