"""A Debian of its own in a folder, with the image builders and the engines of that release.

Its programs run in a change of root, with network and mounts of their own: nothing is installed
on the machine, and no service of it is touched.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from submissions.addresses.engine import answers
from submissions.host import linux_packages
from submissions.host.base_image import cache

KEPT = cache() / "engines"
"""Where what is costly to make is kept, whatever a test has for a cache."""

PACKAGES = {
    "bookworm": ("docker.io", "runc", "podman", "buildah", "skopeo", "iptables"),
    "trixie": (
        *("docker.io", "docker-cli", "docker-buildx", "runc"),
        *("podman", "buildah", "skopeo", "umoci", "netavark", "iptables", "xz-utils", "zstd"),
    ),
}

_ENTER = """
root=$1; shared=$2; shift 2
mount --bind "$root" "$root"
mount --rbind /proc "$root/proc"
mount --rbind /sys "$root/sys"
mount --rbind /dev "$root/dev"
mount -t tmpfs run "$root/run"
mkdir -p "$root/run/lock"
IFS=:
for each in $shared; do
    mkdir -p "$root/$each"
    mount --rbind "$each" "$root/$each"
done
exec chroot "$root" "$@"
"""
_CONTAINERD = '{"features": {"containerd-snapshotter": true}}'


@dataclass(frozen=True, slots=True)
class Machine:
    """A Debian release; ``shared`` are folders that lie in it where they lie outside of it."""

    root: Path
    shared: tuple[Path, ...]

    def within(self, *command: str) -> tuple[str, ...]:
        """A command, to be run in it."""
        shared = ":".join(map(str, self.shared))
        own = ("unshare", "--net", "--mount", "--propagation", "private")
        return (*own, "sh", "-ec", _ENTER, "enter", str(self.root), shared, *command)

    def run(self, script: str, folder: Path, **variables: str) -> str:
        """Run a script of the shell in ``folder`` to its good end; what it said."""
        done = subprocess.run(
            self.within("sh", "-exc", f'cd "{folder}"\n{script}'),
            env={**_ENVIRONMENT, **variables},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
        return done.stdout

    def version(self, package: str) -> str:
        """The upstream version of one of its packages."""
        asked = ["dpkg-query", f"--admindir={self.root}/var/lib/dpkg", "-W", "-f", "${Version}"]
        said = subprocess.run([*asked, package], capture_output=True, text=True, check=True).stdout
        return said.rpartition(":")[2].partition("-")[0].partition("+")[0]

    @contextmanager
    def docker(self, folder: Path, *, containerd: bool = False) -> Iterator[str]:
        """Have its Docker run, with all that it has in ``folder``; its address."""
        options = ["--config-file", str(folder / "daemon.json")] if containerd else []
        (folder / "daemon.json").write_text(_CONTAINERD)
        command = self.within(
            *("dockerd", "--data-root", str(folder / "data"), "--exec-root", str(folder / "exec")),
            *("--pidfile", str(folder / "pid"), "--host", f"unix://{folder}/s"),
            *("--bridge", "none", "--iptables=false", "--ip6tables=false", *options),
        )
        with self._service(command, folder) as address:
            yield address

    @contextmanager
    def podman(self, folder: Path) -> Iterator[str]:
        """Have its Podman's service run; its address."""
        command = self.within(
            *("podman", *podman_options(folder)),
            *("system", "service", "--time", "0", f"unix://{folder}/s"),
        )
        with self._service(command, folder) as address:
            yield address

    @contextmanager
    def _service(self, command: tuple[str, ...], folder: Path) -> Iterator[str]:
        socket, log = folder / "s", folder / "log"
        with (
            log.open("wb") as said,
            subprocess.Popen(command, env=_ENVIRONMENT, stdout=said, stderr=said) as service,
        ):
            try:
                deadline = time.monotonic() + 120
                while not answers(socket):
                    assert service.poll() is None, log.read_text()[-3000:]
                    assert time.monotonic() < deadline, log.read_text()[-3000:]
                    time.sleep(0.2)
                yield f"unix://{socket}"
            finally:
                service.terminate()
                service.wait(timeout=60)


def podman_options(folder: Path) -> tuple[str, ...]:
    """Where Podman keeps all that it has, and what it starts containers with."""
    where = ("--root", str(folder / "data"), "--runroot", str(folder / "run"))
    return (*where, "--runtime", "runc", "--cgroup-manager", "cgroupfs")


_ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/root",
    "LANG": "C.UTF-8",
    "XDG_RUNTIME_DIR": "/run",
    "PODMAN_IGNORE_CGROUPSV1_WARNING": "1",
}


def machine(release: str, *shared: Path) -> Machine:
    """The Debian of a ``release``, made where it is missing; a minute, and 700 MB of the cache."""
    if os.geteuid() != 0 or shutil.which("mmdebstrap") is None:
        pytest.skip("a Debian in a folder: needs root and the package mmdebstrap")
    root = KEPT / release
    if not root.exists():
        fresh = root.with_name(f"{release}.new")
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.parent.mkdir(parents=True, exist_ok=True)
        options = root.with_name("apt.conf")
        options.write_text(linux_packages.acquire_options(), encoding="utf-8")
        include = ",".join(("ca-certificates", *PACKAGES[release]))
        made = subprocess.run(
            [
                *("mmdebstrap", "--quiet", "--variant=minbase", f"--include={include}"),
                *(f"--aptopt={options}", release, str(fresh)),
            ],
            env={**os.environ, "PATH": linux_packages.system_path()},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if made.returncode:
            shutil.rmtree(fresh, ignore_errors=True)
            pytest.fail(f"mmdebstrap did not make {release}: {made.stderr[-2000:]}")
        fresh.rename(root)
    return Machine(root, shared)
