"""What is dear to make is made once for all processes of a test run."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest


def made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    """The folder that ``make`` filled; the first process that asks makes it, the others wait.

    Tests copy what they change. What is made is gone with the temporary folders of the run.
    """
    mine = factory.getbasetemp()
    run = mine.parent if "PYTEST_XDIST_WORKER" in os.environ else mine
    folder, done = run / f"once-{name}", run / f"once-{name}.done"
    with (run / f"once-{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            shutil.rmtree(folder, ignore_errors=True)  # half made where a process failed
            folder.mkdir()
            make(folder)
            done.touch()
    return folder
