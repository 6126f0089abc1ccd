"""How files become examples; the cache keeps what a reader gives under the digest of its code."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from hashlib import blake2b
from importlib.metadata import version
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from baselines.container import images, volumes
from cohort_selection.pixels import decoders
from cohort_selection.source_digest import source_digest

Files = tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class Reader:
    """One way to read examples; every function stands in a module, so that processes can take it.

    ``groups`` shares a case's files out to examples. ``read`` gives one example of the asked size
    as float32 in [0, 1] of shape ``shape(size)``; it raises UnreadableImage. ``sources`` are the
    files of code that decide on the pixels: a change in one of them makes a new cache.
    """

    name: str
    groups: Callable[[Files], tuple[Files, ...]]
    read: Callable[[Files, int], NDArray[np.float32]]
    shape: Callable[[int], tuple[int, ...]]
    sources: Callable[[], tuple[Path, ...]]


@cache
def version_of(reader: Reader) -> str:
    """Give the version of a reader's pixels, 16 hexadecimal digits: its code and its libraries."""
    root = Path(__file__).resolve().parents[2]
    code = source_digest(reader.sources(), root)
    names = ("numpy", "pydicom", *decoders.versions())
    libraries = "-".join(version(name) for name in names)
    return blake2b(f"{code} {libraries}".encode(), digest_size=8).hexdigest()


def _one_each(files: Files) -> tuple[Files, ...]:
    return tuple((file,) for file in files)


def _image(files: Files, size: int) -> NDArray[np.float32]:
    return images.model_input(files[0], size)


def _square(size: int) -> tuple[int, ...]:
    return size, size


def _pixel_sources() -> tuple[Path, ...]:
    return tuple(sorted(Path(decoders.__file__).parent.glob("*.py")))


def _image_sources() -> tuple[Path, ...]:
    return Path(images.__file__), *_pixel_sources()


def _all_together(files: Files) -> tuple[Files, ...]:
    return (files,) if files else ()


def _slab(size: int) -> tuple[int, ...]:
    return volumes.DEPTH, size, size


def _volume_sources() -> tuple[Path, ...]:
    return Path(volumes.__file__), *_pixel_sources()


IMAGES = Reader(name="image", groups=_one_each, read=_image, shape=_square, sources=_image_sources)
"""Each file is an example: a square image, as the container sees it."""

VOLUMES = Reader(
    name="volume",
    groups=_all_together,
    read=volumes.model_volume,
    shape=_slab,
    sources=_volume_sources,
)
"""A case is an example: the volume of one CT series, which is chosen by rule among its files."""
