"""Builds the Python base image, and images on top of it."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from submissions.addresses.engine import EngineUnavailable, engine_address
from submissions.host import linux_packages

PULLED = "python:3.11-slim"
BUILT = "sequestra/python-base"
PACKAGES = ("python3", "libstdc++6", "libgomp1")
"""The interpreter, and what the wheels of numpy, onnxruntime and torch link against."""

FIRST_ANSWER_SECONDS = 20.0
PULL_SECONDS = 600.0
BUILD_SECONDS = 1200.0
PULL_RETRY_SECONDS = 24 * 3600.0

_LEFT_OUT = ("doc", "man", "info", "locale", "lintian", "bug")
_TIDY = (
    'rm -rf "$1"/etc/apt "$1"/var/lib/apt "$1"/var/cache/* "$1"/var/log/* "$1"/var/lib/dpkg/*-old'
    ' && find "$1" -xdev -perm /6000 -type f -exec chmod a-s {} +'
)


class BaseImageUnavailable(OSError):
    """The base image can neither be pulled nor built on this machine."""


def ensure_base_image(progress: Callable[[str], None] = lambda _: None) -> str:
    """Tag of a Linux image with ``python3``, to pass to a build as BASE_IMAGE.

    ``python:3.11-slim`` where it is present or can be pulled; otherwise an image of this
    machine's own Debian or Ubuntu release (about 150 MB, a minute), kept as a file so that
    another engine has it within seconds. Safe to call from several processes at once.

    Raises EngineUnavailable without an engine, BaseImageUnavailable with what to do.
    """
    with alone("base-image"):
        codename = linux_packages.codename() or "unnamed"
        built = f"{BUILT}:{codename}"
        for tag in (PULLED, built):
            if image_id(tag) is not None:
                return tag
        if _pulled(progress):
            return PULLED
        if not linux_packages.is_debian_like():
            raise BaseImageUnavailable(
                f"{PULLED} cannot be pulled, and this is not Debian or Ubuntu, where a base image "
                f"could be built; load one with `docker load` and tag it {PULLED}"
            )
        archive = cache() / f"python-base-{codename}.tar"
        if not archive.exists():
            _bootstrap(codename, archive, progress)
        progress(f"Importing {built} ...")
        _checked("import", "--change", 'CMD ["python3"]', str(archive), built)
        return built


def build(context: Path, tag: str, base: str | None = None) -> str:
    """Build the Dockerfile of ``context`` as ``tag``, without a network; its digest.

    ``base`` is passed as the build argument BASE_IMAGE; by default the base image, made where
    it is missing. The digest is the engine's content digest, "sha256:...".

    Raises BaseImageUnavailable with the last line of the build's log when it fails.
    """
    base = base if base is not None else ensure_base_image()
    argument = f"BASE_IMAGE={base}"
    network = ("--network", "none")
    _checked("build", "--quiet", *network, "--build-arg", argument, "-t", tag, str(context))
    digest = image_id(tag)
    if digest is None:
        raise BaseImageUnavailable(f"the engine has built {tag} but does not know it")
    return digest


def image_id(tag: str) -> str | None:
    """Content digest of a local image, or None where the engine has none of that name."""
    ended = docker("image", "inspect", "--format", "{{.Id}}", tag)
    if ended.returncode:
        return None
    digest = ended.stdout.strip()
    return digest if digest.startswith("sha256:") else f"sha256:{digest}"


LIMITS_OF_QUESTIONS = (
    *("--rm", "--network", "none", "--read-only", "--user", "65533:65533"),
    *("--cap-drop", "ALL", "--security-opt", "no-new-privileges"),
)
"""How a container runs that is asked one thing of its image: as nobody, with no way out."""

_HINT = re.compile(r"--help\b|^Usage: |^Run '|^See '")
"""What Docker's and Podman's clients add to a message: a hint to their own manual."""


def docker(*arguments: str, seconds: float = BUILD_SECONDS) -> subprocess.CompletedProcess[str]:
    """Run the command-line client of Docker, or of Podman where that is the one present.

    Raises EngineUnavailable where there is no client or no engine, or it takes over ``seconds``.
    """
    client = shutil.which("docker") or shutil.which("podman")
    if client is None:
        raise EngineUnavailable(_no_client())
    try:
        return subprocess.run(
            [client, *arguments],
            env=_environment(client),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise EngineUnavailable(
            f"`docker {arguments[0]}` did not end in {seconds:.0f} s; see the engine's log"
        ) from error


def ask(image: str, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Have a ``program`` of an image answer a question: nothing leaves, and nothing is written.

    Raises EngineUnavailable as :func:`docker` does.
    """
    return docker("run", *LIMITS_OF_QUESTIONS, "--entrypoint", program, image, *arguments)


def _no_client() -> str:
    """One sentence where images cannot be built: which package brings the command."""
    newer = "docker-cli (Debian 13 and newer, Docker's own packages: docker-ce-cli)"
    if shutil.which("dockerd", path=linux_packages.system_path()) or engine_address() is not None:
        return (
            "a container engine is on this machine, but not the command docker, which builds "
            f"images; install {newer}"
        )
    return (
        "no docker or podman command on this machine; install docker.io, and where that does not "
        f"bring the command docker, {newer}"
    )


def cache() -> Path:
    """Folder for what is costly to make again; created where it is missing."""
    root = os.environ.get("XDG_CACHE_HOME")
    folder = (Path(root) if root else Path.home() / ".cache") / "sequestra"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@contextmanager
def alone(name: str) -> Iterator[None]:
    """Keep this user's other processes from what is named; the kernel frees it with the process."""
    with (cache() / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _environment(client: str) -> dict[str, str]:
    environment = {**os.environ, "BUILDX_NO_DEFAULT_ATTESTATIONS": "1"}
    if Path(client).name == "podman":
        return environment
    address = engine_address()
    if address is None:
        raise EngineUnavailable(
            "no container engine answers; start one with `python -m evaluator.setup.engine`"
        )
    environment["DOCKER_HOST"] = address
    if "podman" in address or not _has_buildx(client):
        environment["DOCKER_BUILDKIT"] = "0"
    return environment


def _has_buildx(client: str) -> bool:
    ended = subprocess.run([client, "buildx", "version"], capture_output=True, check=False)
    return ended.returncode == 0


def _checked(*arguments: str) -> None:
    ended = docker(*arguments)
    if ended.returncode:
        raise BaseImageUnavailable(
            f"`docker {arguments[0]}` failed: {what_failed(ended.stdout, ended.stderr)}"
        )


def what_failed(printed: str, complained: str) -> str:
    """The last line in which the client says what is wrong, not where its help is."""
    lines = [line.strip() for text in (printed, complained) for line in text.splitlines()]
    messages = [line for line in lines if line and not _HINT.search(line)]
    return messages[-1] if messages else "it gave no reason; see the engine's log"


def _pulled(progress: Callable[[str], None]) -> bool:
    """Pull the base image; a machine that could not is not asked again for a day."""
    refused = cache() / "pull-refused"
    if refused.exists() and time.time() - refused.stat().st_mtime < PULL_RETRY_SECONDS:
        return False
    progress(f"Pulling {PULLED} ...")
    if docker("version").returncode:
        raise EngineUnavailable("no container engine answers the docker command; start one")
    client = shutil.which("docker") or shutil.which("podman") or "docker"
    with tempfile.TemporaryFile("w+") as output:
        pull = subprocess.Popen(
            [client, "pull", PULLED],
            env=_environment(client),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        began = time.monotonic()
        limit = FIRST_ANSWER_SECONDS
        while pull.poll() is None and time.monotonic() - began < limit:
            time.sleep(0.2)
            output.seek(0)
            if "Pulling fs layer" in output.read():  # the registry answers: let it take its time
                limit = PULL_SECONDS
        if pull.poll() is None:
            pull.kill()
        succeeded = pull.wait() == 0
    if not succeeded:
        refused.touch()
    return succeeded


def _bootstrap(codename: str, archive: Path, progress: Callable[[str], None]) -> None:
    """Write a root file system of this machine's own release, with Python, to ``archive``."""
    if shutil.which("mmdebstrap") is None:
        try:
            linux_packages.install("mmdebstrap", progress=progress)
        except linux_packages.PackageUnavailable as error:
            raise BaseImageUnavailable(
                f"{PULLED} cannot be pulled and mmdebstrap is missing ({error}); install mmdebstrap"
            ) from error
    progress(f"Building a Python base image from {codename}'s packages (about a minute) ...")
    lines = linux_packages.sources(codename)
    if not lines:
        raise BaseImageUnavailable(
            f"{PULLED} cannot be pulled and apt has no sources for {codename}; "
            "check that `apt-get update` works on this machine"
        )
    with tempfile.TemporaryDirectory(dir=archive.parent) as folder:
        sources = Path(folder) / "sources.list"
        sources.write_text("\n".join(lines) + "\n", encoding="utf-8")
        options = Path(folder) / "apt.conf"
        options.write_text(linux_packages.acquire_options(), encoding="utf-8")
        tarball = Path(folder) / "base.tar"
        try:
            ended = subprocess.run(
                [
                    "mmdebstrap",
                    "--quiet",
                    "--variant=essential",
                    "--skip=cleanup/apt,cleanup/mmdebstrap",  # our own hook goes further
                    f"--include={','.join(PACKAGES)}",
                    f"--aptopt={options}",
                    *(f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in _LEFT_OUT),
                    f"--customize-hook={_TIDY}",
                    lines[0].split()[2],  # what apt calls the release
                    str(tarball),
                    str(sources),
                ],
                env={**os.environ, "PATH": linux_packages.system_path()},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=BUILD_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise BaseImageUnavailable(
                f"{PULLED} cannot be pulled and mmdebstrap did not end in {BUILD_SECONDS:.0f} s; "
                "try again when this machine has less to do"
            ) from error
        if ended.returncode:
            last = (ended.stderr.strip().splitlines() or ["no message"])[-1]
            raise BaseImageUnavailable(
                f"{PULLED} cannot be pulled and mmdebstrap failed ({last}); check that "
                "`apt-get update` works on this machine"
            )
        tarball.replace(archive)


def main() -> int:
    """Make the base image and print its tag."""
    try:
        tag = ensure_base_image(lambda line: _say(sys.stderr, line))
    except OSError as error:
        _say(sys.stderr, str(error))
        return 1
    _say(sys.stdout, tag)
    return 0


def _say(stream: TextIO, line: str) -> None:
    stream.write(f"{line}\n")


if __name__ == "__main__":
    sys.exit(main())
