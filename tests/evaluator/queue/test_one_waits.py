"""What is wrong with one benchmark keeps no other waiting; what was left behind, nobody."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from submissions.submission import State
from tests.support.installation import Installed, leavings
from tests.support.programs import SECOND, seal_second
from tests.support.repository import REPOSITORY
from tests.support.walkthrough import BENCHMARK

pytestmark = pytest.mark.engine


def test_a_benchmark_whose_file_was_changed_waits_alone(
    installed: Installed, images: dict[str, str], sealed: Path, tmp_path: Path
) -> None:
    seal_second(installed, sealed, tmp_path, {})
    waits = installed.submit(images["honest"], "Waits", benchmark=SECOND)
    goes = installed.submit(images["other"], "Goes")
    kept = installed.home / "benchmarks" / f"{SECOND}.toml"
    whole = kept.read_bytes()
    kept.write_bytes(whole + b"# changed\n")
    said = installed.refused()
    assert f"{SECOND}.toml is not the file" in said
    assert installed.state(goes) is State.RELEASED
    assert installed.state(waits) is State.QUEUED
    kept.write_bytes(whole)
    installed.run()
    assert installed.state(waits) is State.RELEASED
    assert installed.ledger.chain.problems() == []


def test_with_nothing_to_do_it_removes_what_killed_ones_left(installed: Installed) -> None:
    killed = f"""
import os, signal
from pathlib import Path
from cohort_selection.atomic_files import written
from evaluator.stores.enclave import Enclave
from evaluator.sandbox.staging import stage
from submissions.contract import Contract
enclave = Enclave(Path({str(installed.home / "enclave")!r}))
cases = enclave.cohort({BENCHMARK!r}).blinded(bytes(32))
with (
    stage(cases, Contract(), enclave.staging_folder()),
    written(enclave.image_archive("sha256:0")) as archive,
):
    archive.write(b"half")
    archive.flush()
    os.kill(os.getpid(), signal.SIGKILL)
"""
    subprocess.run([sys.executable, "-c", killed], cwd=REPOSITORY, check=False)
    assert len(leavings(installed.home)) == 2
    installed.run()
    assert leavings(installed.home) == []
