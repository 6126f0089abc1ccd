"""Bring up a container engine on a machine that has none; ``python -m evaluator.setup.engine``."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from submissions.addresses.engine import EngineUnavailable, engine_address, no_engine
from submissions.host import linux_packages
from submissions.host.base_image import alone, cache

START_SECONDS = 60.0
PID_FILE = Path("/var/run/docker.pid")


def ensure_engine(progress: Callable[[str], None]) -> str:
    """Make sure that a container engine answers, and say in one sentence which and how.

    An engine that answers is used as it is; where its command line is missing and we are root on
    Debian or Ubuntu, that is installed. Otherwise, as root on Debian or Ubuntu, Docker is
    installed from the distribution's packages where it is missing, and started. Safe to call
    again and from several processes at once.

    Raises EngineUnavailable, with what to install, where that is not possible.
    """
    with alone("engine"):
        address = engine_address()
        if address is not None:
            _add_command(progress)
            return f"Using the container engine at {address}."
        if os.geteuid() != 0:
            raise EngineUnavailable(no_engine())
        daemon = _dockerd()
        installed = daemon is None
        if daemon is None:
            progress("No container engine found.")
            daemon = _install(progress)
        progress("Starting Docker ...")
        address = _start(daemon)
        verb = "Installed docker.io and started" if installed else "Started"
        return f"{verb} the container engine at {address}."


def _dockerd() -> str | None:
    """Path of dockerd, which may lie where only root's own shells look."""
    return shutil.which("dockerd", path=linux_packages.system_path())


def _install(progress: Callable[[str], None]) -> str:
    """Install Docker from the distribution's packages; the path of dockerd."""
    try:
        linux_packages.install("docker.io", "iptables", progress=progress)
        if shutil.which("docker") is None:  # newer releases have the client on its own
            linux_packages.install("docker-cli", progress=progress)
    except linux_packages.PackageUnavailable as error:
        raise EngineUnavailable(f"{no_engine()} ({error})") from error
    daemon = _dockerd()
    if daemon is None:
        raise EngineUnavailable("docker.io is installed but has no dockerd; install Docker Engine")
    return daemon


def _add_command(progress: Callable[[str], None]) -> None:
    """Install the command that builds images, where an engine of Debian's came without it.

    Where that is not possible, what builds the first image says which package is missing.
    """
    if shutil.which("docker") or shutil.which("podman") or _dockerd() is None or os.geteuid() != 0:
        return
    with suppress(linux_packages.PackageUnavailable):
        linux_packages.install("docker-cli", progress=progress)


def _start(dockerd: str) -> str:
    """Start dockerd, through systemd where that runs the machine, and wait until it answers."""
    if Path("/run/systemd/system").is_dir():
        subprocess.run(["systemctl", "start", "docker"], capture_output=True, check=False)
    # One that another program started may be on its way up, or down.
    address = _wait(_daemon_runs)
    if address is not None:
        return address
    if _daemon_runs():
        raise EngineUnavailable(
            f"dockerd runs but has not answered for {START_SECONDS:.0f} s; restart it"
        )
    log_path = cache() / "dockerd.log"
    # Without leave to change the firewall no bridge can be made; no submission needs one.
    for options in ([], ["--iptables=false", "--ip6tables=false", "--bridge=none"]):
        PID_FILE.unlink(missing_ok=True)  # left by one that was killed: a new one would not start
        with log_path.open("ab") as log:
            daemon = subprocess.Popen(
                [dockerd, *options],
                env={**os.environ, "PATH": linux_packages.system_path()},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                start_new_session=True,
            )
        address = _wait(lambda running=daemon: running.poll() is None)  # type: ignore[misc]
        if address is not None:
            daemon.returncode = 0  # it is to outlive us: no warning about a child still running
            return address
        daemon.kill()
        daemon.wait()
    raise EngineUnavailable(f"dockerd was started but did not come up; its log is {log_path}")


def _wait(running: Callable[[], bool]) -> str | None:
    """Wait for an answer while ``running``; None when it stops or the time is over."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        alive = running()
        address = engine_address()
        if address is not None or not alive:
            return address
        time.sleep(0.2)
    return None


def _daemon_runs() -> bool:
    try:
        pid = int(PID_FILE.read_text(encoding="ascii"))
        return Path(f"/proc/{pid}/comm").read_text(encoding="utf-8").strip() == "dockerd"
    except (OSError, ValueError):
        return False


def main() -> int:
    """Bring the engine up and say how; the exit status is 1 where that is not possible."""
    try:
        _say(ensure_engine(_say))
    except EngineUnavailable as error:
        _say(str(error))
        return 1
    return 0


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")


if __name__ == "__main__":
    sys.exit(main())
