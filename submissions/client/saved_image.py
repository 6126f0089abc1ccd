"""The file to send for an image: an archive as it lies, or what the engine saves of an image."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from submissions.client.problems import ClientError
from submissions.host.base_image import cache, docker, image_id, what_failed

_REFERENCE = re.compile(r"[^\s/@]+(/[^\s/@]+)+@sha256:[0-9a-f]{64}", re.ASCII)


def is_reference(image: str) -> bool:
    """Whether a text is an image in a registry with its digest, such as ghcr.io/a/b@sha256:..."""
    return _REFERENCE.fullmatch(image) is not None and not Path(image).exists()


@contextmanager
def archive_of(image: str) -> Iterator[Path]:
    """The archive of an image: the file of that name, or the local engine's image saved.

    A saved archive stays in the cache until the block ends well, so that a command that was cut
    off goes on with the same bytes. Raises ClientError, EngineUnavailable.
    """
    file = Path(image)
    if file.is_file():
        yield file
        return
    if file.is_dir() or file.suffix in (".tar", ".gz", ".tgz", ".zst", ".xz"):
        raise ClientError(
            f"{image} is not a file; give an archive that `docker save` wrote, or an image's name"
        )
    digest = image_id(image)
    if digest is None:
        raise ClientError(
            f"no file and no image of the local engine is called {image!r}; give an archive, or "
            "build the image first"
        )
    archive = cache() / "sent" / f"{digest.removeprefix('sha256:')}.tar"
    archive.parent.mkdir(exist_ok=True)
    if not archive.exists():
        _save(image, archive)
    yield archive
    archive.unlink(missing_ok=True)


def _save(image: str, target: Path) -> None:
    growing = target.with_suffix(".part")
    try:
        ended = docker("save", "--output", str(growing), image)
        if ended.returncode:
            raise ClientError(
                f"the engine could not save {image!r}: {what_failed(ended.stdout, ended.stderr)}"
            )
        growing.replace(target)
    finally:
        growing.unlink(missing_ok=True)
