"""Reads an image archive within bounds before any engine sees it.

Docker's own layout, an OCI layout, or both in one; plain, or packed as a whole. Nothing of it is
unpacked but its layers, as they are, into the one file that an engine is given.
"""

from __future__ import annotations

import json
import tarfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from submissions.contract import Contract
from submissions.host.base_image import cache
from submissions.image.archive_members import OVERHEAD, Archive, invalid, opened, too_large
from submissions.image.layers import Layer, LayerTooLarge, read_layer
from submissions.image.layout import HeldImage, find_image
from submissions.image.lint import ImageConfiguration, lint
from submissions.image.loadable import Loadable
from submissions.image.unpacking import DamagedPacking


@dataclass(frozen=True, slots=True)
class Written:
    """An image that was linted and written for an engine, and the digest of its manifest there."""

    configuration: ImageConfiguration
    manifest_digest: str


def lint_archive(
    path: Path, contract: Contract, *, scratch: Path | None = None
) -> ImageConfiguration:
    """Lint the archive at ``path`` and give its image's configuration.

    One image for linux/amd64; no member outside the archive, twice, or other than a plain file;
    every digest as its content says; the unpacked size within the contract's. The digest returned
    is that of the configuration, which stands for all of the image. An archive that is packed as
    a whole is unpacked into a nameless file in ``scratch``, or the cache.

    Raises ContractBroken with what is wrong and how to mend it; OSError where the disk fails.
    """
    return _judged(path, contract, scratch, None)[0]


def write_loadable(
    path: Path,
    target: Path,
    contract: Contract,
    naming: Callable[[str], str],
    *,
    scratch: Path | None = None,
) -> Written:
    """Lint an archive, and write its image to ``target`` in the words of every engine.

    The engine will give it the name (repository:tag) that ``naming`` makes of its digest, and none
    of those that the archive claims, which may be those of the base image or of another team's.
    What is written is what was digested.

    Raises as ``lint_archive``; what ``target`` then holds is to be thrown away.
    """
    with target.open("w+b") as file:
        loadable = Loadable(file)
        configuration, held = _judged(path, contract, scratch, loadable)
        digest = loadable.finish(held.digest, held.configuration, naming(configuration.digest))
    return Written(configuration, f"sha256:{digest}")


def _judged(
    path: Path, contract: Contract, scratch: Path | None, loadable: Loadable | None
) -> tuple[ImageConfiguration, HeldImage]:
    limit = contract.image_mb * 2**20
    try:
        with opened(path, limit + OVERHEAD, scratch or cache()) as archive:
            held = find_image(archive)
            config = json.loads(held.configuration)
            layer_digests = [
                str(each).removeprefix("sha256:") for each in config["rootfs"]["diff_ids"]
            ]
            configuration = _configuration(config, held.digest, len(layer_digests))
            lint(configuration)  # before what takes long
            size = _read_layers(archive, held.layers, layer_digests, limit, loadable)
    except LayerTooLarge as error:
        raise too_large(limit) from error
    except (tarfile.TarError, DamagedPacking) as error:
        raise invalid(f"is cut short or damaged ({error}); send it again") from error
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise invalid(
            "has a manifest or configuration that cannot be read; write it with `docker save`"
        ) from error
    return replace(configuration, size_bytes=size), held


def _configuration(config: Any, digest: str, layers: int) -> ImageConfiguration:
    return ImageConfiguration.read(
        config.get("config") or {},
        digest=f"sha256:{digest}",
        system=str(config.get("os", "")),
        architecture=str(config.get("architecture", "")),
        variant=str(config.get("variant") or ""),
        size_bytes=0,
        layers=layers,
    )


def _read_layers(
    archive: Archive,
    names: tuple[str, ...],
    layer_digests: list[str],
    limit: int,
    loadable: Loadable | None,
) -> int:
    """Read the layers, which must be those that the configuration has ``told``; bytes of all."""
    if len(layer_digests) != len(names):
        raise invalid(f"has {len(names)} layers where its configuration has {len(layer_digests)}")
    left = limit
    read: dict[str, Layer] = {}
    for name, diff_id in zip(names, layer_digests, strict=True):
        if name in read:
            if loadable:
                loadable.repeat(read[name])
        elif loadable:
            read[name] = read_layer(archive, name, left, loadable.begin_layer())
            loadable.end_layer(read[name])
        else:
            read[name] = read_layer(archive, name, left)
        left -= read[name].size
        if left < 0:  # a layer that is there twice
            raise LayerTooLarge
        if read[name].digest != diff_id:
            raise invalid("has a layer whose digest is not as its configuration says")
    return limit - left
