"""Where shards run: Dask workers, in this process or on the hosts of a scheduler."""

from __future__ import annotations

import logging
import pickle
import socket
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any
from uuid import uuid4

import dask
from distributed import Client, Future, KilledWorker, LocalCluster, WorkerPlugin, get_worker

from evaluator.host.gpus import visible_gpus
from evaluator.host.resources import GPU, MEMORY, SLOT, Room, WorkersError, fits, needs
from evaluator.sandbox.engine import Engine
from evaluator.workers.scheduler_address import no_scheduler
from evaluator.workers.shard import (
    Ended,
    Shard,
    clean_host,
    has_image,
    kill_containers,
    kill_left,
    run_shard,
    wait_for_shards,
)
from submissions.contract import Contract

CONNECT_SECONDS = 8
WORKER_SECONDS = 30
REGISTER_ATTEMPTS = 3
FETCH_SECONDS = 10
"""How long a result may take from its worker to here."""

CLEARING_SECONDS = 30
"""How long the end of a queue waits for shards that were given up to remove what is theirs."""

ALONE_SECONDS = 60
"""How long a shard waits for a worker that could run it, such as one that is being restarted."""


_QUIET = {
    # Dask cannot be kept from serving pages; there are none, and only this machine can ask.
    "distributed.scheduler.http.routes": [],
    "distributed.worker.http.routes": [],
    # What it does many times a second to watch itself takes a good part of a processor from the
    # containers, and of the interpreter's lock from what scores.
    "distributed.worker.profile.enabled": False,
    "distributed.admin.tick.interval": "1s",
    "distributed.admin.system-monitor.interval": "10s",
    "distributed.scheduler.active-memory-manager.start": False,
    "distributed.scheduler.work-stealing": False,
}
"""What the cluster of this process does without: one worker, whose results are small."""

_LOST = (
    "the Dask scheduler is lost; start it again, then `sequestra run` takes up interrupted "
    "submissions"
)


@dataclass(frozen=True, slots=True)
class Finished:
    """A shard that came back: how it ended, or the error that the worker itself raised."""

    token: str
    worker: str
    ended: Ended | None
    error: BaseException | None


class Workers:
    """Workers that take shards; one of them is this process unless a scheduler is named."""

    def __init__(self, client: Client, room: Room | None) -> None:
        """Use :func:`open_workers` to open them; ``room`` is that of the worker of this process."""
        self._client = client
        self._room = room
        self._done: SimpleQueue[Future[tuple[str, Ended]]] = SimpleQueue()
        self._running: dict[str, tuple[Future[tuple[str, Ended]], Contract]] = {}
        self._alone_since: dict[str, float] = {}
        self.remote = room is None

    def start(self, shard: Shard, *, rather_not: str = "") -> str:
        """Hand a shard to a worker that has room for it; a token to know it by.

        The worker ``rather_not`` gets it only where there is no other.
        """
        token = f"{shard.submission_id}-{uuid4().hex[:8]}"
        others: list[str] = []
        if rather_not:
            others = [each for each in self._ask(_addresses) if each != rather_not]
        future = self._client.submit(
            _work,
            pickle.dumps(shard),  # Dask would look into each of its cases
            key=token,
            pure=False,
            # Here the room within this process is what counts.
            resources=needs(shard.contract) if self.remote else None,
            retries=0,
            workers=others or None,
            allow_other_workers=bool(others),
        )
        self._running[token] = future, shard.contract
        future.add_done_callback(self._done.put)
        return token

    def finished(self, seconds: float) -> Finished | None:
        """The next shard that came back within so many seconds.

        Raises WorkersError where the scheduler is lost.
        """
        try:
            future = self._done.get(timeout=seconds)
        except Empty:
            self.refuse_lost()
            return None
        token = str(future.key)
        running = self._running.pop(token, None)
        if running is None:
            return None  # dropped meanwhile
        if future.status == "finished":
            try:
                worker, ended = future.result(timeout=FETCH_SECONDS)
            except TimeoutError:  # an OSError too
                # It went with its worker before it was fetched, and is done again where it can be.
                self._running[token] = running
                future.add_done_callback(self._done.put)
                self.refuse_lost()
                return None
            except OSError as lost:
                raise WorkersError(_LOST) from lost
            return Finished(token=token, worker=worker, ended=ended, error=None)
        self.refuse_lost()
        if future.status == "error":
            error = future.exception()
            if isinstance(error, KilledWorker | OSError):
                return Finished(token=token, worker="", ended=None, error=error)
            raise _cannot_work(error)
        # Nobody here cancelled it: the scheduler was started again and does not know it.
        raise WorkersError(_LOST)

    def drop(self, token: str) -> None:
        """Forget a shard, whatever becomes of it."""
        running = self._running.pop(token, None)
        if running is not None:
            with suppress(Exception):  # of a scheduler that is gone there is nothing to cancel
                running[0].cancel()

    def admit(self, attempt: str) -> None:
        """Let the containers of an attempt run that wait in this process for the ledger to say so.

        A remote worker starts what it is given: it is to be given nothing before.
        """
        if self._room is not None:
            self._room.admit(attempt)

    def kill(self, submission_id: str, attempt: str) -> None:
        """Kill a submission's containers on every host that answers; of the attempt none starts."""
        if self._room is not None:
            kill_containers(submission_id, attempt)
            self._room.admit(attempt)  # to end there: it was given up
        elif self._client.status == "running":  # else it would be waited for
            with suppress(Exception):  # hosts that do not answer clean up when they come back
                self._client.run(kill_containers, submission_id, attempt, on_error="ignore")

    def have(self, image_digest: str) -> list[bool | None]:
        """Whether each worker's engine has an image; None of one that does not answer."""
        if not self.remote:
            return [has_image(image_digest)]
        try:
            answers = self._client.run(has_image, image_digest, on_error="return")
        except OSError:  # lost in the middle of the question
            self.refuse_lost()
            return [None]
        return [answer if isinstance(answer, bool) else None for answer in answers.values()]

    def retire(self, worker: str) -> None:
        """Give a worker no more shards: the engine of its host is gone."""
        with suppress(Exception):  # it may be gone itself
            self._client.run_on_scheduler(_dismiss, worker)

    def refuse_unfit(self, contract: Contract) -> None:
        """Raise WorkersError where no worker has what a benchmark grants its containers."""
        refused = _unfit(contract, self._offered())
        if refused is not None:
            raise refused

    def have_room(self, contract: Contract, beside: Iterable[Contract]) -> bool:
        """Whether a container fits beside others into what the workers have together."""
        left = sum((Counter(each) for each in self._offered()), Counter[str]())
        for each in beside:
            left.subtract(needs(each))
        return fits(contract, left)

    def _offered(self) -> Sequence[Mapping[str, float]]:
        return [self._room.has] if self._room is not None else list(self._ask(_offers))

    def _ask(self, question: Callable[..., Any]) -> Any:
        """Have a function run on the scheduler."""
        self.refuse_lost()
        try:
            return self._client.run_on_scheduler(question)
        except OSError as error:
            raise WorkersError(_LOST) from error

    def alone(self) -> Mapping[str, WorkersError]:
        """Shards that have waited too long for a worker that could run them, and what they lack."""
        if not self.remote or not self._running:
            return {}
        now = time.monotonic()
        offered = self._offered()
        lacking = {
            token: error
            for token, (_, contract) in self._running.items()
            if (error := _unfit(contract, offered)) is not None
        }
        self._alone_since = {token: self._alone_since.get(token, now) for token in lacking}
        return {
            token: error
            for token, error in lacking.items()
            if now - self._alone_since[token] > ALONE_SECONDS
        }

    def refuse_lost(self) -> None:
        """Raise WorkersError where the scheduler is lost."""
        if self._client.status != "running":
            raise WorkersError(_LOST)


@contextmanager
def open_workers(scheduler: str, staging: Path) -> Iterator[Workers]:
    """Open the workers of a scheduler's address, or of this process where it is empty.

    Each host first removes what runs left there that were killed, and ends what it still runs for
    a dispatcher that was killed or cut off: there is one at a time. Raises WorkersError where the
    scheduler does not answer, EngineUnavailable where this process has no engine to work with.
    """
    # What matters is raised. Dask sets a level on the second, and asyncio tells at the end what its
    # tasks met when a scheduler was lost.
    for logger in ("distributed", "distributed.client", "asyncio"):
        logging.getLogger(logger).setLevel(logging.CRITICAL)
    with _client(scheduler) as (client, room):
        _register(client, _CleansHost(staging))
        if room is None:
            with suppress(OSError):  # a worker that is lost meanwhile
                client.run(kill_left, staging, on_error="ignore")
        yield Workers(client, room)


@contextmanager
def _client(scheduler: str) -> Iterator[tuple[Client, Room | None]]:
    if scheduler:
        try:
            client = Client(scheduler, timeout=CONNECT_SECONDS, set_as_default=False)
        except (OSError, ValueError) as error:
            raise WorkersError(no_scheduler(scheduler, " ".join(str(error).split()))) from error
        with _closed(client):
            try:
                client.wait_for_workers(1, timeout=WORKER_SECONDS)
            except TimeoutError as error:
                raise WorkersError(
                    f"the Dask scheduler at {scheduler} has no worker; start some with "
                    f'`dask worker {scheduler} --resources "SLOT=2 MEMORY=8000"`'
                ) from error
            except OSError as error:
                raise WorkersError(_LOST) from error
            yield client, None
        return
    engine = Engine.connect()
    room = Room(
        {
            SLOT: float(engine.connection.cpus),
            MEMORY: float(engine.connection.memory_bytes >> 20),
            GPU: float(len(visible_gpus())),
        }
    )
    engine.close()
    with (
        dask.config.set(_QUIET),
        LocalCluster(
            n_workers=1,
            # One more lays out the next container, or removes the last.
            threads_per_worker=engine.connection.cpus + 1,
            processes=False,
            dashboard_address="127.0.0.1:0",
            worker_dashboard_address="127.0.0.1:0",
            memory_limit=0,
        ) as cluster,
        Client(cluster, set_as_default=False) as client,
    ):
        cluster.workers[0].room = room
        yield client, room
        wait_for_shards(CLEARING_SECONDS)


@contextmanager
def _closed(client: Client) -> Iterator[None]:
    try:
        yield
    finally:
        with suppress(Exception):  # a scheduler that is gone cannot be taken leave of
            client.close(timeout=5)


def _register(client: Client, plugin: WorkerPlugin) -> None:
    """Have each worker know the plugin; one that dies meanwhile is not waited for."""
    for attempt in range(REGISTER_ATTEMPTS):
        try:
            client.register_plugin(plugin)
        except OSError as error:
            if error.errno is not None:
                raise  # a host's disk; a connection that breaks has no number
            if attempt == REGISTER_ATTEMPTS - 1 or client.status != "running":
                raise WorkersError(_LOST) from error
            time.sleep(1)
        except Exception as error:
            raise _cannot_work(error) from error
        else:
            return


def _cannot_work(error: BaseException | None) -> WorkersError:
    return WorkersError(
        f"a worker cannot do its work ({type(error).__name__}: {error}); install there "
        f"what is installed here, then `sequestra run` goes on"
    )


def _unfit(contract: Contract, offered: Sequence[Mapping[str, float]]) -> WorkersError | None:
    """What keeps a container from every worker, if anything does."""
    if any(fits(contract, each) for each in offered):
        return None
    needed = " ".join(f"{name}={amount:g}" for name, amount in needs(contract).items())
    offers = "; ".join(
        " ".join(f"{name}={amount:g}" for name, amount in each.items()) or "no resources"
        for each in offered
    )
    return WorkersError(
        f"no worker offers {needed}, which the benchmark's [contract] promises to a container "
        f"({len(offered)} workers offer {offers or 'nothing'}); start a larger worker with "
        f'`dask worker ADDRESS --resources "{needed}"`, or reduce cpus, memory_mb or gpus in '
        f"[contract]"
    )


def _work(shard: bytes) -> tuple[str, Ended]:
    """Runs on a worker: its address, and how the shard ended."""
    dask_worker = get_worker()
    worker = str(dask_worker.address)
    try:
        return worker, run_shard(pickle.loads(shard), getattr(dask_worker, "room", None))
    except OSError:
        raise  # the host's: what is wrong with it stops the queue
    except Exception:
        return worker, Ended(socket.gethostname(), harness_fault=traceback.format_exc())


def _addresses(dask_scheduler: Any) -> list[str]:
    """Runs on the scheduler: the workers' addresses."""
    return list(dask_scheduler.workers)


def _offers(dask_scheduler: Any) -> list[dict[str, float]]:
    """Runs on the scheduler: the resources of each worker."""
    return [dict(state.resources) for state in dask_scheduler.workers.values()]


async def _dismiss(worker: str, dask_scheduler: Any) -> None:
    """Runs on the scheduler; to retire a worker it would wait for others to take its results."""
    await dask_scheduler.remove_worker(worker, stimulus_id="engine-gone", expected=True, close=True)


class _CleansHost(WorkerPlugin):
    """Has a worker that starts remove what a killed one left on its host."""

    def __init__(self, staging: Path) -> None:
        self.name = f"sequestra-clean-{staging}"
        self._staging = staging

    def setup(self, worker: object) -> None:
        """Run when a worker starts, and immediately on workers that run already."""
        clean_host(self._staging)
