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
        told = ", ".join(sorted(allowed)) or "none"
        raise ContractBroken(
            Failure.IMAGE_INVALID,
            f"the image is in the registry {registry!r}, and images are pulled from: {told}; send "
            f"an archive, which `skopeo copy docker://{reference} docker-archive:image.tar` writes",
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
    program = shutil.which("skopeo")
    if program is None:
        raise RegistryUnavailable(
            "an image in a registry is to be pulled and this machine has no skopeo; install the "
            "package skopeo, or have the team send an archive"
        )
    most = contract.image_mb * 2**20 + 64 * 2**20
    try:
        ended = subprocess.run(
            ["prlimit", f"--fsize={most}", program, "--tmpdir", str(archive.parent),
             "--override-os", "linux", "--override-arch", "amd64",
             "copy", "--quiet", f"docker://{reference}", f"oci-archive:{archive}"],
            check=False, capture_output=True, text=True, errors="replace",
            stdin=subprocess.DEVNULL, timeout=PULL_SECONDS,
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise ContractBroken(
            Failure.IMAGE_INVALID,
            f"the image {reference} was not pulled in {PULL_SECONDS:.0f} s; send an archive",
        ) from error
    if ended.returncode == 0:
        return
    if "file too large" in ended.stderr or ended.returncode == -signal.SIGXFSZ:
        raise ContractBroken(
            Failure.IMAGE_TOO_LARGE,
            f"the packed image {reference} is over the limit of {contract.image_mb} MB; make it "
            f"smaller",
        )
    if shutil.disk_usage(archive.parent).free < 2**20:
        raise RegistryUnavailable("the disk is full while an image is pulled; free some space")
    said = printable(" ".join(ended.stderr.split())[-500:])
    raise ContractBroken(
        Failure.IMAGE_INVALID,
        f"the image {reference} cannot be pulled ({said or 'it is over the size limit'}); see "
        f"that it is public and has this digest, or send an archive",
    )
