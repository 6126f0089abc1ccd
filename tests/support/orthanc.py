"""A real Orthanc with DICOMweb on loopback, from Debian's packages.

``python -m tests.support.orthanc`` installs it.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from submissions.host import linux_packages
from tests.support.installation import kill, process, until
from tests.support.services import answers, free_port

PACKAGES = ("orthanc", "orthanc-dicomweb")
PLUGIN = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")


class Orthanc:
    """An Orthanc in a folder of its own, to fill, to stop and to kill."""

    def __init__(self, folder: Path, program: str, **settings: object) -> None:
        self.port = free_port()
        self.storage = folder / "storage"
        self.base = f"http://127.0.0.1:{self.port}"
        self.address = f"{self.base}/dicom-web"
        self._program = program
        self._configuration = folder / "orthanc.json"
        self._configuration.write_text(
            json.dumps(
                {
                    "StorageDirectory": str(self.storage),
                    "IndexDirectory": str(self.storage),
                    "HttpPort": self.port,
                    "DicomServerEnabled": False,
                    "AuthenticationEnabled": False,
                    "RemoteAccessAllowed": False,
                    "Plugins": [str(PLUGIN)],
                    "DicomWeb": {"Enable": True, "Root": "/dicom-web/"},
                    **settings,
                }
            )
        )

    @contextmanager
    def running(self) -> Iterator[Orthanc]:
        with process(self._program, str(self._configuration), quiet=True) as started:
            until(lambda: answers(self.port), while_lives=started)
            self._process = started
            yield self

    def kill(self) -> None:
        """kill -9."""
        kill(self._process)

    def store(self, path: Path) -> str:
        """Store a file; give Orthanc's own id of it."""
        answer = httpx.post(f"{self.base}/instances", content=path.read_bytes())
        assert answer.status_code == 200, answer.text
        return str(answer.json()["ID"])

    def delete(self, own_id: str) -> None:
        assert httpx.delete(f"{self.base}/instances/{own_id}").status_code == 200


def program() -> str | None:
    """Orthanc's program, where it and its DICOMweb are installed."""
    found = shutil.which("Orthanc", path=linux_packages.system_path())
    return found if PLUGIN.is_file() else None


def needed() -> str:
    """Orthanc's program; the test is skipped where there is none, and fails in CI."""
    found = program()
    if found is None:
        if os.environ.get("CI", "").lower() in ("1", "true", "yes"):
            pytest.fail("CI must run the tests of DICOMweb on a real Orthanc")
        pytest.skip(f"no Orthanc on this machine: install the packages {' and '.join(PACKAGES)}")
    return found


@contextmanager
def orthanc(folder: Path, **settings: object) -> Iterator[Orthanc]:
    """A running Orthanc that is empty."""
    with Orthanc(folder, needed(), **settings).running() as server:
        yield server


def main() -> None:
    """Install Orthanc where that is possible; say where it is not. No service is started."""
    if program() is not None:
        return
    try:
        linux_packages.install(*PACKAGES, progress=_say)
    except OSError as error:
        _say(f"The tests on a real Orthanc will be skipped: {error}.")


def _say(sentence: str) -> None:
    sys.stdout.write(f"{sentence}\n")


if __name__ == "__main__":
    main()
