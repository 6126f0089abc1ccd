"""Docker Engine or Podman as the queue asks it: one class for each concern, put together here."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from docker import DockerClient

from evaluator.sandbox.account_files import refuse_odd_accounts
from evaluator.sandbox.connection import Connection
from evaluator.sandbox.containers import GPUS_LABEL, LABEL, RUN_LABEL, Containers
from evaluator.sandbox.images import Images
from evaluator.sandbox.runs import Outcome, Run, Runs
from evaluator.sandbox.staging import Staged
from submissions.addresses.engine import EngineUnavailable
from submissions.contract import Contract
from submissions.image.lint import ImageConfiguration, lint

__all__ = ["GPUS_LABEL", "LABEL", "RUN_LABEL", "Engine", "EngineUnavailable", "Outcome"]


@dataclass(frozen=True, slots=True)
class Engine:
    """An engine that was asked what it can enforce: its images, its containers, its runs."""

    connection: Connection
    images: Images
    containers: Containers

    @classmethod
    def connect(cls) -> Self:
        """Connect to DOCKER_HOST, Docker's socket or Podman's; raise as ``Connection.connect``."""
        connection = Connection.connect()
        client = connection.client
        return cls(connection, Images(client, connection.store), Containers(client))

    def close(self) -> None:
        """Close the connection; the engine is not asked anything after this."""
        self.connection.close()

    @property
    def client(self) -> DockerClient:
        """The SDK's client of the connection."""
        return self.connection.client

    def let_in(self, image: ImageConfiguration, contract: Contract) -> None:
        """Lint an image before it is entered, and look at what of it the engine itself reads.

        Raises ContractBroken where the image may not run, EngineUnavailable for the engine's fault.
        """
        lint(image, contract)
        refuse_odd_accounts(self.connection, self.images, self.containers, image.digest)

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
        """Run an image that was let in over the staged cases; see ``Run`` and ``Runs.run``."""
        attempt = Run(
            image_digest=image_digest,
            staged=staged,
            contract=contract,
            submission_id=submission_id,
            given_up=given_up,
            room=room,
            whole_log=whole_log,
        )
        return Runs(self.connection, self.images, self.containers).run(attempt)

    def receive(self, image: str, contract: Contract) -> AbstractContextManager[ImageConfiguration]:
        """See ``Images.receive``."""
        return self.images.receive(image, contract)

    def has(self, image: str) -> bool:
        """See ``Images.has``."""
        return self.images.has(image)

    def load(self, archive: Path, contract: Contract, scratch: Path | None = None) -> str:
        """See ``Images.load``."""
        return self.images.load(archive, contract, scratch)

    def save(self, image_digest: str, path: Path) -> None:
        """See ``Images.save``."""
        self.images.save(image_digest, path)

    def keep(self, image_digest: str, submission_id: str) -> None:
        """See ``Images.keep``."""
        self.images.keep(image_digest, submission_id)

    def kept(self) -> set[str]:
        """See ``Images.kept``."""
        return self.images.kept()

    def forget(self, submission_id: str) -> bool:
        """See ``Images.forget``."""
        return self.images.forget(submission_id)

    def kill(self, submission_id: str) -> int:
        """See ``Containers.kill``."""
        return self.containers.kill(submission_id)
