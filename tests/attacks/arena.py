"""Runs one attack as a submission on the real engine, and watches it from the host."""

from __future__ import annotations

import secrets
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from cohort_selection.cases import BlindedCase
from evaluator.sandbox.engine import LABEL, Engine
from evaluator.sandbox.limits import USER_IDS
from evaluator.sandbox.staging import Staged, stage
from submissions.contract import Contract
from submissions.host.base_image import docker
from submissions.predictions import Predictions, read_predictions
from submissions.submission import ContractBroken, Failure
from tests.attacks.catalogue import Attack
from tests.support.engine import build_image

N_CASES = 5
CASE_IDS = tuple(f"case{index}" for index in range(N_CASES))
VOLUMES_GO_WITHIN = 60.0
"""Seconds; another test at the same time may keep a volume for a while."""


@dataclass(slots=True)
class Seen:
    """What an attack did, as seen from the host and from its own log."""

    failure: Failure | None = None
    predictions: Predictions | None = None
    detail: str = ""
    log: str = ""
    seconds: float = 0.0
    canary_hits: int = 0
    disk_bytes: int = 0
    left_behind: list[str] = field(default_factory=list)
    marker: str = ""

    @property
    def outcome(self) -> str:
        """The failure code, or "ended well"."""
        return self.failure.value if self.failure else "ended well"


class Canary:
    """Listens on TCP and UDP on every address of the host, and counts who gets through."""

    def __init__(self) -> None:
        self.hits = 0
        self.tcp = socket.create_server(("0.0.0.0", 0))
        self.port: int = self.tcp.getsockname()[1]
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.bind(("0.0.0.0", self.port))
        for sock in (self.tcp, self.udp):
            sock.settimeout(0.1)
        self.open = True
        self.threads = [
            threading.Thread(target=self._listen, args=(sock,)) for sock in (self.tcp, self.udp)
        ]
        for thread in self.threads:
            thread.start()

    def _listen(self, sock: socket.socket) -> None:
        while self.open:
            try:
                if sock is self.tcp:
                    sock.accept()[0].close()
                else:
                    sock.recvfrom(64)
            except TimeoutError:
                continue
            self.hits += 1

    def close(self) -> None:
        self.open = False
        for thread in self.threads:
            thread.join()
        self.tcp.close()
        self.udp.close()


@contextmanager
def canary() -> Iterator[Canary]:
    """A canary that is known to sing: it is reached from the host first."""
    bird = Canary()
    try:
        socket.create_connection(("127.0.0.1", bird.port), timeout=5).close()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.sendto(b"x", ("127.0.0.1", bird.port))
        deadline = time.monotonic() + 5
        while bird.hits < 2 and time.monotonic() < deadline:
            time.sleep(0.02)
        if bird.hits != 2:
            raise AssertionError("the canary is deaf: the network attacks would prove nothing")
        bird.hits = 0
        yield bird
    finally:
        bird.close()


def host_addresses() -> list[str]:
    """Addresses under which the host may be reached: loopback, its interfaces, the bridge."""
    found = ["127.0.0.1", "172.17.0.1", "10.88.0.1", "169.254.169.254"]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        try:
            sock.connect(("192.0.2.1", 9))
            found.append(str(sock.getsockname()[0]))
        except OSError:
            pass  # a machine without a route
    return found


def stage_cases(root: Path, contract: Contract) -> tuple[list[BlindedCase], Path]:
    """A few cases whose files are a kilobyte each, and the folder to stage them under."""
    sealed = root / "sealed"
    sealed.mkdir(parents=True)
    cases = []
    for case_id in CASE_IDS:
        file = sealed / f"{secrets.token_hex(4)}.dcm"
        file.write_bytes(secrets.token_bytes(1024))
        cases.append(BlindedCase(case_id, (file,), {}))
    return cases, root / "staging"


def run_attack(attack: Attack, engine: Engine, base: str, root: Path) -> Seen:
    """Build the attack's image and put it through the path that every submission takes."""
    seen = Seen(marker=secrets.token_hex(16))
    cases, staging = stage_cases(root, attack.contract)
    (root / "labels.csv").write_text(f"case0,{seen.marker}\n", encoding="utf-8")
    submission_id = f"attack-{secrets.token_hex(6)}"
    volumes = volumes_of(engine)
    with canary() as bird, stage(cases, attack.contract, staging) as neighbour:
        neighbour.predictions.write_text(seen.marker, encoding="utf-8")
        script = (
            attack.script.replace("@PORT@", str(bird.port))
            .replace("@HOSTS@", repr(host_addresses()))
            .replace("@REVERSED@", seen.marker[::-1])
        )
        digest = build_image(base, script, attack.dockerfile, attack.extra)
        began = time.monotonic()
        try:
            with (
                stage(cases, attack.contract, staging) as staged,
                _watch(engine, submission_id, staged, seen),
            ):
                outcome = engine.run(digest, staged, attack.contract, submission_id=submission_id)
                seen.log = outcome.log_tail
                seen.predictions = read_predictions(staged.predictions, CASE_IDS, attack.contract)
        except ContractBroken as broken:
            seen.failure, seen.detail = broken.failure, broken.detail
            seen.log = seen.log or broken.log_tail
        seen.seconds = time.monotonic() - began
        time.sleep(0.05)
        seen.canary_hits = bird.hits
        if neighbour.predictions.read_text(encoding="utf-8") != seen.marker:
            seen.left_behind.append("wrote into another run's predictions")
    seen.left_behind += _left(engine, submission_id, staging, volumes)
    if script != attack.script:  # no other run will have this port or marker
        docker("image", "rm", digest)
    return seen


def breaches(attack: Attack, seen: Seen) -> list[str]:
    """Everything that must not have happened and did; empty when the sandbox held."""
    found = [line for line in seen.log.splitlines() if line.startswith("BREACH")]
    found += seen.left_behind
    if seen.canary_hits:
        found.append(f"reached the canary {seen.canary_hits} times")
    if seen.marker in seen.log:
        found.append("read a label or another run")
    bound = max(attack.contract.output_bytes, attack.contract.tmp_mb * 2**20)
    if seen.disk_bytes > bound + 2 * attack.contract.log_kb * 1024 + 2**20:
        found.append(f"used {seen.disk_bytes} bytes of the host's disk")
    if seen.seconds > attack.contract.seconds(N_CASES) + 15:
        found.append(f"took {seen.seconds:.0f} s")
    return found


@contextmanager
def _watch(engine: Engine, submission_id: str, staged: Staged, seen: Seen) -> Iterator[None]:
    """Keep the largest use of the host's disk: output, log and the container's own layer."""
    over = threading.Event()
    watching = Engine.connect()  # a connection of its own: the other is busy waiting

    def look() -> None:
        while not over.wait(0.1):
            used = staged.predictions.stat().st_blocks * 512
            for container in watching.client.containers.list(
                filters={"label": f"{LABEL}={submission_id}"}, ignore_removed=True
            ):
                layer = (container.attrs.get("GraphDriver") or {}).get("Data") or {}
                used += _size(container.attrs.get("LogPath") or "")
                used += _size(layer.get("UpperDir") or "")
            seen.disk_bytes = max(seen.disk_bytes, used)

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()
        watching.client.close()


def _size(path: str) -> int:
    """Blocks of a file or of a folder's files, where we may look and it is still there."""
    if not path:
        return 0
    total = 0
    try:
        found = [Path(path), *Path(path).rglob("*")] if Path(path).is_dir() else [Path(path)]
        for file in found:
            total += file.lstat().st_blocks * 512
    except OSError:
        return total
    return total


def volumes_of(engine: Engine) -> set[str]:
    """Names of the engine's volumes, those without a name of their own too."""
    return {str(volume.name) for volume in engine.client.volumes.list()}


def _left(engine: Engine, submission_id: str, staging: Path, volumes: set[str]) -> list[str]:
    found = []
    containers = engine.client.containers.list(
        all=True, filters={"label": f"{LABEL}={submission_id}"}
    )
    if containers:
        found.append("its container is still there")
    if list(staging.glob("run-*")):
        found.append("its staging folder is still there")
    deadline = time.monotonic() + 5
    while (alive := _processes(staging)) and time.monotonic() < deadline:
        time.sleep(0.1)
    if alive:
        found.append(f"processes {alive} of the container's user are alive on the host")
    deadline = time.monotonic() + VOLUMES_GO_WITHIN
    while (more := volumes_of(engine) - volumes) and time.monotonic() < deadline:
        time.sleep(0.1)
    if more:
        found.append(f"volumes {sorted(more)} are still there")
    return found


def _processes(staging: Path) -> list[str]:
    """Processes on the host that were started over this staging folder, by number and name."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            mounts = (process / "mountinfo").read_text(encoding="utf-8")
            if process.stat().st_uid in USER_IDS and str(staging) in mounts:
                found.append(f"{process.name} {(process / 'comm').read_text().strip()}")
        except OSError:
            continue
    return found


def expected(attack: Attack, engine: Engine) -> Failure | None:
    """How the attack must end on this engine."""
    return attack.on_podman if engine.connection.podman and attack.on_podman else attack.expected
