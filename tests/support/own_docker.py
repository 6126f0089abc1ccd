"""A Docker of a test's own, beside the machine's, that may be killed or be sick."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from submissions.addresses.engine import answers

needs_own_docker = pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("dockerd") is None, reason="needs root and dockerd"
)


class OwnDocker:
    """A daemon with its own data, socket and options."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.folder = folder
        self.options = options
        self.socket = folder / "docker.sock"
        self.daemon: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the daemon; one that meets the containerd of a killed one may need another try."""
        for last in (False, False, True):
            try:
                return self._start()
            except AssertionError:
                if last:
                    raise
                self._end_containerd()

    def _end_containerd(self) -> None:
        found = self.folder / "exec" / "containerd" / "containerd.pid"
        if found.exists():
            with contextlib.suppress(ProcessLookupError, ValueError):
                os.kill(int(found.read_text()), signal.SIGKILL)
            found.unlink(missing_ok=True)

    def _start(self) -> None:
        (self.folder / "pid").unlink(missing_ok=True)
        with (self.folder / "log").open("ab") as log:
            self.daemon = subprocess.Popen(
                [
                    # In a network of its own: without a bridge it would remove the machine's.
                    *("unshare", "--net", "dockerd"),
                    *("--data-root", str(self.folder / "data")),
                    *("--exec-root", str(self.folder / "exec")),
                    *("--pidfile", str(self.folder / "pid")),
                    *("--host", f"unix://{self.socket}"),
                    *("--bridge", "none", "--iptables=false", "--ip6tables=false"),
                    *self.options,
                ],
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + 60
        while not answers(self.socket):
            assert self.daemon.poll() is None, (self.folder / "log").read_text()[-2000:]
            assert time.monotonic() < deadline
            time.sleep(0.1)

    def kill(self) -> None:
        assert self.daemon is not None
        self.daemon.kill()
        self.daemon.wait()

    def stop(self) -> None:
        assert self.daemon is not None
        self.daemon.terminate()
        self.daemon.wait(timeout=60)
        # The one that was killed left its data folder mounted on itself.
        while subprocess.run(["umount", self.folder / "data"], capture_output=True).returncode == 0:
            pass
        shutil.rmtree(self.folder, ignore_errors=True)
