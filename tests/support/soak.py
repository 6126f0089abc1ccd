"""Kill what works on a queue, at random, and look whether anything was lost: ``make soak``.

``python -m tests.support.soak [KILLS [SEED]]`` works dozens of submissions of good, crashing, slow
and senseless images while dispatchers, workers, containers, engine and tracking server are killed.
"""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from evaluator.setup.engine import ensure_engine
from evaluator.stores.enclave import Event
from submissions.host.base_image import docker, ensure_base_image
from submissions.submission import ENDED, Failure, State
from tests.support.commands import environment
from tests.support.engine import build_image
from tests.support.installation import PATIENCE, Installed, assert_true_state, copied
from tests.support.own_docker import OwnDocker
from tests.support.programs import PROGRAMS, sealed_home
from tests.support.services import Scheduler, Service, TrackingServer, Worker

MIX = ("good", "good", "slow", "crashing", "nan")
PROGRAM_OF = {"good": "honest", "slow": "slow", "crashing": "crashing", "nan": "nan"}
MEANT = {"crashing": Failure.CRASHED, "nan": Failure.PREDICTIONS_OUT_OF_RANGE}
DISPATCHER, WORKER, CONTAINER = "dispatcher", "worker", "container"
SCHEDULER, ENGINE, TRACKING = "scheduler", "engine", "tracking server"
NOTHING = "nothing"


@dataclass(slots=True)
class Soak:
    """What was done to a queue, and what had become of it at the end."""

    kills: Counter[str] = field(default_factory=Counter)
    runs: int = 0
    ends: Counter[str] = field(default_factory=Counter)
    lost: int = 0
    seconds: float = 0.0


class _Place:
    """An installation with workers and services, which are brought up again when they are dead."""

    def __init__(
        self, opened: ExitStack, sealed: Path, folder: Path, engine: OwnDocker | None, full: bool
    ) -> None:
        env: dict[str, str] = {}
        self.engine = engine
        if engine is not None:
            env["DOCKER_HOST"] = f"unix://{engine.socket}"
        self.scheduler = Scheduler()
        self.workers = [
            Worker(self.scheduler, folder / f"worker-{number}", slots=1, env=env)
            for number in range(2)
        ]
        self.tracking: TrackingServer | None = None
        if full:
            store = sealed / "mlflow" / "mlflow.db"
            self.tracking = TrackingServer(folder / "tracking", store)
            env["MLFLOW_TRACKING_URI"] = self.tracking.uri
        self.installed = copied(sealed, folder / "home", env)
        for service in self.services:
            opened.callback(service.close)
        self.mend()

    @property
    def services(self) -> list[Service]:
        tracking = [] if self.tracking is None else [self.tracking]
        return [self.scheduler, *self.workers, *tracking]

    def mend(self) -> None:
        engine = self.engine
        if engine is not None and (engine.daemon is None or engine.daemon.poll() is not None):
            engine.start()
        for service in self.services:
            if not service.lives():
                service.close()
                service.start()

    def kill(self, what: str, dispatcher: subprocess.Popen[str], random_: random.Random) -> bool:
        """kill -9 of one thing; whether there was one to kill."""
        if what == DISPATCHER:
            if dispatcher.poll() is not None:
                return False
            dispatcher.kill()
        elif what == WORKER:
            random_.choice(self.workers).kill()
        elif what == SCHEDULER:
            self.scheduler.kill()
        elif what == TRACKING and self.tracking is not None:
            self.tracking.kill()
        elif what == ENGINE and self.engine is not None:
            self.engine.kill()
        else:
            return self._kill_container(random_)
        return True

    def _kill_container(self, random_: random.Random) -> bool:
        asked = ("docker", "ps", "--filter", "label=sequestra.submission")
        env = environment(self.installed.env)
        ours = {each.submission_id for each in self.installed.ledger.submissions()}
        running = [
            found
            for found in subprocess.run(
                [*asked, "--format", '{{.ID}} {{.Label "sequestra.submission"}}'],
                capture_output=True,
                text=True,
                check=False,
                env=env,
            ).stdout.splitlines()
            if found.split()[-1] in ours
        ]
        if not running:
            return False
        victim = random_.choice(running).split()[0]
        ended = subprocess.run(
            ["docker", "kill", victim], capture_output=True, check=False, env=env
        )
        return ended.returncode == 0


def soak(
    kills: int,
    seed: int,
    sealed: Path,
    folder: Path,
    *,
    base: str,
    engine: OwnDocker | None = None,
    full: bool = True,
    say: Callable[[str], object] = lambda _: None,
) -> Soak:
    """Kill so many times; then mend, work the queue off, and raise unless all is true.

    ``full`` kills the tracking server and the scheduler too; ``engine`` is one that may be killed.
    """
    began = time.monotonic()
    random_ = random.Random(seed)
    done = Soak()
    # Dispatchers are killed most; what takes long to come up again, seldom.
    last = [DISPATCHER] * 12 + [NOTHING] * 3
    if full:
        last += [SCHEDULER] * 2 + [TRACKING]
    if engine is not None:
        last += [ENGINE]
    images = _Images(base, variants=max(5, kills // 4))
    with ExitStack() as opened:
        place = _Place(opened, sealed, folder, engine, full)
        entered = 0
        while sum(done.kills.values()) < kills:
            place.mend()
            waiting = [each for each in _states(place.installed) if each not in ENDED]
            while len(waiting) < 3:
                entered += 1
                kind = MIX[entered % len(MIX)]
                place.installed.submit(
                    images(kind, entered), f"{kind} {entered}", f"Team {entered}"
                )
                waiting.append(State.QUEUED)
            away = random_.random() < 0.6
            where = ("--scheduler", place.scheduler.address) if away else ()
            with place.installed.running(*where) as dispatcher:
                done.runs += 1
                _beset(place, dispatcher, random_.choice(last), random_, done)
            say(f"{sum(done.kills.values())} kills, {entered} submissions")
        place.mend()
        for _ in range(3):
            place.installed.command("run")
        place.installed.run()
        done.lost = sum(each not in ENDED for each in _states(place.installed))
        assert_true_state(place.installed, _told(place.installed))
        done.ends.update(
            each.state.value if each.failure is None else each.failure.value
            for each in place.installed.ledger.submissions()
        )
    done.seconds = time.monotonic() - began
    return done


def _beset(
    place: _Place,
    dispatcher: subprocess.Popen[str],
    last: str,
    random_: random.Random,
    done: Soak,
) -> None:
    """Kill workers and containers while a dispatcher works, then ``last``; see how it ends."""
    _let_work(dispatcher, random_.uniform(0.5, 6.0))
    for _ in range(random_.randrange(7)):
        what = random_.choice((WORKER, CONTAINER))
        if dispatcher.poll() is None and place.kill(what, dispatcher, random_):
            done.kills[what] += 1
        place.mend()
        _let_work(dispatcher, random_.uniform(0.2, 2.0))
    if dispatcher.poll() is not None:
        said = dispatcher.communicate()[0]
        assert dispatcher.returncode in (0, 2), said
        assert "Traceback" not in said, said
        return
    if last == NOTHING:
        _let_work(dispatcher, random_.uniform(5.0, 20.0))
        last = DISPATCHER
    if place.kill(last, dispatcher, random_):
        done.kills[last] += 1
    if last != DISPATCHER:
        _let_work(dispatcher, random_.uniform(0.0, 8.0))
        if last != SCHEDULER:
            place.mend()
        said = dispatcher.communicate(timeout=PATIENCE)[0]
        assert dispatcher.returncode in (0, 2), said
        assert "Traceback" not in said, said


def _let_work(dispatcher: subprocess.Popen[str], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and dispatcher.poll() is None:
        time.sleep(0.02)


class _Images:
    """Images on the engine that is used: a few of each kind, so that some are entered twice."""

    def __init__(self, base: str, variants: int) -> None:
        self._base = base
        self._variants = variants

    def __call__(self, kind: str, number: int) -> str:
        program = PROGRAMS[PROGRAM_OF[kind]]
        return build_image(self._base, f"{program}# {number % self._variants}\n")


def _told(installed: Installed) -> Mapping[str, Failure]:
    """The failure that each model must have; the harness's own where it gave up after three."""
    told = {}
    for each in installed.ledger.submissions():
        kind = each.model.split()[0]
        if kind in MEANT:
            told[each.model] = MEANT[kind]
        events = installed.events(each.submission_id)
        given_up = events.count(Event.ENGINE_FAULT) >= 3 or Event.WORKER_LOST in events
        if given_up and each.failure is Failure.HARNESS_ERROR:
            told[each.model] = Failure.HARNESS_ERROR
    return told


def _states(installed: Installed) -> list[State]:
    return [each.state for each in installed.ledger.submissions()]


@contextmanager
def own_engine(base: str) -> Iterator[OwnDocker | None]:
    """A Docker to be killed, with the base image, where this user may start one."""
    if os.geteuid() != 0 or shutil.which("dockerd") is None:
        sys.stderr.write("no engine is killed: that takes root and dockerd\n")
        yield None
        return
    own = OwnDocker(Path(tempfile.mkdtemp(prefix="sequestra-d-")))
    archive = own.folder / "base.tar"
    before = os.environ.get("DOCKER_HOST")
    assert docker("save", "-o", str(archive), base).returncode == 0
    own.start()
    os.environ["DOCKER_HOST"] = f"unix://{own.socket}"
    try:
        assert docker("load", "-i", str(archive)).returncode == 0
        archive.unlink()
        yield own
    finally:
        os.environ.pop("DOCKER_HOST")
        if before is not None:
            os.environ["DOCKER_HOST"] = before
        if own.daemon is not None and own.daemon.poll() is not None:
            own.start()
        own.stop()


def main() -> None:
    """Soak, and print what was killed and what became of all that was entered."""
    kills, seed = (int(each) for each in [*sys.argv[1:], *("200", "1")[len(sys.argv) - 1 :]][:2])
    ensure_engine(lambda _: None)
    base = ensure_base_image()
    with tempfile.TemporaryDirectory(prefix="sequestra-soak-") as scratch:
        folder = Path(scratch)
        sealed = sealed_home(folder)
        with own_engine(base) as engine:
            done = soak(
                *(kills, seed, sealed, folder / "work"),
                base=base,
                engine=engine,
                say=lambda line: sys.stderr.write(f"{line}\n"),
            )
    sys.stdout.write(f"{table(done, seed)}\n")


def table(done: Soak, seed: int) -> str:
    """The figures of a soak."""
    kinds = (DISPATCHER, WORKER, CONTAINER, SCHEDULER, TRACKING, ENGINE)
    rows = [("kill -9 of", "times"), *((kind, done.kills[kind]) for kind in kinds)]
    rows += [("all", sum(done.kills.values())), ("", ""), ("submissions that ended", "number")]
    rows += [*sorted(done.ends.items()), ("all", sum(done.ends.values())), ("lost", done.lost)]
    lines = [f"{name:<28}{number:>8}" for name, number in rows]
    return "\n".join([*lines, "", f"{done.runs} runs in {done.seconds:.0f} s, seed {seed}"])


if __name__ == "__main__":
    main()
