"""The quick tests on the Pythons of other Debian releases: ``make platforms``, outside `make test`.

Each release is set up in a folder of its own by mmdebstrap, in which the pinned versions are
installed from nothing, and is removed at the end. Takes root, a mirror, 2 GB of disk a release.
Settings of apt (mirrors that lag, proxies) and of pip (PIP_...) are those of this machine. What
needs torch, an engine or a browser is left out: that is `make test` on such a machine.
"""

from __future__ import annotations

import argparse
import os
import shutil
import ssl
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from submissions.host import linux_packages
from tests.support.repository import REPOSITORY

RELEASES = ("bookworm", "trixie", "testing")
"""Python 3.11, the oldest that we take; today's stable; and what Debian's next release has."""

PACKAGES = ("python3", "python3-venv", "ca-certificates", "libstdc++6")
LEFT_BEHIND = shutil.ignore_patterns(
    ".git", ".venv*", "__pycache__", ".*_cache", "demo", "sequestra-home", "results"
)

OF_THIS_DISK = ("PIP_FIND_LINKS", "PIP_CONSTRAINT", "PIP_CONFIG_FILE", "PIP_CACHE_DIR")
"""Settings of pip that name files, which are not there inside."""

INSIDE = """
set -eu
python3 -m venv /environment
python=/environment/bin/python
$python -m pip install --quiet --upgrade pip
$python -m pip install --quiet --constraint /project/constraints.txt --editable '/project[dev]'
cd /project
$python -c 'from evaluator.evaluation import prepare; prepare()'  # as make does for its own
exec $python -m pytest -p no:cacheprovider "$@"
"""

ENTER = """
set -eu
root=$1; shift
mount --make-rprivate /
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
mount -t tmpfs tmpfs "$root/tmp"
exec chroot "$root" /bin/sh -c "$0" sh "$@"
"""
"""In a mount namespace of its own: what is mounted goes with the last process."""


def set_up(release: str, root: Path) -> None:
    """Make a Debian release with Python in ``root``, and put the project beside it."""
    options = root.with_suffix(".apt")
    options.write_text(linux_packages.acquire_options(), encoding="utf-8")
    subprocess.run(
        [
            "mmdebstrap",
            "--quiet",
            "--variant=essential",
            f"--include={','.join(PACKAGES)}",
            f"--aptopt={options}",
            release,
            str(root),
        ],
        env={**os.environ, "PATH": linux_packages.system_path()},
        stdin=subprocess.DEVNULL,
        check=True,
    )
    shutil.copytree(REPOSITORY, root / "project", ignore=LEFT_BEHIND)
    shutil.copyfile("/etc/resolv.conf", root / "etc" / "resolv.conf")
    trusted = os.environ.get("PIP_CERT") or ssl.get_default_verify_paths().cafile
    if trusted and Path(trusted).is_file():  # those of this machine, which knows its own proxy
        shutil.copyfile(trusted, root / "etc" / "ssl" / "certs" / "ca-certificates.crt")


def run_tests(root: Path, arguments: Sequence[str]) -> int:
    """Install the pinned versions and run pytest in ``root``; its exit code."""
    passed_on = {
        name: value
        for name, value in os.environ.items()
        if (name.startswith("PIP_") and name not in OF_THIS_DISK) or name.lower().endswith("_proxy")
    }
    passed_on |= {
        "HOME": "/root",
        "LANG": "C.UTF-8",
        "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
        "PIP_CERT": "/etc/ssl/certs/ca-certificates.crt",
    }
    return subprocess.run(
        ["unshare", "--mount", "sh", "-c", ENTER, INSIDE, str(root), *arguments],
        env=passed_on,
        stdin=subprocess.DEVNULL,
        check=False,
    ).returncode


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> int:
    """Run the tests on each release named; 1 where any failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.platforms", description=__doc__)
    parser.add_argument("--releases", nargs="+", default=RELEASES, metavar="RELEASE")
    parser.add_argument("arguments", nargs="*", help="handed to pytest, after --")
    options = parser.parse_args()
    if os.geteuid() != 0:
        parser.error("a folder can only be entered as a system of its own by root")
    if shutil.which("mmdebstrap") is None:
        linux_packages.install("mmdebstrap", progress=say)
    failed = []
    for release in options.releases:
        with tempfile.TemporaryDirectory(prefix="sequestra-platform-") as folder:
            root = Path(folder) / release
            say(f"Debian {release}: setting up ...")
            set_up(release, root)
            (python,) = (root / "usr" / "bin").glob("python3.[0-9]*[0-9]")
            say(f"Debian {release}: {python.name}")
            if run_tests(root, options.arguments):
                failed.append(f"{release} ({python.name})")
    say(f"failed on {', '.join(failed)}" if failed else "all passed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
