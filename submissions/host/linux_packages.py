"""Packages, mirrors and codename of this machine's Linux distribution."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

INSTALL_SECONDS = 600.0


class PackageUnavailable(OSError):
    """A package of the distribution could not be installed."""


def system_path() -> str:
    """PATH with the folders of system programs, which a shell may leave out."""
    return f"{os.environ.get('PATH', '')}:/usr/local/sbin:/usr/sbin:/sbin"


def release() -> dict[str, str]:
    """Fields of /etc/os-release, unquoted; empty where there is no such file."""
    try:
        lines = Path("/etc/os-release").read_text(encoding="utf-8").splitlines()
    except OSError:
        return {}
    pairs = (line.split("=", 1) for line in lines if "=" in line)
    return {name: value.strip("\"'") for name, value in pairs}


def codename() -> str:
    """What this machine's packages are called by: of a derived release, its parent's name."""
    fields = release()
    names = ("UBUNTU_CODENAME", "DEBIAN_CODENAME", "VERSION_CODENAME")
    return next((fields[name] for name in names if fields.get(name)), "")


def is_debian_like() -> bool:
    """Whether packages come from Debian's or Ubuntu's apt."""
    fields = release()
    names = {fields.get("ID", ""), *fields.get("ID_LIKE", "").split()}
    return shutil.which("apt-get") is not None and bool({"debian", "ubuntu"} & names)


def install(*packages: str, progress: Callable[[str], None]) -> None:
    """Install ``packages`` with apt-get, under the apt settings of this machine.

    Raises PackageUnavailable when this is not Debian or Ubuntu, we are not root, or apt-get fails.
    """
    names = " ".join(packages)
    if not is_debian_like() or os.geteuid() != 0:
        raise PackageUnavailable(f"cannot install {names}: that takes root on Debian or Ubuntu")
    progress(f"Installing {names} with apt-get ...")
    refreshed = _apt_get("update")
    installed = _apt_get("install", "-y", "--no-install-recommends", *packages)
    # Lists that could not all be refreshed may still name what is wanted.
    if installed is not None:
        raise PackageUnavailable(f"apt-get install {names} failed: {installed or refreshed}")


def _apt_get(*arguments: str) -> str | None:
    """Run apt-get; None when it went well, else the last line that it said."""
    try:
        ended = subprocess.run(
            ["apt-get", "-q", "-o", "DPkg::Lock::Timeout=120", *arguments],
            env={**os.environ, "PATH": system_path(), "DEBIAN_FRONTEND": "noninteractive"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=INSTALL_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"it did not end in {INSTALL_SECONDS:.0f} s"
    if ended.returncode == 0:
        return None
    return (ended.stderr.strip().splitlines() or ["no message"])[-1]


def sources(codename: str) -> tuple[str, ...]:
    """One-line apt sources of release ``codename`` and its updates, as this machine has them.

    Where apt has none by that name, those of the release that this machine's own base-files come
    from: os-release names the release that is to be, "forky", where apt follows sid. Lists that
    were never fetched are fetched, where we are root. Empty where apt has none.
    """
    return _sources(codename) or (_apt_get("update") is None and _sources(codename)) or ()


def _sources(codename: str) -> tuple[str, ...]:
    listing = _asked_apt(
        "apt-get",
        "indextargets",
        "--format",
        "$(REPO_URI)|$(CODENAME)|$(RELEASE)|$(COMPONENT)",
        "Created-By: Packages",
    )
    rows = [line.split("|") for line in listing.splitlines() if line.count("|") == 3]
    for name in (codename, base_release(_asked_apt("apt-cache", "policy", "base-files"))):
        if lines := lines_of(name, rows):
            return lines
    return ()


def lines_of(name: str, rows: Iterable[Sequence[str]]) -> tuple[str, ...]:
    """One-line sources of a release and then of its updates, from what apt has.

    ``rows`` holds address, codename, the name in apt's own sources ("testing") and component.
    """
    own: dict[str, None] = {}
    updates: dict[str, None] = {}
    for address, codename, suite, component in rows:
        line = f"deb {address} {codename or suite} {component}"
        if name and name in (codename, suite):
            own[line] = None
        elif name and any(each.startswith(f"{name}-") for each in (codename, suite)):
            updates[line] = None
    return (*own, *updates) if own else ()


def base_release(policy: str) -> str:
    """The suite that the installed version of a package comes from; "" where apt knows of none.

    ``policy`` is what ``apt-cache policy PACKAGE`` said: a line "500 URI SUITE/COMPONENT ARCH
    Packages" below each version, of the installed one ("***") or else of the newest.
    """
    suites: list[tuple[bool, str]] = []
    installed = False
    for line in policy.splitlines():
        words = line.split()
        if line.startswith(" *** "):
            installed = True
        elif line.startswith("     ") and not line.startswith("        "):
            installed = False
        elif len(words) == 5 and words[-1] == "Packages" and "/" in words[2]:
            suites.append((installed, words[2].partition("/")[0]))
    return next((suite for now, suite in sorted(suites, key=lambda each: not each[0])), "")


def _asked_apt(*command: str) -> str:
    return subprocess.run(
        command, capture_output=True, text=True, errors="replace", check=False
    ).stdout


def acquire_options() -> str:
    """Settings by which apt reaches its mirrors on this machine (proxies, certificates)."""
    dumped = subprocess.run(
        ["apt-config", "dump"], capture_output=True, text=True, check=False
    ).stdout
    lines = (line for line in dumped.splitlines() if line.startswith("Acquire::"))
    return "".join(f"{line}\n" for line in lines if not line.endswith(' "";'))
