"""A training that cannot work is refused in one sentence before anything is read."""

from __future__ import annotations

from pathlib import Path

import pytest

from baselines.choices import SettingsError
from baselines.tabular import learning
from tests.support.commands import refused

NO_LIST = "no list is read"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--sensitivity", "2"), "sensitivity is 2.0; give one between 0 and 1"),
        (("--validation-share", "0"), "validation share is 0.0; give one between 0 and 1"),
        (("--target-prevalence", "1"), "target prevalence is 1.0; give one between 0 and 1"),
        (
            ("--calibration", "plat"),
            "calibration is 'plat' (did you mean 'platt'?); give one of platt, temperature",
        ),
        (("--seed", "-1"), "seed is -1; give a whole number from 0"),
        (("--baseline", "tables"), "baseline is 'tables'; give one of prevalence, demographics"),
    ],
)
def test_a_baseline_of_tables_refuses_what_a_network_refuses(
    tmp_path: Path, options: tuple[str, str], said: str
) -> None:
    opened = tmp_path / "open.csv"
    opened.write_text("case_id,patient_id,label,files,sex\n1,A,1,a.dcm,F\n2,B,0,b.dcm,M\n")
    name = () if options[0] == "--baseline" else ("--baseline", "demographics")
    told = refused("train", opened, *name, *options, "--output", tmp_path / "model")
    assert said in " ".join(told.split())
    assert not (tmp_path / "model").exists()


def test_the_choices_come_before_the_list(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="sensitivity is -1"):
        learning.train(tmp_path / NO_LIST, tmp_path / "model", "demographics", sensitivity=-1.0)


def test_a_file_in_the_model_s_place_is_left_alone(tmp_path: Path) -> None:
    opened = tmp_path / "open.csv"
    opened.write_text("case_id,patient_id,label,files,sex\n1,A,1,a.dcm,F\n2,B,0,b.dcm,M\n")
    (tmp_path / "model").write_text("mine")
    told = refused("train", opened, "--baseline", "demographics", "--output", tmp_path / "model")
    assert "is a file; give a folder" in " ".join(told.split())
    assert (tmp_path / "model").read_text() == "mine"
