"""A planted shortcut from the command line: what is drawn, what the seal says of it."""

from __future__ import annotations

from pathlib import Path

from cohort_selection.commons.simulation import simulate
from tests.support.commands import refused, succeed
from tests.support.walkthrough import BENCHMARK, always_the_same_draw, small_benchmark


def contents(folder: Path) -> dict[Path, bytes]:
    return {
        path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


def test_the_command_draws_what_the_function_draws(tmp_path: Path) -> None:
    size = ("--patients", "12", "--seed", "3")
    succeed("simulate", tmp_path / "told", *size, "--shortcut", "0.5")
    simulate(tmp_path / "called", patients=12, seed=3, shortcut=0.5)
    succeed("simulate", tmp_path / "plain", *size)
    assert contents(tmp_path / "told") == contents(tmp_path / "called")
    assert contents(tmp_path / "told") != contents(tmp_path / "plain")


def test_a_share_above_all_studies_is_refused(tmp_path: Path) -> None:
    said = refused("simulate", tmp_path / "commons", "--shortcut", "1.5")
    assert "shortcut is 1.5; give a share of the studies from 0 to 1" in said
    assert not (tmp_path / "commons").exists()


def test_the_seal_names_the_headers_that_tell_the_label(tmp_path: Path) -> None:
    commons, home = tmp_path / "commons", tmp_path / "home"
    always_the_same_draw(home)
    succeed("simulate", commons, "--patients", "100", "--shortcut", "1")
    catalog = ("--catalog", tmp_path / "catalog")
    clinical = commons / "clinical.csv"
    succeed("index", commons / "dicom", "--clinical", clinical, "--output", catalog[1])
    benchmark = small_benchmark(tmp_path, BENCHMARK, 30)
    of = (*catalog, "--home", home)
    succeed("sequester", benchmark, "--open", tmp_path / "open.csv", *of)
    succeed("match", BENCHMARK, *of)
    said = refused("seal", BENCHMARK, "--no-look", *of)
    assert "headers alone predict the label" in said
    assert "Manufacturer with an AUROC of 1.00" in said
