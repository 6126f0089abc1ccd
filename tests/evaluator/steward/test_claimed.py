"""A test draw has no patient of the validation draw that it names."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from cohort_selection.catalog import catalog
from cohort_selection.clinical import records
from cohort_selection.commons.simulation import simulate
from evaluator.benchmark.specification import Benchmark, read_benchmark
from evaluator.steward import steward
from evaluator.steward.pool import StewardError
from evaluator.stores.installation import Installation
from tests.support.repository import REPOSITORY
from tests.support.walkthrough import always_the_same_draw


def declared(folder: Path, name: str, more: str = "") -> Benchmark:
    text = (REPOSITORY / "benchmarks" / "simulated-opacity.toml").read_text()
    for old, new in (
        ('name = "simulated-opacity"', f'name = "{name}"'),
        ("size = 200", f"size = 20\n{more}"),
        ("minimum_cell = 10", "minimum_cell = 5"),
    ):
        assert old in text
        text = text.replace(old, new)
    path = folder / f"{name}.toml"
    path.write_text(text)
    return read_benchmark(path)


def test_a_test_draw_leaves_the_validation_draw_out(tmp_path: Path) -> None:
    simulate(tmp_path / "commons", patients=120, seed=1)
    tables = [tmp_path / "commons" / name for name in ("clinical.csv", "measurement.tsv")]
    folder = tmp_path / "catalog"
    catalog.update(tmp_path / "commons" / "dicom", records.read(*tables), folder)
    always_the_same_draw(tmp_path / "home")
    home = Installation(tmp_path / "home")
    first = declared(tmp_path, "validation")
    second = declared(tmp_path, "test", 'apart_from = ["validation"]')
    for each in (first, second):
        steward.sequester(home, each, folder, tmp_path / f"{each.name}.csv")
    with pytest.raises(StewardError, match="'validation', which has no sealed cohort here"):
        steward.match(home, second, folder)
    steward.match(home, first, folder)
    seen = steward.seal_cohort(home, first, folder, look=False).cohort
    # by chance alone, 20 of the 60 or so hidden patients would share some with the first 20
    alike = replace(second, cohort=replace(second.cohort, apart_from=()))
    shared = {case.patient_id for case in steward.match(home, alike, folder).cases}
    assert shared & seen.patients()
    drawn = steward.match(home, second, folder)
    assert not {case.patient_id for case in drawn.cases} & seen.patients()
    assert "'validation', which [cohort] apart_from names" in drawn.notes[-1]
    sealed = steward.seal_cohort(home, second, folder, look=False).cohort
    assert not sealed.patients() & seen.patients()
