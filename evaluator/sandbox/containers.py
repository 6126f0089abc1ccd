"""Containers of ours in an engine: found by their labels, ended, and removed with all they left."""

from __future__ import annotations

import logging
import time
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
from docker import DockerClient
from docker.errors import APIError, NotFound
from docker.models.containers import Container

from evaluator.sandbox.connection import our_fault
from evaluator.sandbox.staging import is_alive
from submissions.addresses.engine import EngineSick, EngineUnavailable
from submissions.image.lint import OUR_LABELS

LABEL = f"{OUR_LABELS}submission"
RUN_LABEL = f"{OUR_LABELS}run"
"""The folder that a run was staged in, which its process holds locked for as long as it lives."""
GPUS_LABEL = f"{OUR_LABELS}gpus"
"""The GPUs that the container was given, if any."""

CANCELLED = "sequestra-cancelled-"
"""What the name of a container begins with that ``Containers.kill`` ended."""

_LOG = logging.getLogger(__name__)

VACATE_SECONDS = 10
"""How long a container may have a GPU whose lock is free."""


@dataclass(frozen=True, slots=True)
class Containers:
    """The containers of submissions, whichever process of this host runs them."""

    client: DockerClient

    def kill(self, submission_id: str) -> int:
        """Kill the containers of a submission, whichever process runs them; their number.

        ``run`` ends with the failure ``cancelled`` for each of them.
        """
        with our_fault("ending a container"):
            return self._kill(self._ours(f"{LABEL}={submission_id}"))

    def kill_over(self, staging_folder: Path) -> int:
        """Kill all containers whose cases were laid out under a folder; their number."""
        with our_fault("ending containers that were left"):
            return self._kill(self._over(staging_folder))

    def _kill(self, containers: Iterable[Mapping[str, Any]]) -> int:
        killed = 0
        for container in containers:
            if container["State"] in ("created", "running"):
                with suppress(NotFound):
                    # The name tells the process that waits for it, and one that is about to start
                    # it, and outlasts this one.
                    self.client.api.rename(container["Id"], f"{CANCELLED}{container['Id'][:12]}")
                    killed += 1
                with suppress(APIError):  # it does not run yet, or not any more
                    self.client.api.kill(container["Id"], signal="SIGKILL")
        return killed

    def remove_dead(self, staging_folder: Path) -> int:
        """Remove containers over ``staging_folder`` whose process was killed; their number.

        Those of processes that live, in this process or another on the same engine, stay.
        """
        dead = 0
        with our_fault("looking for containers that were left"):
            for container in self._over(staging_folder):
                if not is_alive(Path(container["Labels"][RUN_LABEL])):
                    self.remove(container["Id"])
                    dead += 1
        return dead

    def _over(self, staging_folder: Path) -> list[dict[str, Any]]:
        folder = staging_folder.resolve()
        return [
            container
            for container in self._ours(RUN_LABEL)
            if Path(container["Labels"][RUN_LABEL]).parent == folder
        ]

    def _ours(self, label: str) -> list[dict[str, Any]]:
        containers: list[dict[str, Any]] = self.client.api.containers(
            all=True, filters={"label": label}
        )
        return containers

    def vacate(self, gpus: Collection[str]) -> None:
        """Remove the container of a killed process from GPUs that are held here.

        It outlives its process, which held them until then; the lock of that run's folder is freed
        in the same moment, but perhaps a little later. One whose process lives, or cannot be told
        to be dead, keeps its GPU.
        """
        deadline = time.monotonic() + VACATE_SECONDS
        with our_fault("looking for containers on the GPUs"):
            for container in self._ours(GPUS_LABEL):
                shared = set(gpus).intersection(container["Labels"][GPUS_LABEL].split(","))
                folder = Path(container["Labels"][RUN_LABEL])
                while shared and (not folder.parent.is_dir() or is_alive(folder)):
                    if time.monotonic() > deadline:
                        raise EngineSick(
                            f"container {container['Id'][:12]} uses GPU {', '.join(shared)}, but "
                            "no lock file says so; if its process is dead, remove the container, "
                            "otherwise let all workers of this host share one folder for locks: "
                            "/run/lock, or /tmp if not everybody may write to /run/lock"
                        )
                    time.sleep(0.05)
                if shared:
                    self.remove(container["Id"])

    def pin(self, container: Container, cores: Collection[str]) -> bool:
        """Give a container that has not started its processors; whether the engine has them.

        It may be held to others than this process is, and the container then sees all of those.
        """
        with our_fault("giving the container its processors"):
            try:
                self.client.api.update_container(str(container.id), cpuset_cpus=",".join(cores))
            except APIError as error:
                if error.status_code != requests.codes.bad_request:
                    raise
                _LOG.warning("containers see all CPUs: %s", error.explanation or error)
                return False
            container.reload()
        return True

    def remove(self, container_id: str) -> None:
        """Kill and remove a container with its anonymous volumes; a refusal is tried again."""
        for attempt in range(5):
            try:
                self.client.api.remove_container(container_id, force=True, v=True)
            except NotFound:
                return
            except (APIError, requests.RequestException) as error:
                if attempt == 4 or isinstance(error, requests.ReadTimeout):
                    raise EngineUnavailable(
                        f"the container engine does not remove container {container_id[:12]}: "
                        f"{error}"
                    ) from error
                time.sleep(0.2 * 2**attempt)
            else:
                return
