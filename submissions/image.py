"""What an image must be before it may run: judged by its configuration, never by its name."""

from __future__ import annotations

from dataclasses import dataclass

from submissions.contract import Contract
from submissions.submission import ContractBroken, Failure

PLATFORM = ("linux", "amd64")
MAX_LAYERS = 127
"""What overlayfs as Docker drives it can stack."""


@dataclass(frozen=True, slots=True)
class ImageConfiguration:
    """The parts of an image's configuration that the contract speaks about."""

    digest: str
    system: str
    architecture: str
    size_bytes: int
    layers: int
    entrypoint: tuple[str, ...]
    command: tuple[str, ...]
    volumes: tuple[str, ...]
    on_build: tuple[str, ...]


def lint(image: ImageConfiguration, contract: Contract | None = None) -> None:
    """Refuse an image that the contract forbids, saying what is wrong and how to mend it.

    The size is judged where a ``contract`` is given. Raises ContractBroken.
    """
    for broken, remedy in (
        (
            (image.system, image.architecture) != PLATFORM and f"for {_platform(image)}",
            f"build it with --platform {'/'.join(PLATFORM)}",
        ),
        (image.volumes and f"declares VOLUME {image.volumes[0]!a}", "remove the VOLUME line"),
        (image.on_build and "has ONBUILD triggers", "remove the ONBUILD lines"),
        (
            not (image.entrypoint or image.command) and "has neither ENTRYPOINT nor CMD",
            'give it one, as ENTRYPOINT ["python3", "/app/predict.py"]',
        ),
        (image.layers > MAX_LAYERS and f"has {image.layers} layers", f"use at most {MAX_LAYERS}"),
    ):
        if broken:
            raise ContractBroken(Failure.IMAGE_INVALID, f"the image {broken}; {remedy}")
    if contract is not None and image.size_bytes > contract.image_mb * 2**20:
        raise ContractBroken(
            Failure.IMAGE_TOO_LARGE,
            f"the image has {image.size_bytes / 2**20:.0f} MB; at most {contract.image_mb} MB",
        )


def _platform(image: ImageConfiguration) -> str:
    return f"{image.system}/{image.architecture}"
