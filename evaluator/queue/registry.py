"""Brings an image from a registry as an archive, which is then linted like any other.

An engine that pulls an image unpacks it as it comes, without a bound. skopeo writes its packed
layers into one file instead, which the kernel bounds, and asks no engine.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from evaluator.sandbox.exit_cause import printable
from evaluator.sandbox.staging import own_folder, remove_leftovers
from submissions.contract import Contract
from submissions.host.base_image import cache
from submissions.receiving import read_reference
from submissions.submission import ContractBroken, Failure

REGISTRIES_VARIABLE = "SEQUESTRA_REGISTRIES"
"""Registries from which the steward lets images be pulled, separated by commas; none by default.

A team names the host, and this machine would connect to it, inside its network too."""

PULL_SECONDS = 3600.0
ROOM = 64 * 2**20
"""Bytes of an archive beside its layers: names, manifests and what fills its blocks."""

_OF_THE_IMAGE = (
    *("manifest unknown", "name unknown", "unauthorized", "denied", "not found"),
    "no image found",  # in an index, for this platform
)
"""What skopeo says where the registry answers and has no such image for everybody."""


class RegistryUnavailable(ValueError):
    """The image could not be pulled, for a reason that is not the team's."""


@contextmanager
def pulled(reference: str, contract: Contract) -> Iterator[Path]:
    """Give the archive of an image in a registry, which is removed as the block ends.

    Raises ContractBroken where the steward lets nothing be pulled from there, or the registry does
    not give the image.
    """
    registry = read_reference(reference)["registry"]
    allowed = allowed_registries()
    if registry not in allowed:
        registries = ", ".join(sorted(allowed)) or "none"
        raise ContractBroken(
            Failure.IMAGE_INVALID,
            f"the image is in the registry {registry!r}, and images are pulled from: {registries}; "
            f"send an archive, which `skopeo copy docker://{reference} docker-archive:image.tar` "
            "writes",
        )
    root = cache() / "pulled"
    remove_leftovers(root)
    with own_folder(root) as folder:
        archive = folder / "image.tar"
        _pull(reference, archive, contract)
        yield archive


def allowed_registries() -> frozenset[str]:
    """The registries that the steward named."""
    named = os.environ.get(REGISTRIES_VARIABLE, "").split(",")
    return frozenset(each.strip() for each in named if each.strip())


def _pull(reference: str, archive: Path, contract: Contract) -> None:
    """Pull what everybody may: with the steward's login a team could name the image of others."""
    program = shutil.which("skopeo")
    if program is None:
        raise RegistryUnavailable(
            "an image in a registry is to be pulled and this machine has no skopeo; install the "
            "package skopeo, or have the team send an archive"
        )
    source = f"docker://{reference}"
    inspected = _skopeo(program, archive.parent, contract, "inspect", "--no-creds", "--raw", source)
    # Written in the other layout, an image would have another digest.
    layout = "oci-archive" if '"application/vnd.oci.' in inspected.stdout else "docker-archive"
    ended = inspected
    if inspected.returncode == 0:
        target = f"{layout}:{archive}"
        copy = ("copy", "--quiet", "--src-no-creds", source, target)
        ended = _skopeo(program, archive.parent, contract, *copy)
    if ended.returncode == 0:
        return
    if "file too large" in ended.stderr or ended.returncode == -signal.SIGXFSZ:
        raise ContractBroken(
            Failure.IMAGE_TOO_LARGE,
            f"the packed image {reference} is over the limit of {contract.image_mb} MB; make it "
            f"smaller",
        )
    message = printable(" ".join(ended.stderr.split())[-500:])
    if any(words in message for words in _OF_THE_IMAGE):
        raise ContractBroken(
            Failure.IMAGE_INVALID,
            f"the image {reference} cannot be pulled ({message}); see that it is public and has "
            f"this digest, or send an archive",
        )
    raise RegistryUnavailable(
        f"the registry does not give the image {reference} ({message}); see that this machine "
        f"reaches it, and that `skopeo inspect docker://{reference}` works here"
    )


def _skopeo(
    program: str, scratch: Path, contract: Contract, *arguments: str
) -> subprocess.CompletedProcess[str]:
    """Run skopeo, each of whose files the kernel keeps within the contract's size."""
    most = contract.image_mb * 2**20 + ROOM
    command = ("prlimit", f"--fsize={most}", program, "--tmpdir", str(scratch))
    platform = ("--override-os", "linux", "--override-arch", "amd64")
    try:
        return subprocess.run(
            (*command, *platform, *arguments),
            check=False, capture_output=True, text=True, errors="replace",
            stdin=subprocess.DEVNULL, timeout=PULL_SECONDS,
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise ContractBroken(
            Failure.IMAGE_INVALID,
            f"the image was not pulled in {PULL_SECONDS:.0f} s; send an archive",
        ) from error
