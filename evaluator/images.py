"""The engine's images: entered by name or archive, kept for as long as they are needed."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import docker
import requests
from docker.errors import APIError, DockerException, NotFound

from cohort_selection.atomic import written
from evaluator.ending import printable
from submissions.archive import lint_archive, without_names
from submissions.contract import Contract
from submissions.engine_address import EngineUnavailable
from submissions.image import ImageConfiguration, lint
from submissions.submission import ContractBroken, Failure

KEPT = "sequestra/kept"
"""Repository of the names by which entered images are kept, one tag a submission."""


class NoImage(ContractBroken):
    """The engine has no such image."""


@dataclass(frozen=True, slots=True)
class Images:
    """The images of an engine, which may be anybody's; those of submissions have a name of ours."""

    client: docker.DockerClient

    @contextmanager
    def receive(self, image: str, contract: Contract) -> Iterator[ImageConfiguration]:
        """Configuration of a local image, or of one that is loaded from a `docker save` archive.

        ``image`` is the path of an archive, where there is such a file, or a name or digest. An
        archive is linted before it is loaded; the image of a name is not linted here. What was
        loaded goes again where something is raised within, unless it has a name by then.

        Raises ContractBroken where there is no such image, or the contract forbids the archive.
        """
        if os.path.isfile(image):  # noqa: PTH113 - a name may be none that a file can have
            with self._loaded(Path(image), contract) as digest:
                yield self.inspect(digest)
        else:
            yield self.inspect(image)

    def inspect(self, image: str) -> ImageConfiguration:
        """Configuration of a local image, by name or digest.

        Raises NoImage where the engine has no such image.
        """
        with our_fault("inspecting the image"):
            try:
                return _configuration(self.client.api.inspect_image(image))
            except (APIError, docker.errors.NullResource) as error:
                if isinstance(error, APIError) and error.status_code not in (400, 404):
                    raise
                raise NoImage(
                    Failure.IMAGE_INVALID,
                    f"the engine has no image {ascii(image[:200])[1:-1] or repr(image)} and there "
                    "is no such file; give an image's name or digest, or the path of an archive "
                    "that `docker save` wrote",
                ) from None

    def has(self, image: str) -> bool:
        """Whether the engine still has an image."""
        with our_fault("looking for the image"):
            try:
                self.client.api.inspect_image(image)
            except NotFound:
                return False
        return True

    def keep(self, image_digest: str, submission_id: str) -> None:
        """Give an entered image a name of ours, so that a clean-up does not take it for unused."""
        with our_fault("naming the image"):
            self.client.api.tag(image_digest, KEPT, submission_id)

    def kept(self) -> set[str]:
        """The submissions whose images have a name of ours."""
        with our_fault("listing the images that were kept"):
            found = self.client.api.images(name=KEPT)
        names = (name for each in found for name in each.get("RepoTags") or ())
        ours = (name.rpartition(":") for name in names)
        # Podman writes its own registry's name before ours.
        return {name for repository, _, name in ours if f"/{repository}".endswith(f"/{KEPT}")}

    def forget(self, submission_id: str) -> bool:
        """Take our name off an image, which goes if it has no other; False while it is in use."""
        with our_fault("giving an image up"):
            try:
                self.client.api.remove_image(f"{KEPT}:{submission_id}")
            except NotFound:
                return True
            except APIError as error:
                if error.status_code == 409:  # a container's image
                    return False
                raise
        return True

    def resolve(self, image: str, contract: Contract | None = None) -> str:
        """Content digest of a local image, after linting its configuration.

        The size is judged where a ``contract`` is given. Raises ContractBroken where the image is
        not there or the contract forbids it.
        """
        found = self.inspect(image)
        lint(found, contract)
        return found.digest

    def load(self, archive: Path, contract: Contract, scratch: Path | None = None) -> str:
        """Lint a `docker save` archive, load its image under no name, and give its digest.

        A copy without names is written into ``scratch``, or beside the archive.
        Raises ContractBroken where the contract forbids the archive or its image, which then is
        no more in the engine than before.
        """
        with self._loaded(archive, contract, scratch) as digest:
            return digest

    @contextmanager
    def _loaded(
        self, archive: Path, contract: Contract, scratch: Path | None = None
    ) -> Iterator[str]:
        linted = lint_archive(archive, contract).digest
        was_there = self.has(linted)
        with tempfile.TemporaryDirectory(dir=scratch or archive.parent) as folder:
            nameless = Path(folder) / "image.tar"
            without_names(archive, nameless, contract)
            with our_fault("loading an image"), nameless.open("rb") as file:
                try:
                    said = list(self.client.api.load_image(file))
                except APIError as error:
                    said = [{"error": str(error)}]
                wrong = [str(each["error"]) for each in said if "error" in each]
                if wrong:
                    raise ContractBroken(
                        Failure.IMAGE_INVALID,
                        f"the engine does not load the image: {printable(wrong[0])}",
                    )
        try:
            # What was linted is what runs: were anything else loaded, this digest would be unknown.
            yield self.resolve(linted, contract)
        except BaseException:
            if not was_there:
                with suppress(EngineUnavailable):  # what was raised says more
                    self._remove_nameless(linted)
            raise

    def _remove_nameless(self, image_digest: str) -> None:
        """Remove an image, unless it has a name or a container.

        Whoever enters the same image at this moment names it. Hence it is not removed by its
        digest, which would take a last name with it, but by losing a name that it gets for this.
        """
        name = f"refused-{uuid4().hex[:12]}"
        self.keep(image_digest, name)
        for _ in range(10):
            if self.forget(name):
                return
            time.sleep(0.2)  # another looks at it in a container, and is soon done

    def save(self, image_digest: str, path: Path) -> None:
        """Write an image to ``path`` as `docker save` does, whole or not at all.

        ``load`` gives it the same digest in another engine. Raises EngineUnavailable where this
        engine does not give it, OSError where the disk fails.
        """
        with written(path) as file, our_fault("saving the image"):
            for chunk in self.client.api.get_image(image_digest):
                file.write(chunk)


def _configuration(attributes: Mapping[str, Any]) -> ImageConfiguration:
    digest = str(attributes["Id"])
    return ImageConfiguration.read(
        attributes.get("Config") or {},
        digest=digest if digest.startswith("sha256:") else f"sha256:{digest}",
        system=str(attributes.get("Os", "")),
        architecture=str(attributes.get("Architecture", "")),
        variant=str(attributes.get("Variant") or ""),
        size_bytes=int(attributes.get("Size") or 0),
        layers=len((attributes.get("RootFS") or {}).get("Layers") or ()),
    )


@contextmanager
def our_fault(doing: str) -> Iterator[None]:
    """Turn what the engine's client raises into one sentence for the steward."""
    try:
        yield
    except (DockerException, requests.RequestException) as error:
        raise EngineUnavailable(f"the container engine failed while {doing}: {error}") from error
