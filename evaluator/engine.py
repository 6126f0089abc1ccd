"""Docker Engine or Podman through the docker SDK: the only module that starts a container."""

from __future__ import annotations

import math
import os
import re
import resource
import signal
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import docker
import requests
from docker.errors import APIError, DockerException, NotFound
from docker.models.containers import Container
from docker.types import DeviceRequest, LogConfig, Mount, Ulimit

from evaluator.seccomp import narrowed_profile
from evaluator.staging import Staged
from submissions.archive import lint_archive, without_names
from submissions.base_image import cache
from submissions.contract import Contract
from submissions.engine_address import EngineUnavailable, engine_address, no_engine
from submissions.image import ImageConfiguration, lint
from submissions.submission import ContractBroken, Failure

__all__ = ["CONTAINER_UID", "LABEL", "Engine", "EngineUnavailable", "Outcome"]

LABEL = "sequestra.submission"
RUNTIME_VARIABLE = "SEQUESTRA_RUNTIME"
CONTAINER_UID = 60_606
"""User and group of every submission: in a range that systemd and Debian leave to nobody, so that
it owns nothing on the host, and below 65,536, so that a rootless engine can map it."""

KEPT = "sequestra/kept"
"""Repository of the names by which entered images are kept, one tag a submission."""

API_SECONDS = 120
LOG_LINES = 200
LOG_CHARACTERS = 64_000
OPEN_FILES = 1024
KILLED = 128 + signal.SIGKILL

_CONTROL = re.compile(r"[^\t\n\x20-\x7e\u00a0-\ud7ff\ue000-\ufdcf\ufdf0-\ufffd]")
_TEAM_START_FAULTS = ("exec", "chdir", "not a directory", "no such file or directory")


@dataclass(frozen=True, slots=True)
class Outcome:
    """A run that ended well: its stage times in seconds, and for the steward the end of its log."""

    seconds_start: float
    seconds_infer: float
    log_tail: str


@dataclass(frozen=True, slots=True)
class Engine:
    """A connection to the engine, which has been asked what it can enforce."""

    client: docker.DockerClient
    address: str
    name: str
    podman: bool
    runtime: str
    cpus: int
    memory_bytes: int

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
            info: Mapping[str, Any] = client.info()
            version: Mapping[str, Any] = client.version()
        except (DockerException, requests.RequestException) as error:
            raise EngineUnavailable(
                f"the container engine at {address} does not answer ({error}); restart it"
            ) from error
        lacking = _lacking(info)
        if lacking:
            raise EngineUnavailable(
                f"the container engine at {address} cannot enforce {', '.join(lacking)}, which "
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
        return cls(client, address, name, podman, runtime, int(info["NCPU"]), int(info["MemTotal"]))

    def close(self) -> None:
        """Close the connection; the engine is not asked anything after this."""
        self.client.close()

    def description(self) -> str:
        """One line for the steward: which engine, on what."""
        return f"{self.name} at {self.address}, {self.cpus} CPUs, {self.memory_bytes >> 20} MB"

    def inspect(self, image: str) -> ImageConfiguration:
        """Configuration of a local image, by name or digest.

        Raises ContractBroken where the engine has no such image.
        """
        with _our_fault("inspecting the image"):
            try:
                return _configuration(self.client.api.inspect_image(image))
            except NotFound:
                raise ContractBroken(
                    Failure.IMAGE_INVALID, f"the engine has no image {_printable(image)[:200]}"
                ) from None

    def has(self, image: str) -> bool:
        """Whether the engine still has an image."""
        with _our_fault("looking for the image"):
            try:
                self.client.api.inspect_image(image)
            except NotFound:
                return False
        return True

    def keep(self, image_digest: str, submission_id: str) -> None:
        """Give an entered image a name of ours, so that a clean-up does not take it for unused."""
        with _our_fault("naming the image"):
            self.client.api.tag(image_digest, KEPT, submission_id)

    def resolve(self, image: str, contract: Contract | None = None) -> str:
        """Content digest of a local image, after linting its configuration.

        The size is judged where a ``contract`` is given. Raises ContractBroken where the image is
        not there or the contract forbids it.
        """
        found = self.inspect(image)
        lint(found, contract)
        return found.digest

    def load(self, archive: Path, contract: Contract) -> str:
        """Lint a `docker save` archive, load its image under no name, and give its digest.

        Raises ContractBroken where the contract forbids the archive or its image.
        """
        linted = lint_archive(archive, contract).digest
        with tempfile.TemporaryDirectory(dir=archive.parent) as folder:
            nameless = Path(folder) / "image.tar"
            without_names(archive, nameless, contract)
            with _our_fault("loading an image"), nameless.open("rb") as file:
                try:
                    self.client.api.load_image(file)
                except APIError as error:
                    raise ContractBroken(
                        Failure.IMAGE_INVALID,
                        f"the engine does not load the image: {_printable(str(error))}",
                    ) from error
        # What was linted is what runs: were anything else loaded, this digest would be unknown.
        return self.resolve(linted, contract)

    def run(
        self, image_digest: str, staged: Staged, contract: Contract, *, submission_id: str
    ) -> Outcome:
        """Run an image once over the staged cases, under every limit of the contract.

        When this returns or raises, the container is gone and ``staged.predictions``, still to be
        trusted in nothing, is all that it leaves.

        Raises ContractBroken for the submission's failures, EngineUnavailable for the engine's.
        """
        digest = self.resolve(image_digest, contract)
        self._can_grant(contract)
        started = time.monotonic()
        with self._container(digest, staged, contract, submission_id) as container:
            limit = contract.seconds(staged.n_cases)
            _start(container)
            running = time.monotonic()
            in_time = self._wait(container, running + limit)
            ended = time.monotonic()
            log_tail = _log_tail(container)
            state = _final_state(container)
        broken = _broken(state, limit=limit, in_time=in_time)
        if broken is not None:
            raise ContractBroken(*broken, log_tail)
        return Outcome(running - started, ended - running, log_tail)

    def remove_orphans(self, submission_id: str) -> int:
        """Remove containers that a killed run of this submission left; their number."""
        with _our_fault("looking for containers that were left"):
            found = self.client.containers.list(
                all=True, ignore_removed=True, filters={"label": f"{LABEL}={submission_id}"}
            )
            for container in found:
                _remove(container)
        return len(found)

    def _can_grant(self, contract: Contract) -> None:
        if contract.cpus > self.cpus:
            raise EngineUnavailable(
                f"the benchmark grants {contract.cpus:g} CPUs but the engine has {self.cpus}; "
                "run it on a larger machine"
            )
        if contract.memory_mb * 2**20 > self.memory_bytes:
            raise EngineUnavailable(
                f"the benchmark grants {contract.memory_mb} MB of memory but the engine has "
                f"{self.memory_bytes // 2**20} MB; run it on a larger machine"
            )

    @contextmanager
    def _container(
        self, digest: str, staged: Staged, contract: Contract, submission_id: str
    ) -> Iterator[Container]:
        """Create the container, and remove it whatever happens."""
        asked = _flags(staged, contract)
        if self.runtime:
            asked["runtime"] = self.runtime
        if self.podman:
            asked = _in_podmans_words(asked)
        with _our_fault("creating the container"):
            made = self.client.api.create_container(
                digest,
                user=f"{CONTAINER_UID}:{CONTAINER_UID}",
                environment=_environment(contract),
                labels={LABEL: submission_id},
                hostname="submission",
                detach=True,
                stdin_open=False,
                tty=False,
                healthcheck={"test": ["NONE"]},
                # The default would hand the steward's proxy settings, with any password in
                # them, to the container.
                use_config_proxy=False,
                host_config=self.client.api.create_host_config(**asked),
            )
            container = self.client.containers.get(made["Id"])
        try:
            refused = [*(made.get("Warnings") or ()), *_not_granted(container.attrs, contract)]
            if refused:
                raise EngineUnavailable(
                    f"the container engine does not grant what the contract asks: {refused[0]}"
                )
            yield container
        finally:
            _remove(container)

    def _wait(self, container: Container, deadline: float) -> bool:
        """Wait for the end and kill at the deadline; whether it ended by itself."""
        with _our_fault("waiting for the container"):
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


def _flags(staged: Staged, contract: Contract) -> dict[str, Any]:
    """Every limit of the contract, in the engine's words."""
    memory = contract.memory_mb * 2**20
    # One bound holds for every file, so the scratch space sets it where that is larger: what a
    # container can put on the host's disk is one file of this size, for the time of its run.
    file_bytes = max(contract.output_bytes, contract.tmp_mb * 2**20)
    return {
        "network_mode": "none",
        "read_only": True,
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges"],
        "privileged": False,
        "pids_limit": contract.pids,
        "mem_limit": memory,
        "memswap_limit": memory,
        "nano_cpus": int(contract.cpus * 1e9),
        "ipc_mode": "private",
        "shm_size": contract.shm_mb * 2**20,
        "tmpfs": {"/tmp": f"rw,exec,nosuid,nodev,size={contract.tmp_mb}m,mode=1777"},
        "mounts": [
            Mount("/input", str(staged.input), type="bind", read_only=True),
            Mount("/output/predictions.csv", str(staged.predictions), type="bind"),
        ],
        "ulimits": [
            Ulimit(name="fsize", soft=file_bytes, hard=file_bytes),
            Ulimit(name="nofile", soft=OPEN_FILES, hard=OPEN_FILES),
            Ulimit(name="core", soft=0, hard=0),
        ],
        "log_config": LogConfig(
            type=LogConfig.types.JSON,
            config={"max-size": f"{contract.log_kb}k", "max-file": "1"},
        ),
        "restart_policy": {"Name": "no"},
        "device_requests": [DeviceRequest(count=contract.gpus, capabilities=[["gpu"]])]
        if contract.gpus
        else [],
        "dns": ["127.0.0.1"],  # not the host's resolv.conf, which names its site
        "dns_search": ["."],
    }


def _in_podmans_words(asked: dict[str, Any]) -> dict[str, Any]:
    """Add what Podman needs to be told to keep the same limits."""
    # It asks for a million processes a user but has bounded itself to 32,768, and the kernel then
    # refuses to start anything. The limit that counts is that of the cgroup.
    hard = resource.getrlimit(resource.RLIMIT_NPROC)[1]
    processes = 32_768 if hard == resource.RLIM_INFINITY else min(hard, 32_768)
    return {
        **asked,
        "ulimits": [*asked["ulimits"], Ulimit(name="nproc", soft=processes, hard=processes)],
        "security_opt": [*asked["security_opt"], f"seccomp={narrowed_profile(cache())}"],
        # It makes these writable in a read-only container.
        "tmpfs": {
            **asked["tmpfs"],
            **dict.fromkeys(("/run", "/var/tmp"), "ro,noexec,nosuid,nodev,size=4k,mode=0555"),
        },
    }


def _environment(contract: Contract) -> dict[str, str]:
    """All that the harness adds to the image's own environment."""
    threads = str(max(1, math.floor(contract.cpus)))
    return {
        "HOME": "/tmp",
        "TMPDIR": "/tmp",
        "LANG": "C.UTF-8",
        "OMP_NUM_THREADS": threads,
        "OPENBLAS_NUM_THREADS": threads,
    }


def _lacking(info: Mapping[str, Any]) -> list[str]:
    """Limits of the contract that this engine says it cannot enforce."""
    named = {
        "MemoryLimit": "a memory limit",
        "CpuCfsQuota": "a CPU limit",
        "PidsLimit": "a limit of processes",
    }
    lacking = [words for key, words in named.items() if info.get(key) is False]
    if info.get("SwapLimit") is False and _swaps():
        lacking.append("a swap limit (or turn swap off)")
    options = " ".join(info.get("SecurityOptions") or ())
    if (info.get("Rootless") or "rootless" in options) and (
        info.get("CgroupVersion") != "2" or info.get("CgroupDriver") == "none"
    ):
        lacking.append("memory, CPU and process limits (a rootless engine needs cgroup v2)")
    if "seccomp" not in options or "profile=unconfined" in options:
        lacking.append("the default seccomp profile")
    return lacking


def _swaps() -> bool:
    """Whether this machine swaps; without swap there is none to limit."""
    try:
        return len(Path("/proc/swaps").read_text(encoding="utf-8").splitlines()) > 1
    except OSError:
        return True


def _not_granted(attributes: Mapping[str, Any], contract: Contract) -> list[str]:
    """Flags that the engine took without complaint but did not keep."""
    host, config = attributes["HostConfig"], attributes["Config"]
    memory = contract.memory_mb * 2**20
    cpus = (host.get("NanoCpus") or 0) / 1e9 or (
        (host.get("CpuQuota") or 0) / (host.get("CpuPeriod") or 100_000)
    )
    ulimits = {
        str(limit["Name"]).removeprefix("RLIMIT_").lower() for limit in host.get("Ulimits") or ()
    }
    kept: Mapping[str, bool] = {
        "no network": host["NetworkMode"] == "none",
        "a read-only root": host["ReadonlyRootfs"] is True,
        "no privileges": host["Privileged"] is False,
        "a memory limit": host["Memory"] == memory,
        "no swap": host["MemorySwap"] in (memory, 0, -1)
        if not _swaps()
        else host["MemorySwap"] == memory,
        "a limit of processes": host["PidsLimit"] == contract.pids,
        "a CPU limit": math.isclose(cpus, contract.cpus, rel_tol=0.01),
        "no capabilities": bool(host["CapDrop"]) and not host["CapAdd"],
        "no-new-privileges": any("no-new-privileges" in o for o in host["SecurityOpt"] or ()),
        "a numeric user": config["User"] == f"{CONTAINER_UID}:{CONTAINER_UID}",
        "limits of file size and core dumps": {"fsize", "core"} <= ulimits,
        "a bounded /tmp": f"size={contract.tmp_mb}m" in (host.get("Tmpfs") or {}).get("/tmp", ""),
    }
    return [words for words, is_kept in kept.items() if not is_kept]


def _configuration(attributes: Mapping[str, Any]) -> ImageConfiguration:
    config = attributes.get("Config") or {}
    digest = str(attributes["Id"])
    return ImageConfiguration(
        digest=digest if digest.startswith("sha256:") else f"sha256:{digest}",
        system=str(attributes.get("Os", "")),
        architecture=str(attributes.get("Architecture", "")),
        size_bytes=int(attributes.get("Size") or 0),
        layers=len((attributes.get("RootFS") or {}).get("Layers") or ()),
        entrypoint=tuple(config.get("Entrypoint") or ()),
        command=tuple(config.get("Cmd") or ()),
        volumes=tuple(config.get("Volumes") or ()),
        on_build=tuple(config.get("OnBuild") or ()),
    )


def _start(container: Container) -> None:
    try:
        container.start()
    except APIError as error:
        said = str(error.explanation or error)
        # The engine reports a missing or unusable command of the image as its own error.
        if any(fault in said for fault in _TEAM_START_FAULTS):
            raise ContractBroken(Failure.START_FAILED, _printable(said)) from error
        raise EngineUnavailable(f"the container engine cannot start containers: {said}") from error
    except requests.RequestException as error:
        raise EngineUnavailable(f"the container engine does not answer: {error}") from error


def _final_state(container: Container) -> Mapping[str, Any]:
    """State of a dead container; a kill at the memory limit may be told a moment after the end."""
    with _our_fault("asking how the container ended"):
        for _ in range(10):
            container.reload()
            state: Mapping[str, Any] = container.attrs["State"]
            if state.get("OOMKilled") or state.get("ExitCode") in (0, KILLED):
                break
            time.sleep(0.02)
    return state


def _broken(state: Mapping[str, Any], *, limit: float, in_time: bool) -> tuple[Failure, str] | None:
    code = state.get("ExitCode")
    if not in_time:
        return Failure.TIMED_OUT, f"killed at its limit of {limit:g} s"
    if code == 0:
        return None
    # We did not kill it, and nothing within can kill its first process: the kernel did. Not every
    # engine notices.
    if state.get("OOMKilled") or code == KILLED:
        return Failure.OUT_OF_MEMORY, f"killed at its memory limit, exit code {code}"
    return Failure.CRASHED, f"exit code {code} {_printable(str(state.get('Error') or ''))}".strip()


def _log_tail(container: Container) -> str:
    """Read the end of the log, without what could steer a terminal."""
    with suppress(DockerException, requests.RequestException):
        said: bytes = container.logs(tail=LOG_LINES)
        return _printable(said[-LOG_CHARACTERS:].decode("utf-8", errors="replace"))
    return ""


def _printable(text: str) -> str:
    return _CONTROL.sub("\ufffd", text)


def _remove(container: Container) -> None:
    """Kill and remove a container with its anonymous volumes; a refusal is tried again."""
    for attempt in range(5):
        try:
            container.remove(force=True, v=True)
        except NotFound:
            return
        except (APIError, requests.RequestException) as error:
            if attempt == 4:
                raise EngineUnavailable(
                    f"the container engine does not remove container {container.short_id}: {error}"
                ) from error
            time.sleep(0.2 * 2**attempt)
        else:
            return


@contextmanager
def _our_fault(doing: str) -> Iterator[None]:
    """Turn what the engine's client raises into one sentence for the steward."""
    try:
        yield
    except (DockerException, requests.RequestException) as error:
        raise EngineUnavailable(f"the container engine failed while {doing}: {error}") from error
