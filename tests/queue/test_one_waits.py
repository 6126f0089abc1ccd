"""What is wrong with one benchmark keeps no other waiting; what was left behind, nobody."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from submissions.submission import State
from tests.commands import succeed
from tests.conftest import REPOSITORY
from tests.queue.installation import Installed, leavings
from tests.queue.programs import CASES
from tests.walkthrough import BENCHMARK, small_benchmark

pytestmark = pytest.mark.engine

SECOND = "second-opacity"


def test_a_benchmark_whose_file_was_changed_waits_alone(
    installed: Installed, images: dict[str, str], sealed: Path, tmp_path: Path
) -> None:
    file = small_benchmark(tmp_path, BENCHMARK, CASES).rename(tmp_path / f"{SECOND}.toml")
    file.write_text(file.read_text().replace(f'name = "{BENCHMARK}"', f'name = "{SECOND}"'))
    of = ("--catalog", sealed.parent / "catalog", "--home", installed.home)
    succeed("sequester", file, "--open", tmp_path / "open.csv", *of)
    succeed("match", SECOND, *of)
    succeed("seal", SECOND, "--no-look", *of)
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
    assert installed.ledger.audit_problems() == []


def test_with_nothing_to_do_it_removes_what_killed_ones_left(installed: Installed) -> None:
    killed = f"""
import os, signal
from pathlib import Path
from cohort_selection.atomic import written
from evaluator.enclave import Enclave
from evaluator.staging import stage
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
