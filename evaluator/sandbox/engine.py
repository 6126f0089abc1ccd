"""Docker Engine or Podman through the docker SDK: the only module that starts a container."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext, suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Self

import docker
import requests
from docker.errors import APIError, DockerException
from docker.models.containers import Container
from docker.utils import decode_json_header

from evaluator.host.cores import has_our_cores, taken_cores
from evaluator.host.gpus import taken_gpus
from evaluator.host.locks import held
from evaluator.host.resources import whole_cores
from evaluator.sandbox.containers import (
    CANCELLED,
    GPUS_LABEL,
    LABEL,
    RUN_LABEL,
    Containers,
    has_cpusets,
)
from evaluator.sandbox.exit_cause import KILLED, broken, is_unexplained, printable
from evaluator.sandbox.image_ids import store_of
from evaluator.sandbox.images import our_fault
from evaluator.sandbox.limits import (
    NO_HEALTH_CHECK,
    USER_IDS,
    can_grant,
    environment,
    flags,
    in_podmans_words,
    lacking,
    not_granted,
)
from evaluator.sandbox.staging import Staged, lay_empty, own_folder, remove_leftovers
from submissions.addresses.engine import EngineSick, EngineUnavailable, engine_address, no_engine
from submissions.contract import Contract
from submissions.host.base_image import cache
from submissions.image.lint import ImageConfiguration, lint
from submissions.stage_times import Stage
from submissions.submission import ContractBroken, Failure

__all__ = ["GPUS_LABEL", "LABEL", "RUN_LABEL", "Engine", "EngineUnavailable", "Outcome"]

RUNTIME_VARIABLE = "SEQUESTRA_RUNTIME"

API_SECONDS = 120
ACCOUNTS_BYTES = 1 << 20
ODD_FILE = 0x8F28_0000
"""Bits of Go's os.ModeType, as the engine tells them: whatever is no regular file."""
_PATH_STAT = "X-Docker-Container-Path-Stat"
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


@dataclass(frozen=True, slots=True)
class Engine(Containers):
    """A connection to the engine, which has been asked what it can enforce."""

    address: str
    name: str
    podman: bool
    runtime: str
    cpus: int
    memory_bytes: int
    has_cpusets: bool = True

    @classmethod
    def connect(cls) -> Self:
        """Connect to DOCKER_HOST, Docker's socket or Podman's.

        SEQUESTRA_RUNTIME may name an OCI runtime that the engine knows, such as runsc or kata.

        Raises EngineUnavailable when none answers, or when the one that does cannot enforce a
        limit of the contract, which it names.
        """
        address = engine_address()
        if address is None:
            raise EngineUnavailable(no_engine())
        try:
            client = docker.from_env(
                environment={**os.environ, "DOCKER_HOST": address}, timeout=API_SECONDS
            )
            if address.startswith("unix:"):
                # Else the environment is searched for a proxy at each of many calls.
                client.api.trust_env = False
            info: Mapping[str, Any] = client.info()
            version: Mapping[str, Any] = client.version()
        except (DockerException, requests.RequestException) as error:
            raise EngineUnavailable(
                f"the container engine at {address} does not answer ({error}); restart it"
            ) from error
        missing = lacking(info)
        if missing:
            raise EngineUnavailable(
                f"the container engine at {address} cannot enforce {', '.join(missing)}, which "
                "the contract asks for; use an engine or a kernel that can"
            )
        runtime = os.environ.get(RUNTIME_VARIABLE, "")
        runtimes = sorted(info.get("Runtimes") or ())
        if runtime and runtime not in runtimes:
            raise EngineUnavailable(
                f"{RUNTIME_VARIABLE} is {runtime!r}, but the container engine at {address} knows "
                f"{', '.join(runtimes)}; configure that runtime or unset the variable"
            )
        parts = version.get("Components") or ()
        podman = any("podman" in str(part.get("Name", "")).lower() for part in parts)
        name = f"{'Podman' if podman else 'Docker'} {version.get('Version', '')}"
        return cls(
            client,
            store_of(info),
            address,
            name,
            podman,
            runtime,
            int(info["NCPU"]),
            int(info["MemTotal"]),
            has_our_cores(int(info["NCPU"])) and has_cpusets(client, info, podman),
        )

    def close(self) -> None:
        """Close the connection; the engine is not asked anything after this."""
        self.client.close()

    def description(self) -> str:
        """One line for the steward: which engine, on what."""
        said = f"{self.name} at {self.address}, {self.cpus} CPUs, {self.memory_bytes >> 20} MB"
        return said if self.has_cpusets else f"{said}; no CPU sets: programs see all CPUs"

    def let_in(self, image: ImageConfiguration, contract: Contract) -> None:
        """Lint an image before it is entered, and look at what of it the engine itself reads.

        To start a container the engine looks for the user in files of the image, outside of the
        container and of every limit: a named pipe in the place of one holds it up for ever. An
        image is what its digest says, so that one look is enough.

        Raises ContractBroken where the image may not run, EngineUnavailable for the engine's fault.
        """
        lint(image, contract)
        api = self.client.api
        scratch = cache() / "let-in"
        self.remove_dead(scratch)
        remove_leftovers(scratch)
        with own_folder(scratch) as folder, our_fault("looking at the image's accounts"):
            label = {RUN_LABEL: str(folder.resolve())}
            try:
                made = api.create_container(self.id_of(image.digest), "-", labels=label)
            except APIError as error:
                if error.status_code == requests.codes.bad_request:
                    said = printable(str(error.explanation or error))
                    raise ContractBroken(Failure.START_FAILED, said) from error
                raise
            try:
                for path in ("/etc/passwd", "/etc/group"):
                    self._refuse_odd(made["Id"], path)
            finally:
                self.remove(made["Id"])

    def _refuse_odd(self, container_id: str, path: str) -> None:
        """Refuse a file of a container that is none; the engine tells without reading it.

        The SDK only has the call that fetches the file as well, for which the engine starts a
        process and takes 40 times as long.
        """
        api = self.client.api
        answer = api.head(
            f"{api.base_url}/v{api.api_version}/containers/{container_id}/archive",
            params={"path": path},
            timeout=API_SECONDS,
        )
        if answer.status_code == requests.codes.not_found:
            return
        answer.raise_for_status()
        found: Mapping[str, Any] = decode_json_header(answer.headers[_PATH_STAT])
        if int(found["mode"]) & ODD_FILE or int(found["size"]) > ACCOUNTS_BYTES:
            raise ContractBroken(
                Failure.IMAGE_INVALID,
                f"{path} is no regular file of at most {ACCOUNTS_BYTES} bytes",
            )

    def run(
        self,
        image_digest: str,
        staged: Staged,
        contract: Contract,
        *,
        submission_id: str,
        given_up: Callable[[], bool] = lambda: False,
        room: Callable[[], AbstractContextManager[None]] = nullcontext,
        whole_log: bool = False,
    ) -> Outcome:
        """Run an image that was let in over the staged cases, under every limit of the contract.

        A run that the host killed is tried again, in the time that is left and from nothing.
        ``given_up`` is asked before each try, and before and as soon as its container has started,
        so that no cancelling is missed that came when there was nothing to kill. Only what runs
        is held in ``room``: before, a container is laid out, and afterwards removed. The log is its
        end, or the ``whole_log`` as far as the contract lets the engine keep it.

        When this returns or raises, the container is gone and ``staged.predictions``, still to be
        trusted in nothing, is all that it leaves.

        Raises ContractBroken for the submission's failures, EngineUnavailable for the engine's.
        """
        digest = self.resolve(image_digest, contract)
        can_grant(contract, self.cpus, self.memory_bytes)
        spent = 0.0
        try:
            return self._run(
                digest, staged, contract, submission_id, given_up, room, whole_log=whole_log
            )
        except _NotStarted:
            # The engine's fault or the team's: it says both in the same words.
            self._start_known_good(staged, contract, submission_id, given_up, room)
        except _Killed as killed:
            # The host may be short of memory itself: what comes twice is the team's.
            spent = killed.seconds
        lay_empty(staged.predictions)
        try:
            return self._run(
                digest, staged, contract, submission_id, given_up, room, spent, whole_log
            )
        except _NotStarted as error:
            raise ContractBroken(Failure.START_FAILED, printable(str(error))) from error
        except _Killed as killed:
            raise killed.broken from None

    def _run(
        self,
        digest: str,
        staged: Staged,
        contract: Contract,
        submission_id: str,
        given_up: Callable[[], bool],
        room: Callable[[], AbstractContextManager[None]],
        spent: float = 0.0,
        whole_log: bool = False,
    ) -> Outcome:
        """One try, in the time that one before it has not ``spent``."""
        _refuse_given_up(given_up)
        with ExitStack() as opened:
            staged = opened.enter_context(self._with_its_own(staged, contract, given_up))
            laying_out = time.monotonic()
            making = partial(self._container, digest, contract, submission_id)
            container = None if self.podman else opened.enter_context(making(staged))
            limit = contract.seconds(staged.n_cases)
            laid_out = time.monotonic()
            with room(), self._on_cores(staged, contract, given_up) as staged:
                _refuse_given_up(given_up)
                starting = time.monotonic()
                if container is None:
                    # Podman cannot change the processors of a container that it has made.
                    container = opened.enter_context(making(staged))
                else:
                    self._move(container, staged, contract)
                _start(container)
                running = time.monotonic()
                _refuse_cancelled(container)
                _refuse_given_up(given_up)
                in_time = self._wait(container, running + limit - spent)
                ended = time.monotonic()
            log_tail = _log(container, whole=whole_log)
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

    def _start_known_good(
        self,
        staged: Staged,
        contract: Contract,
        submission_id: str,
        given_up: Callable[[], bool],
        room: Callable[[], AbstractContextManager[None]],
    ) -> None:
        """Start an image of ours in the same way; raise EngineUnavailable where even that fails."""
        digest = self.probe()
        try:
            brief = replace(contract, start_seconds=PROBE_SECONDS, case_seconds=0)
            self._run(digest, staged, brief, submission_id, given_up, room)
        except (_NotStarted, _Killed, ContractBroken) as error:
            if isinstance(error, ContractBroken) and error.failure is Failure.CANCELLED:
                raise
            raise EngineSick(
                f"the container engine cannot start containers: {printable(str(error))}"
            ) from error

    @contextmanager
    def _with_its_own(
        self, staged: Staged, contract: Contract, given_up: Callable[[], bool]
    ) -> Iterator[Staged]:
        """Hold a user for the run, and its GPUs, which no container has any more."""
        waiting = partial(_refuse_given_up, given_up)
        users = tuple(map(str, USER_IDS))
        with (
            held("user", users, waiting=waiting) as (user,),
            taken_gpus(contract.gpus, waiting=waiting) as gpus,
        ):
            if gpus:
                self.vacate(gpus)
            yield replace(staged, uid=int(user), gpus=gpus)

    @contextmanager
    def _on_cores(
        self, staged: Staged, contract: Contract, given_up: Callable[[], bool]
    ) -> Iterator[Staged]:
        """Hold processors for the time that the container runs, where the engine can grant them."""
        if not self.has_cpusets:
            yield staged
            return
        waiting = partial(_refuse_given_up, given_up)
        with taken_cores(whole_cores(contract), waiting=waiting) as cores:
            yield replace(staged, cores=cores)

    def _move(self, container: Container, staged: Staged, contract: Contract) -> None:
        """Give a container that has not started the processors that are free now."""
        if staged.cores:
            moved = self.pin(container, staged.cores)
            kept = staged if moved else replace(staged, cores=())
            self._refuse_ungranted(container, kept, contract)

    def _refuse_ungranted(
        self, container: Container, staged: Staged, contract: Contract, warnings: Sequence[str] = ()
    ) -> None:
        """Raise EngineUnavailable where the engine did not keep what it was asked for."""
        lost = not_granted(container.attrs, staged, contract, self.podman)
        if refused := [*warnings, *lost]:
            raise EngineUnavailable(
                f"the container engine does not grant what the contract asks: {refused[0]}"
            )

    @contextmanager
    def _container(
        self, digest: str, contract: Contract, submission_id: str, staged: Staged
    ) -> Iterator[Container]:
        """Create the container, and remove it whatever happens."""
        asked = flags(staged, contract)
        if self.runtime:
            asked["runtime"] = self.runtime
        if self.podman:
            asked = in_podmans_words(asked)
        labels = {LABEL: submission_id, RUN_LABEL: str(staged.folder.resolve())}
        if staged.gpus:
            labels[GPUS_LABEL] = ",".join(staged.gpus)
        with our_fault("creating the container"):
            try:
                made = self.client.api.create_container(
                    digest,
                    user=f"{staged.uid}:{staged.uid}",
                    environment=environment(contract, staged.gpus),
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
                    host_config=self.client.api.create_host_config(**asked),
                )
            except APIError as error:
                raise _NotStarted(str(error.explanation or error)) from error
            container = self.client.containers.get(made["Id"])
        try:
            self._refuse_ungranted(container, staged, contract, made.get("Warnings") or ())
            yield container
        finally:
            self.remove(made["Id"])

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
                self.client.api.events(  # type: ignore[call-overload]
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


def _refuse_given_up(given_up: Callable[[], bool]) -> None:
    if given_up():
        raise ContractBroken(Failure.CANCELLED, "given up before its container did anything")


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
        said: bytes = container.logs(tail="all" if whole else LOG_LINES)
        kept = said[-MOST_LOG:] if whole else said[-LOG_CHARACTERS:]
        return printable(kept.decode("utf-8", errors="replace"))
    return ""
