"""The kit for masks and marks passes its own test, and draws what it says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from cohort_selection.task.declaration import COLUMNS
from submissions.starter import kit
from tests.support.commands import environment
from tests.support.repository import REPOSITORY


@pytest.mark.parametrize("name", ["simulated-regions", "simulated-marks"])
def test_the_kit_of_regions_passes_its_own_test_as_it_is(name: str, tmp_path: Path) -> None:
    benchmark = kit.read(REPOSITORY / "benchmarks" / f"{name}.toml")
    kit.write(tmp_path / "kit", benchmark)
    ended = subprocess.run(
        [sys.executable, "-m", "unittest"],
        cwd=tmp_path / "kit",
        env=environment(),
        check=False,
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 0, ended.stderr
    assert "Ran 1 test" in ended.stderr
    columns = ", ".join(f'"{each}"' for each in COLUMNS[benchmark.contract.form.regions])
    assert f"OUTPUTS = ({columns})\n" in (tmp_path / "kit" / "predict.py").read_text()
    assert "`frame` counts from 1" in (tmp_path / "kit" / "README.md").read_text()


def test_flavours_that_give_numbers_alone_are_refused(tmp_path: Path) -> None:
    benchmark = kit.read(REPOSITORY / "benchmarks" / "simulated-regions.toml")
    with pytest.raises(kit.KitError, match="asks for masks or marks, and the flavour 'onnx'"):
        kit.write(tmp_path / "kit", benchmark, "onnx")
    assert not (tmp_path / "kit").exists()
