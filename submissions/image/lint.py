"""What an image must be before it may run: judged by its configuration, never by its name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from submissions.contract import Contract
from submissions.submission import ContractBroken, Failure

PLATFORM = "linux/amd64"
MAX_LAYERS = 125
"""What Docker stacks with overlay2 beneath a container."""

NEW_LAYER = (
    "a Dockerfile of `FROM scratch`, `COPY --from=IMAGE / /` and the image's ENV and ENTRYPOINT "
    "makes a new one"
)
"""What is left to do about that which an image has from the one that it was built on."""

WORD_BYTES = 32_768
ENVIRONMENT_BYTES = 262_144
"""Of the environment and of the command: with both, a kernel still starts the program."""
LABEL_BYTES = 65_536

PRELOADING = ("LD_PRELOAD", "LD_AUDIT")
"""Variables that load a library into every program: also into one of the host that is started with
the image's environment, as NVIDIA's hook was (CVE-2025-23266)."""

OUR_LABELS = "sequestra."

_HIDDEN = ("/proc", "/sys", "/dev", "/input", "/output", "/tmp")
"""What the run mounts over the image: a working directory below would not be the image's own."""


@dataclass(frozen=True, slots=True)
class ImageConfiguration:
    """The parts of an image's configuration that the contract speaks about.

    USER, HEALTHCHECK, STOPSIGNAL, EXPOSE and SHELL are not among them: a run overrides them or
    never uses them.
    """

    digest: str
    system: str
    architecture: str
    size_bytes: int
    layers: int
    entrypoint: tuple[str, ...]
    command: tuple[str, ...]
    volumes: tuple[str, ...]
    on_build: tuple[str, ...]
    variant: str = ""
    working_directory: str = ""
    environment: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()

    @classmethod
    def read(
        cls,
        config: Mapping[str, Any],
        *,
        digest: str,
        system: str,
        architecture: str,
        variant: str,
        size_bytes: int,
        layers: int,
    ) -> ImageConfiguration:
        """Read the part of a configuration that says how the image runs.

        Raises ContractBroken where it is not made as the image format says.
        """
        return cls(
            digest=digest,
            system=system,
            architecture=architecture,
            size_bytes=size_bytes,
            layers=layers,
            entrypoint=_words(config, "Entrypoint"),
            command=_words(config, "Cmd"),
            volumes=tuple(_mapping(config, "Volumes")),
            on_build=_words(config, "OnBuild"),
            variant=variant,
            working_directory=str(config.get("WorkingDir") or ""),
            environment=_words(config, "Env"),
            labels=tuple(f"{key}={value}" for key, value in _mapping(config, "Labels").items()),
        )

    @property
    def platform(self) -> str:
        """System, architecture and, where it is another than the first, variant."""
        variant = "" if self.variant in ("", "v1") else f"/{self.variant}"
        return f"{self.system}/{self.architecture}{variant}"


def lint(image: ImageConfiguration, contract: Contract | None = None) -> None:
    """Refuse an image that the contract forbids, saying what is wrong and how to mend it.

    The size is judged where a ``contract`` is given. Raises ContractBroken.
    """
    for broken, remedy in (
        (
            image.platform != PLATFORM and f"is for {_shown(image.platform)[1:-1]}",
            f"build it with --platform {PLATFORM}, {_build(image)}; `skopeo copy --override-arch "
            f"amd64 docker://IMAGE docker-archive:image.tar` takes it from a registry that has it",
        ),
        (
            image.volumes and f"declares VOLUME {_shown(image.volumes[0])}",
            "remove the VOLUME line; if it comes from the base image, no line can undo it, but "
            f"{NEW_LAYER}{_in_place(image, *(f'--volume {each}-' for each in image.volumes))}",
        ),
        (image.on_build and "has ONBUILD triggers", "remove the ONBUILD lines"),
        _command(image),
        _working_directory(image.working_directory),
        _environment(image),
        _labels(image),
        (image.layers > MAX_LAYERS and f"has {image.layers} layers", f"use at most {MAX_LAYERS}"),
    ):
        if broken:
            raise ContractBroken(Failure.IMAGE_INVALID, f"the image {broken}; {remedy}")
    if contract is not None and image.size_bytes > contract.image_mb * 2**20:
        raise ContractBroken(
            Failure.IMAGE_TOO_LARGE,
            f"the image has {image.size_bytes / 2**20:.0f} MB; at most {contract.image_mb} MB are "
            f"taken: leave build tools and caches in an earlier stage of the Dockerfile "
            f"(`{_history(image)}` shows the size of each layer)",
        )


_FINE = ("", "")
_BUILT_BY_BUILDAH = "io.buildah.version="
"""Podman and buildah leave their mark in an image's labels; other builders do not."""


def _is_buildahs(image: ImageConfiguration) -> bool:
    return any(label.startswith(_BUILT_BY_BUILDAH) for label in image.labels)


def _build(image: ImageConfiguration) -> str:
    """The command that builds for a platform, with the tool that built the image."""
    if _is_buildahs(image):
        return (
            f"as `podman build --platform {PLATFORM} .` or `buildah build --platform {PLATFORM} .`"
        )
    return f"as `docker build --platform {PLATFORM} .`"


def _history(image: ImageConfiguration) -> str:
    return "podman history IMAGE" if _is_buildahs(image) else "docker history IMAGE"


def _in_place(image: ImageConfiguration, *options: str) -> str:
    """How buildah takes a line out of an image that it built; Docker has no such command."""
    plain = all(re.fullmatch(r"[\w./=-]+ [\w./=-]+", each, re.ASCII) for each in options)
    if not _is_buildahs(image) or not plain:
        return ""
    return (
        f"; without a new build: `c=$(buildah from IMAGE)`, `buildah config {' '.join(options)} "
        f"$c`, `buildah commit $c IMAGE`"
    )


def _command(image: ImageConfiguration) -> tuple[str, str]:
    words = (*image.entrypoint, *image.command)
    program = 'as ENTRYPOINT ["python3", "/app/predict.py"]'
    if not words:
        return "has neither ENTRYPOINT nor CMD", f"give it one, {program}"
    if not words[0].strip():
        name = "ENTRYPOINT" if image.entrypoint else "CMD"
        return f"has an {name} whose first word is empty", f"let it name the program, {program}"
    if any("\0" in word for word in words):
        return "has a NUL byte in its ENTRYPOINT or CMD", "remove it"
    if _too_long(words):
        return (
            "has an ENTRYPOINT and CMD that are too long to be started",
            f"use words of at most {WORD_BYTES} bytes and {ENVIRONMENT_BYTES} bytes in all",
        )
    return _FINE


def _working_directory(path: str) -> tuple[str, str]:
    if not path:
        return _FINE
    shown = f"has the working directory {_shown(path)}"
    if not path.startswith("/") or ".." in path.split("/") or not path.isprintable():
        return shown, "give WORKDIR an absolute path without .., such as /app"
    parts = PurePosixPath("/", path.lstrip("/"))
    for hidden in _HIDDEN:
        # /proc/self/fd has led out of containers (CVE-2024-21626).
        if parts.is_relative_to(hidden) and str(parts) not in ("/tmp", "/input", "/output"):
            return f"{shown}, where a run has {hidden} of its own", "use another, such as /app"
    return _FINE


def _is_plain(folder: str) -> bool:
    """Whether a folder is the same wherever a program is started, and leads to no process's own."""
    own = ("/proc", "/sys", "/dev")
    path = PurePosixPath("/", folder.lstrip("/"))
    return (
        folder.startswith("/")
        and ".." not in path.parts
        and not any(path.is_relative_to(each) for each in own)
    )


def _environment(image: ImageConfiguration) -> tuple[str, str]:
    words = image.environment
    for word in words:
        name, is_set, value = word.partition("=")
        if not name or not is_set or "\0" in word:
            return f"has the ENV {_shown(word)}, which is not NAME=value", "correct or remove it"
        if name in PRELOADING:
            return (
                f"has the ENV {name}, which loads a library into programs of the host too",
                "let the program that ENTRYPOINT names set it and remove the ENV line"
                f"{_in_place(image, f'--env {name}-')}",
            )
        if name == "LD_LIBRARY_PATH" and (broken := _library_path(value)):
            return f"has the ENV {_shown(word)}, {broken[0]}", broken[1]
    if _too_long(words):
        return (
            "has an ENV that is too long to be started with",
            f"use values of at most {WORD_BYTES} bytes and {ENVIRONMENT_BYTES} bytes in all, and "
            "put what is longer into a file",
        )
    return _FINE


def _library_path(value: str) -> tuple[str, str] | None:
    """What is wrong with the folders of libraries, and how to mend it."""
    folders = value.replace(";", ":").split(":") if value else []
    if "" in folders:
        where = {0: "first", len(folders) - 1: "last"}.get(folders.index(""), "doubled")
        return (
            f"whose {where} colon makes an empty folder, which means the folder that a program is "
            "started in",
            "leave that colon out; `/x:$LD_LIBRARY_PATH` makes it if the base image sets none, "
            "`/x${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}` does not",
        )
    if not all(map(_is_plain, folders)):
        return (
            "with a folder that is not the same for every program",
            "name absolute folders alone, without .. and not below /proc, /sys or /dev",
        )
    return None


def _labels(image: ImageConfiguration) -> tuple[str, str]:
    labels = image.labels
    for label in labels:
        if label.startswith(OUR_LABELS):
            name = label.partition("=")[0]
            return (
                f"has the LABEL {_shown(label)}",
                f"leave names in {OUR_LABELS} to the harness: remove the LABEL line"
                f"{_in_place(image, f'--label {name}-')}",
            )
    if sum(len(label.encode(errors="replace")) for label in labels) > LABEL_BYTES:
        return f"has over {LABEL_BYTES} bytes of LABEL", "put what is longer into a file"
    return _FINE


def _too_long(words: tuple[str, ...]) -> bool:
    sizes = [len(word.encode(errors="replace")) + 1 for word in words]
    return max(sizes, default=0) > WORD_BYTES or sum(sizes) > ENVIRONMENT_BYTES


def _words(config: Mapping[str, Any], key: str) -> tuple[str, ...]:
    words = config.get(key) or []
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        raise ContractBroken(
            Failure.IMAGE_INVALID,
            f"the image's {key} is not a list of words; build it with `docker build`",
        )
    return tuple(words)


def _mapping(config: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = config.get(key) or {}
    if not isinstance(value, Mapping):
        raise ContractBroken(
            Failure.IMAGE_INVALID,
            f"the image's {key} is not a table; build it with `docker build`",
        )
    return value


def _shown(text: str) -> str:
    return ascii(text if len(text) <= 80 else f"{text[:77]}...")
