"""One run of an image over staged cases, under every limit of its contract."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext, suppress
from dataclasses import dataclass, replace
from typing import Any

import requests
from docker.errors import APIError, DockerException
from docker.models.containers import Container

from evaluator.host.cores import taken_cores
from evaluator.host.gpus import taken_gpus
from evaluator.host.locks import held
from evaluator.host.resources import whole_cores
from evaluator.sandbox.connection import API_SECONDS, Connection, our_fault
from evaluator.sandbox.containers import CANCELLED, GPUS_LABEL, LABEL, RUN_LABEL, Containers
from evaluator.sandbox.exit_cause import KILLED, broken, is_unexplained, printable
from evaluator.sandbox.images import Images
from evaluator.sandbox.limits import (
    NO_HEALTH_CHECK,
    USER_IDS,
    can_grant,
    environment,
    flags,
    in_podmans_words,
    not_granted,
)
from evaluator.sandbox.staging import Staged, lay_empty
from submissions.addresses.engine import EngineSick, EngineUnavailable
from submissions.contract import Contract
from submissions.stage_times import Stage
from submissions.submission import ContractBroken, Failure

PROBE_SECONDS = 30
LOG_LINES = 200
LOG_CHARACTERS = 64_000
MOST_LOG = 1_000_000
"""Bytes of a whole log that are kept: its end, where a contract lets the engine keep more."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """A run that ended well: its stages' seconds, and for the steward the end of its log."""

    seconds: Mapping[Stage, float]
    log_tail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What is to run: an image over staged cases, within a contract.

    ``given_up`` is asked before each try, and before and as soon as its container has started, so
    that no cancelling is missed that came when there was nothing to kill. Only what runs is held in
    ``room``: before, a container is laid out, and afterwards removed. The log is its end, or with
    ``whole_log`` all of it, as far as the contract lets the engine keep it.
    """

    image_digest: str
    staged: Staged
    contract: Contract
    submission_id: str
    given_up: Callable[[], bool] = lambda: False
    room: Callable[[], AbstractContextManager[None]] = nullcontext
    whole_log: bool = False

    def refuse_given_up(self) -> None:
        """Raise ContractBroken where the run was given up."""
        if self.given_up():
            raise ContractBroken(Failure.CANCELLED, "given up before its container did anything")


@dataclass(frozen=True, slots=True)
class Runs:
    """Runs containers of an engine, from an image that was let in to what it leaves."""

    connection: Connection
    images: Images
    containers: Containers

    def run(self, run: Run) -> Outcome:
        """Run an image that was let in over the staged cases, under every limit of the contract.

        A run that the host killed is tried again, in the time that is left and from nothing.

        When this returns or raises, the container is gone and ``staged.predictions``, still to be
        trusted in nothing, is all that it leaves.

        Raises ContractBroken for the submission's failures, EngineUnavailable for the engine's.
        """
        known = self.images.resolve(run.image_digest, run.contract)
        can_grant(run.contract, self.connection.cpus, self.connection.memory_bytes)
        run = replace(run, image_digest=known)
        spent = 0.0
        try:
            return self._run(run)
        except _NotStarted:
            # The engine's fault or the team's: it says both in the same words.
            self._start_known_good(run)
        except _Killed as killed:
            # The host may be short of memory itself: what comes twice is the team's.
            spent = killed.seconds
        lay_empty(run.staged.predictions)
        try:
            return self._run(run, spent)
        except _NotStarted as error:
            raise ContractBroken(Failure.START_FAILED, printable(str(error))) from error
        except _Killed as killed:
            raise killed.broken from None

    def _run(self, run: Run, spent: float = 0.0) -> Outcome:
        """One try, in the time that one before has not ``spent``; the image by its engine's id."""
        run.refuse_given_up()
        with ExitStack() as opened:
            run = opened.enter_context(self._with_its_own(run))
            laying_out = time.monotonic()
            podman = self.connection.podman
            container = None if podman else opened.enter_context(self._container(run))
            limit = run.contract.seconds(run.staged.n_cases)
            laid_out = time.monotonic()
            with run.room(), self._on_cores(run) as run:
                run.refuse_given_up()
                starting = time.monotonic()
                if container is None:
                    # Podman cannot change the processors of a container that it has made.
                    container = opened.enter_context(self._container(run))
                else:
                    self._move(container, run)
                _start(container)
                running = time.monotonic()
                _refuse_cancelled(container)
                run.refuse_given_up()
                in_time = self._wait(container, running + limit - spent)
                ended = time.monotonic()
            log_tail = _log(container, whole=run.whole_log)
            state = _final_state(container)
            cause = broken(state, limit=limit, in_time=in_time)
            if cause is not None and in_time:
                self._ended_from_outside(container, log_tail)
        seconds = {
            Stage.START: laid_out - laying_out + running - starting,
            Stage.INFER: ended - running,
        }
        if cause is not None:
            failed = ContractBroken(*cause, log_tail, seconds)
            if in_time and is_unexplained(state):
                raise _Killed(failed, ended - running)
            raise failed
        return Outcome(seconds, log_tail)

    def _start_known_good(self, run: Run) -> None:
        """Start an image of ours in the same way; raise EngineUnavailable where even that fails."""
        brief = replace(run.contract, start_seconds=PROBE_SECONDS, case_seconds=0)
        try:
            self._run(replace(run, image_digest=self.images.probe(), contract=brief))
        except (_NotStarted, _Killed, ContractBroken) as error:
            if isinstance(error, ContractBroken) and error.failure is Failure.CANCELLED:
                raise
            raise EngineSick(
                f"the container engine cannot start containers: {printable(str(error))}"
            ) from error

    @contextmanager
    def _with_its_own(self, run: Run) -> Iterator[Run]:
        """Hold a user for the run, and its GPUs, which no container has any more."""
        users = tuple(map(str, USER_IDS))
        with (
            held("user", users, waiting=run.refuse_given_up) as (user,),
            taken_gpus(run.contract.gpus, waiting=run.refuse_given_up) as gpus,
        ):
            if gpus:
                self.containers.vacate(gpus)
            yield replace(run, staged=replace(run.staged, uid=int(user), gpus=gpus))

    @contextmanager
    def _on_cores(self, run: Run) -> Iterator[Run]:
        """Hold processors for the time that the container runs, where the engine can grant them."""
        if not self.connection.has_cpusets:
            yield run
            return
        with taken_cores(whole_cores(run.contract), waiting=run.refuse_given_up) as cores:
            yield replace(run, staged=replace(run.staged, cores=cores))

    def _move(self, container: Container, run: Run) -> None:
        """Give a container that has not started the processors that are free now."""
        if run.staged.cores:
            moved = self.containers.pin(container, run.staged.cores)
            staged = run.staged if moved else replace(run.staged, cores=())
            self._refuse_ungranted(container, replace(run, staged=staged))

    def _refuse_ungranted(
        self, container: Container, run: Run, warnings: Sequence[str] = ()
    ) -> None:
        """Raise EngineUnavailable where the engine did not keep what it was asked for."""
        lost = not_granted(container.attrs, run.staged, run.contract, self.connection.podman)
        if refused := [*warnings, *lost]:
            raise EngineUnavailable(
                f"the container engine does not grant what the contract asks: {refused[0]}"
            )

    @contextmanager
    def _container(self, run: Run) -> Iterator[Container]:
        """Create the container, and remove it whatever happens."""
        staged, client = run.staged, self.connection.client
        options = flags(staged, run.contract)
        if self.connection.runtime:
            options["runtime"] = self.connection.runtime
        if self.connection.podman:
            options = in_podmans_words(options)
        labels = {LABEL: run.submission_id, RUN_LABEL: str(staged.folder.resolve())}
        if staged.gpus:
            labels[GPUS_LABEL] = ",".join(staged.gpus)
        with our_fault("creating the container"):
            try:
                created = client.api.create_container(
                    run.image_digest,
                    user=f"{staged.uid}:{staged.uid}",
                    environment=environment(run.contract, staged.gpus),
                    labels=labels,
                    hostname="submission",
                    detach=True,
                    stdin_open=False,
                    tty=False,
                    healthcheck={"test": NO_HEALTH_CHECK},
                    stop_signal="SIGKILL",
                    # The default would hand the steward's proxy settings, with any password in
                    # them, to the container.
                    use_config_proxy=False,
                    host_config=client.api.create_host_config(**options),
                )
            except APIError as error:
                raise _NotStarted(str(error.explanation or error)) from error
            container = client.containers.get(created["Id"])
        try:
            self._refuse_ungranted(container, run, created.get("Warnings") or ())
            yield container
        finally:
            self.containers.remove(created["Id"])

    def _wait(self, container: Container, deadline: float) -> bool:
        """Wait for the end and kill at the deadline; whether it ended by itself."""
        with our_fault("waiting for the container"):
            while (left := deadline - time.monotonic()) > 0:
                try:
                    container.wait(timeout=left)
                except requests.exceptions.RequestException:
                    # Our own deadline, or a connection that broke: the container tells.
                    container.reload()
                    if container.status != "running":
                        return True
                    time.sleep(min(0.05, max(left, 0)))
                else:
                    return True
            with suppress(APIError):  # it ended in this very moment
                container.kill(signal="SIGKILL")
            container.wait(timeout=API_SECONDS)
        return False

    def _ended_from_outside(self, container: Container, log_tail: str) -> None:
        """Raise where somebody ended the container through the engine, and not its own doing."""
        _refuse_cancelled(container, log_tail)
        signals = []
        with suppress(DockerException, requests.RequestException):  # Podman may keep no events
            signals = list(
                self.connection.client.api.events(  # type: ignore[call-overload]
                    since=1,
                    until=f"{time.time():.9f}",  # to the part of a second, which stubs forbid
                    filters={"container": container.id, "event": "kill"},
                    decode=True,
                )
            )
        if signals:
            raise EngineUnavailable(
                f"container {container.short_id} was ended from outside, by somebody at the "
                "engine or as it stopped; the submission can be run again"
            )


class _Killed(Exception):
    """The container was killed, and not at its limit as far as the engine noticed."""

    def __init__(self, broken: ContractBroken, seconds: float) -> None:
        super().__init__(str(broken))
        self.broken = broken
        self.seconds = seconds


class _NotStarted(Exception):
    """The engine did not create or start a container, for a reason that it alone knows."""


def _start(container: Container) -> None:
    try:
        container.start()
    except APIError as error:
        raise _NotStarted(str(error.explanation or error)) from error
    except requests.ReadTimeout as error:
        raise _NotStarted(f"nothing started within {API_SECONDS} s") from error
    except requests.RequestException as error:
        raise EngineUnavailable(f"the container engine does not answer: {error}") from error


def _refuse_cancelled(container: Container, log_tail: str = "") -> None:
    with our_fault("asking whether the container was cancelled"):
        container.reload()
    if str(container.name).startswith(CANCELLED):
        raise ContractBroken(Failure.CANCELLED, "ended at the request of a person", log_tail)


def _final_state(container: Container) -> Mapping[str, Any]:
    """State of a dead container; a kill at the memory limit may be told a moment after the end."""
    with our_fault("asking how the container ended"):
        for _ in range(10):
            container.reload()
            state: Mapping[str, Any] = container.attrs["State"]
            if state.get("OOMKilled") or state.get("ExitCode") in (0, KILLED):
                break
            time.sleep(0.02)
    return state


def _log(container: Container, *, whole: bool) -> str:
    """Read the end of the log, or all of it, without what could steer a terminal."""
    with suppress(DockerException, requests.RequestException):
        log: bytes = container.logs(tail="all" if whole else LOG_LINES)
        part = log[-MOST_LOG:] if whole else log[-LOG_CHARACTERS:]
        return printable(part.decode("utf-8", errors="replace"))
    return ""
