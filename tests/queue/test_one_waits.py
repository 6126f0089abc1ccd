"""What is wrong with one benchmark keeps the submissions for another from nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from submissions.submission import State
from tests.commands import succeed
from tests.queue.installation import Installed
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
