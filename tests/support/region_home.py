"""A sealed installation with a benchmark of masks and one of marks, on simulated lesions."""

from __future__ import annotations

from pathlib import Path

from cohort_selection.catalog import catalog
from cohort_selection.clinical.records import read
from cohort_selection.commons.simulation import simulate
from evaluator.benchmark.specification import read_benchmark
from evaluator.steward import steward
from evaluator.stores.installation import Installation
from tests.support.repository import REPOSITORY
from tests.support.walkthrough import always_the_same_draw, small_benchmark

MASKS, MARKS = "simulated-regions", "simulated-marks"
CASES = 40
KIT = REPOSITORY / "submissions" / "starter" / "kit_files" / "predict_regions.py"


def region_home(folder: Path) -> None:
    """Simulate a commons with lesions, and seal a cohort for masks and one for marks."""
    made = simulate(folder / "commons", patients=100, seed=5, lesions=True)
    catalog.update(made.dicom, read(made.clinical), folder / "catalog", workers=1)
    always_the_same_draw(folder / "home")
    installation = Installation(folder / "home")
    for name in (MASKS, MARKS):
        benchmark = read_benchmark(small_benchmark(folder, name, CASES))
        open_list = folder / f"{name}-open.csv"
        steward.sequester(installation, benchmark, folder / "catalog", open_list)
        steward.match(installation, benchmark, folder / "catalog")
        steward.seal_cohort(installation, benchmark, folder / "catalog", look=False)


def program(outputs: tuple[str, ...]) -> str:
    """The starter kit's program with a benchmark's outputs."""
    names = ", ".join(f'"{name}"' for name in outputs)
    text = KIT.read_text(encoding="utf-8")
    return text.replace('OUTPUTS = ("sop_instance_uid", "frame", "runs")', f"OUTPUTS = ({names})")
