"""Finds the image of an archive, by Docker's list, by an OCI layout's index, or by both."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from submissions.image.archive_members import Archive, blob_name, digest_in, inside, invalid, shown
from submissions.image.lint import MAX_LAYERS, PLATFORM

DEEPEST = 4
"""How many indexes may lie in one another."""

_CONFIGURATIONS = (
    "application/vnd.oci.image.config.v1+json",
    "application/vnd.docker.container.image.v1+json",
)
_INDEXES = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)


@dataclass(frozen=True, slots=True)
class HeldImage:
    """The one image of an archive: its configuration, and its layers' names from the lowest up."""

    digest: str
    configuration: bytes
    layers: tuple[str, ...]


@dataclass(slots=True)
class _Candidates:
    """Manifests that an index leads to, by digest, and the platforms of those for another."""

    manifests: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    others: set[str] = field(default_factory=set)
    seen: set[str] = field(default_factory=set)


def find_image(archive: Archive) -> HeldImage:
    """Find the one image for linux/amd64 in an archive.

    Each document on the way to it has the digest by which it is named, and where there are two
    ways both lead to one configuration. Raises ContractBroken.
    """
    indexed = _by_index(archive) if "index.json" in archive.members else None
    listed = _by_list(archive) if "manifest.json" in archive.members else None
    if indexed is None and listed is None:
        if "manifest.json" in archive.members or "index.json" in archive.members:
            raise invalid("holds 0 images; save one")
        raise invalid(
            "has no 'manifest.json' and no 'index.json', so it is not an image (`docker export` "
            "and buildx's `type=tar` write such files); give the file that `docker save IMAGE` "
            "writes"
        )
    if indexed and listed and indexed.digest != listed.digest:
        raise invalid("has an index and a manifest for different images; save one image alone")
    images = listed or indexed
    assert images is not None
    if len(images.layers) > MAX_LAYERS:
        raise invalid(f"has {len(images.layers)} layers; use at most {MAX_LAYERS}")
    for name in images.layers:
        archive.content(name)
    return images


def _by_list(archive: Archive) -> HeldImage | None:
    """The image of Docker's own manifest.json; None where that lists none."""
    images = archive.document("manifest.json")
    if isinstance(images, Mapping):
        raise invalid(
            "is a folder of skopeo's kind `dir` in a tar; write it with `skopeo copy dir:X "
            "docker-archive:Y`"
        )
    if not images:
        return None
    if len(images) != 1:
        raise invalid(f"holds {len(images)} images; save one")
    image = _lower(images[0])
    name = _member(image["config"])
    configuration = archive.small(name)
    digest = hashlib.sha256(configuration).hexdigest()
    if digest_in(name) not in (None, digest):
        raise invalid("has a configuration whose digest is not that of its name; send it again")
    return HeldImage(digest, configuration, tuple(map(_member, image["layers"] or ())))


def _lower(entry: Mapping[str, Any]) -> dict[str, Any]:
    """The keys in lower case: engines take either, and containerify writes `config`."""
    lowered = {str(key).lower(): value for key, value in entry.items()}
    if len(lowered) != len(entry):
        raise invalid("has a manifest with two keys that differ in case alone")
    return lowered


def _member(name: object) -> str:
    return inside(str(name).removeprefix("/"), str(name))


def _by_index(archive: Archive) -> HeldImage | None:
    """The image for linux/amd64 of an OCI layout; None where its index names none at all."""
    candidates = _Candidates()
    _follow(archive, archive.document("index.json"), candidates, DEEPEST)
    if not candidates.manifests:
        if candidates.others:
            raise invalid(
                f"holds no image for {PLATFORM} but for {', '.join(sorted(candidates.others))}; "
                f"build it with --platform {PLATFORM}"
            )
        return None
    if len(candidates.manifests) != 1:
        raise invalid(f"holds {len(candidates.manifests)} images; save one, for one platform")
    (manifest,) = candidates.manifests.values()
    configuration = archive.blob(manifest["config"])
    digest = hashlib.sha256(configuration).hexdigest()
    return HeldImage(digest, configuration, tuple(_layers(archive, manifest)))


def _layers(archive: Archive, manifest: Mapping[str, Any]) -> Iterator[str]:
    for layer in manifest["layers"]:
        name, kind = blob_name(layer), str(layer.get("mediaType", ""))
        if kind.endswith("+encrypted"):
            raise invalid("has an encrypted layer; give it decrypted, as `skopeo copy` does")
        if name not in archive.members and (layer.get("urls") or "foreign" in kind):
            raise invalid(
                "has a layer that is not in the archive; save the image with all its layers"
            )
        if layer.get("size") not in (None, archive.content(name) and archive.members[name].size):
            raise invalid(f"holds {shown(name)} in another size than it says; send it again")
        yield name


def _follow(archive: Archive, index: Any, candidates: _Candidates, deeper: int) -> None:
    """Collect the images that an index leads to, through indexes in it."""
    for entry in index.get("manifests") or ():
        platform = entry.get("platform") or {}
        platform_name = _platform(
            platform.get("os"), platform.get("architecture"), platform.get("variant")
        )
        if platform_name == "unknown/unknown" or _is_attestation(entry):
            continue
        if platform and platform_name != PLATFORM:
            candidates.others.add(shown(platform_name)[1:-1])
            continue
        digest = str(entry["digest"])
        if digest in candidates.seen:
            continue
        candidates.seen.add(digest)
        _refuse_absent(archive, entry)
        document = json.loads(archive.blob(entry))
        if "manifests" in document or entry.get("mediaType") in _INDEXES:
            if not deeper:
                raise invalid(f"has over {DEEPEST} indexes in one another; save one image")
            _follow(archive, document, candidates, deeper - 1)
            continue
        if document["config"].get("mediaType", _CONFIGURATIONS[0]) not in _CONFIGURATIONS:
            continue  # a signature, a bill of materials or another thing that is no image
        if not platform:
            platform_name = _of_configuration(archive, document)
        if platform_name == PLATFORM or not platform_name:
            candidates.manifests[digest] = document
        else:
            candidates.others.add(shown(platform_name)[1:-1])


def _is_attestation(entry: Mapping[str, Any]) -> bool:
    kind = (entry.get("annotations") or {}).get("vnd.docker.reference.type")
    return kind == "attestation-manifest"


def _refuse_absent(archive: Archive, entry: Mapping[str, Any]) -> None:
    if blob_name(entry) not in archive.members:
        raise invalid(
            f"names {shown(str(entry['digest']))} but does not hold it; pull or build the image "
            f"with --platform {PLATFORM} and save it again"
        )


def _of_configuration(archive: Archive, manifest: Mapping[str, Any]) -> str:
    config = json.loads(archive.blob(manifest["config"]))
    return _platform(config.get("os"), config.get("architecture"), config.get("variant"))


def _platform(system: object, architecture: object, variant: object) -> str:
    """System and architecture, and the variant where it is another than the first."""
    tail = "" if variant in (None, "", "v1") else f"/{variant}"
    return f"{system or ''}/{architecture or ''}{tail}"


def remedy_for_folder(folder: Path) -> str:
    """What to do with a folder that was given in the place of an archive."""
    if (folder / "version").is_file() and (folder / "manifest.json").is_file():
        return f"write an archive with `skopeo copy dir:{folder} docker-archive:image.tar`"
    if (folder / "index.json").is_file() or (folder / "manifest.json").is_file():
        return f"pack it, `tar -C {folder} -cf image.tar .`, and give image.tar"
    if (folder / "Dockerfile").is_file():
        return f"build it, `docker build -t NAME {folder}`, and give NAME"
    return "give an image's name or digest, or the path of an archive that `docker save` wrote"
