"""The connection to Docker Engine or Podman, which is asked once what it can enforce."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Self

import docker
import requests
from docker import DockerClient
from docker.errors import DockerException

from evaluator.host.cores import has_our_cores
from evaluator.sandbox.image_ids import store_of
from evaluator.sandbox.limits import lacking
from submissions.addresses.engine import EngineUnavailable, engine_address, no_engine

RUNTIME_VARIABLE = "SEQUESTRA_RUNTIME"

API_SECONDS = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """A connection to the engine, with what the engine tells of itself.

    ``store`` is where it keeps images, ``runtime`` the OCI runtime that was asked for, if any.
    """

    client: DockerClient
    store: str
    address: str
    name: str
    podman: bool
    runtime: str
    cpus: int
    memory_bytes: int
    has_cpusets: bool

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
        n_cpus = int(info["NCPU"])
        return cls(
            client=client,
            store=store_of(info),
            address=address,
            name=name,
            podman=podman,
            runtime=runtime,
            cpus=n_cpus,
            memory_bytes=int(info["MemTotal"]),
            has_cpusets=has_our_cores(n_cpus) and has_cpusets(client, info, podman),
        )

    def close(self) -> None:
        """Close the connection; the engine is not asked anything after this."""
        self.client.close()

    def description(self) -> str:
        """One line for the steward: which engine, on what."""
        words = f"{self.name} at {self.address}, {self.cpus} CPUs, {self.memory_bytes >> 20} MB"
        return words if self.has_cpusets else f"{words}; no CPU sets: programs see all CPUs"


def has_cpusets(client: DockerClient, info: Mapping[str, Any], podman: bool) -> bool:
    """Whether an engine can hold containers to processors, as it tells of itself.

    A rootless one has what the system hands down to its user, usually time but no processors. Of
    that Podman tells nothing in Docker's words, and nothing starts in which it is asked for more.
    """
    if podman:
        with suppress(requests.RequestException, ValueError, TypeError, KeyError):
            answer = client.api.get(f"{client.api.base_url}/v4.0.0/libpod/info")
            return "cpuset" in answer.json()["host"]["cgroupControllers"]
        return False
    return info.get("CPUSet") is not False


@contextmanager
def our_fault(doing: str) -> Iterator[None]:
    """Turn what the engine's client raises into one sentence for the steward."""
    try:
        yield
    except (DockerException, requests.RequestException) as error:
        raise EngineUnavailable(f"the container engine failed while {doing}: {error}") from error
