"""The engine's images: entered by name or archive, kept for as long as they are needed."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import IO, Any

import docker
from docker.errors import APIError, ImageNotFound, NotFound

from cohort_selection.atomic_files import written
from evaluator.sandbox.connection import our_fault
from evaluator.sandbox.exit_cause import printable
from evaluator.sandbox.image_ids import CONTAINERD, Manifest, read_manifest
from evaluator.sandbox.probe_image import known_good
from evaluator.sandbox.staging import is_alive, own_folder, remove_leftovers
from submissions.addresses.engine import EngineUnavailable
from submissions.contract import Contract
from submissions.host.base_image import cache
from submissions.image.archive import write_loadable
from submissions.image.layout import remedy_for_folder
from submissions.image.lint import ImageConfiguration, lint
from submissions.submission import ContractBroken, Failure

KEPT = "sequestra/kept"
"""Repository of the names by which entered images are kept, one tag a submission."""
LOADED = "sequestra/loaded"
"""Repository of the names under which images are loaded."""

_BY_HOST, _PROBE = "image", "probe"
"""Tags of what a host loaded to run it, and of our own image."""

_MANIFESTS: dict[str, Manifest | None] = {}
"""What manifests tell that this process has read or written, by their digests."""


class NoImage(ContractBroken):
    """The engine has no such image."""


@dataclass(frozen=True, slots=True)
class Images:
    """The images of an engine, which may be anybody's; those of submissions have a name of ours.

    An image is spoken of by the digest of its configuration, whatever the engine's ``store`` knows
    it by. Each name of ours ends in that digest, by which the containerd store finds it.
    """

    client: docker.DockerClient
    store: str

    @contextmanager
    def receive(self, image: str, contract: Contract) -> Iterator[ImageConfiguration]:
        """Configuration of a local image, or of one that is loaded from an archive.

        ``image`` is the path of an archive, where there is such a file, or a name or digest. An
        archive is linted before it is loaded; the image of a name is not linted here, unless the
        store is containerd's, which does not tell what an image would unpack to. What was loaded
        goes again as the block ends, unless it has another name by then.

        Raises ContractBroken where there is no such image, or the contract forbids the archive.
        """
        root = cache() / "received"
        self.forget_dead(root)
        with own_folder(root) as folder:
            if os.path.isfile(image):  # noqa: PTH113 - a name may be none that a file can have
                archive = Path(image)
            else:
                configuration = self._found(image)
                if self.store != CONTAINERD or self.id_of(image) != image:
                    yield configuration
                    return
                archive = folder / "saved.tar"
                self.save(image, archive)
            with self._held(archive, contract, folder) as configuration:
                (folder / "saved.tar").unlink(missing_ok=True)
                yield configuration

    def _found(self, image: str) -> ImageConfiguration:
        try:
            return self.inspect(image)
        except NoImage:
            if os.path.isdir(image):  # noqa: PTH112 - as in receive
                problem = f"{image!a} is a folder; {remedy_for_folder(Path(image))}"
                raise ContractBroken(Failure.IMAGE_INVALID, problem) from None
            raise

    def inspect(self, image: str) -> ImageConfiguration:
        """Configuration of a local image, by name or digest.

        Raises NoImage where the engine has no such image.
        """
        with our_fault("inspecting the image"):
            try:
                attributes = self._attributes(image)
            except ImageNotFound:
                raise NoImage(
                    Failure.IMAGE_INVALID,
                    f"the engine has no image {ascii(image[:200])[1:-1] or repr(image)} and there "
                    "is no such file; give an image's name or digest, or the path of an archive "
                    "that `docker save` wrote",
                ) from None
        configuration = _configuration(attributes)
        manifest = _MANIFESTS.get(configuration.digest)
        if manifest is not None:
            configuration = replace(
                configuration, digest=manifest.configuration, size_bytes=manifest.size_bytes
            )
        return configuration

    def has(self, image: str) -> bool:
        """Whether the engine still has an image."""
        with our_fault("looking for the image"):
            try:
                self._attributes(image)
            except ImageNotFound:
                return False
        return True

    def id_of(self, image: str) -> str:
        """By what this engine knows an image: as it is given, or the digest of its manifest."""
        if self.store != CONTAINERD or not image.startswith("sha256:"):
            return image
        with our_fault("looking for the image"):
            for name in (*self._names(LOADED), *self._names(KEPT)):
                if name.endswith(_naming("", "", image)):
                    with suppress(NotFound):
                        digest = _digest(self.client.api.inspect_image(name))
                        # Anybody may have given the name; the manifest tells what it stands for.
                        manifest = self._manifest(digest, name)
                        if manifest is not None and manifest.configuration == image:
                            return digest
        return image

    def _manifest(self, manifest_digest: str, name: str) -> Manifest | None:
        if manifest_digest not in _MANIFESTS:
            saved = self.client.api.get_image(name)
            _MANIFESTS[manifest_digest] = read_manifest(saved, manifest_digest)
        return _MANIFESTS[manifest_digest]

    def _id(self, image: str) -> str:
        with our_fault("inspecting the image"):
            return _digest(self._attributes(image))

    def _attributes(self, image: str) -> Mapping[str, Any]:
        """What the engine tells of an image; raise ImageNotFound, also for what can be no name."""
        if not image or {".", ".."} & set(image.split("/")):
            raise ImageNotFound("no name of an image")
        try:
            return self.client.api.inspect_image(self.id_of(image))
        except APIError as error:
            if error.status_code in (400, 404) or _is_unnameable(error):
                raise ImageNotFound(str(error)) from None
            raise

    def keep(self, image_digest: str, submission_id: str) -> None:
        """Give an entered image a name of ours, so that a clean-up does not take it for unused."""
        with our_fault("naming the image"):
            self._name(image_digest, _naming(KEPT, submission_id, image_digest))

    def kept(self) -> set[str]:
        """The submissions whose images have a name of ours."""
        with our_fault("listing the images that were kept"):
            return {_stem(name) for name in self._names(KEPT)}

    def forget(self, submission_id: str) -> bool:
        """Take our name off an image, which goes if it has no other; False while it is in use."""
        return self._forget(KEPT, submission_id)

    def _forget(self, repository: str, stem: str) -> bool:
        with our_fault("giving an image up"):
            for name in self._names(repository):
                if _stem(name) != stem:
                    continue
                try:
                    self.client.api.remove_image(name)
                except NotFound:
                    continue
                except APIError as error:
                    if error.status_code == 409:  # a container's image
                        return False
                    raise
        return True

    def _name(self, image_digest: str, name: str) -> None:
        repository, _, tag = name.rpartition(":")
        self.client.api.tag(self.id_of(image_digest), repository, tag)

    def _names(self, repository: str) -> list[str]:
        """All names that the engine has in a repository of ours."""
        images = self.client.api.images(name=repository)
        names = (name for each in images for name in each.get("RepoTags") or ())
        # Podman writes its own registry's name before ours.
        return [name for name in names if f"/{name.rpartition(':')[0]}".endswith(f"/{repository}")]

    def resolve(self, image: str, contract: Contract | None = None) -> str:
        """By what this engine knows a local image, after linting its configuration.

        The size is judged where a ``contract`` is given. Raises ContractBroken where the image is
        not there or the contract forbids it.
        """
        lint(self.inspect(image), contract)
        return self.id_of(image) if image.startswith("sha256:") else self._id(image)

    def load(self, archive: Path, contract: Contract, scratch: Path | None = None) -> str:
        """Lint an archive, load its image under a name of ours, and give its digest.

        What the engine is given is written into a folder of its own in ``scratch``, or the cache;
        ``forget_dead`` there takes off what a killed process has left.
        Raises ContractBroken where the contract forbids the archive or its image, which then is
        no more in the engine than before.
        """
        root = scratch or cache() / "received"
        with own_folder(root) as folder, self._held(archive, contract, folder) as configuration:
            with our_fault("naming the image"):
                self._name(configuration.digest, _naming(LOADED, _BY_HOST, configuration.digest))
            return configuration.digest

    @contextmanager
    def _held(
        self, archive: Path, contract: Contract, folder: Path
    ) -> Iterator[ImageConfiguration]:
        """Load an image under a name that it loses again, and with it all, as the block ends.

        One that was there under no name stays so: losing the name that it got would remove it.
        """
        naming = partial(_naming, LOADED, folder.name)
        loadable = folder / "image.tar"
        linted = write_loadable(archive, loadable, contract, naming, scratch=folder)
        digest = linted.configuration.digest
        manifest = Manifest(digest, linted.configuration.size_bytes)
        _MANIFESTS[linted.manifest_digest] = manifest
        try:
            if not self._hold(digest, naming(digest)):
                with loadable.open("rb") as file:
                    self._give(file)
            loadable.unlink()
            # What was linted is what runs: anything else would not be known by this digest.
            loaded = self.inspect(digest)
            lint(loaded, contract)
            yield loaded
        finally:
            with suppress(EngineUnavailable):  # what is raised says more
                self._let_go(folder.name)

    def _hold(self, image_digest: str, name: str) -> bool:
        """Give an image a name, unless it is there under none; False where it is not there."""
        with our_fault("naming the image"):
            try:
                if self._attributes(image_digest).get("RepoTags"):
                    self._name(image_digest, name)
            except NotFound:
                return False
        return True

    def _give(self, loadable: IO[bytes]) -> None:
        with our_fault("loading an image"):
            try:
                lines = list(self.client.api.load_image(loadable))
            except APIError as error:
                lines = [{"error": str(error)}]
        if wrong := [str(each["error"]) for each in lines if "error" in each]:
            raise ContractBroken(
                Failure.IMAGE_INVALID,
                f"the engine does not load the image: {printable(wrong[0])}",
            )

    def _let_go(self, stem: str) -> None:
        """Take a name off again under which an image was loaded."""
        for _ in range(10):
            if self._forget(LOADED, stem):
                return
            time.sleep(0.2)  # another looks at it in a container, and is soon done

    def forget_dead(self, root: Path) -> None:
        """Take off the names under which killed processes loaded, and remove their folders."""
        for folder in root.glob("*"):
            if folder.is_dir() and not is_alive(folder):
                self._forget(LOADED, folder.name)
        remove_leftovers(root)

    def probe(self) -> str:
        """By what this engine knows the image of ours that tells its faults from a team's.

        It is loaded where it is missing. Raises EngineUnavailable.
        """
        good = known_good(partial(_naming, LOADED, _PROBE))
        _MANIFESTS[good.manifest_digest] = Manifest(good.digest, good.size_bytes)
        if not self.has(good.digest):
            with our_fault("loading an image of ours"):
                for _ in self.client.api.load_image(good.archive):
                    pass
        return self.id_of(good.digest)

    def save(self, image_digest: str, path: Path) -> None:
        """Write an image to ``path`` as `docker save` does, whole or not at all.

        ``load`` gives it the same digest in another engine. Raises EngineUnavailable where this
        engine does not give it, OSError where the disk fails.
        """
        with written(path) as file, our_fault("saving the image"):
            for chunk in self.client.api.get_image(self.id_of(image_digest)):
                file.write(chunk)


def _naming(repository: str, stem: str, image_digest: str) -> str:
    """A name of ours, which ends in the digits of the digest."""
    digits = image_digest.removeprefix("sha256:")
    return f"{repository}:{stem}.{digits}" if repository else f"{stem}.{digits}"


def _stem(name: str) -> str:
    return name.rpartition(":")[2].partition(".")[0]


def _is_unnameable(error: APIError) -> bool:
    """Whether the engine cannot take a text for a name; Podman calls that a fault of its own."""
    message = str(error.explanation or "")
    return "normalizing name" in message or "invalid reference format" in message


def _digest(attributes: Mapping[str, Any]) -> str:
    """By what the engine knows an image; Podman leaves the algorithm out."""
    return f"sha256:{str(attributes['Id']).removeprefix('sha256:')}"


def _configuration(attributes: Mapping[str, Any]) -> ImageConfiguration:
    return ImageConfiguration.read(
        attributes.get("Config") or {},
        digest=_digest(attributes),
        system=str(attributes.get("Os", "")),
        architecture=str(attributes.get("Architecture", "")),
        variant=str(attributes.get("Variant") or ""),
        size_bytes=int(attributes.get("Size") or 0),
        layers=len((attributes.get("RootFS") or {}).get("Layers") or ()),
    )
