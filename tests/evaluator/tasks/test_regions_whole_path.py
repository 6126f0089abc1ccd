"""Masks and marks from a simulated commons to the board, with the starter kit in a container."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray
from scipy.ndimage import label

from cohort_selection.sequestration.open_list import read_open
from cohort_selection.task.declaration import COLUMNS, MASKS, POINTS
from evaluator.disclosure.control import Release
from evaluator.stores.installation import Installation
from tests.support import region_home as regions
from tests.support.engine import ImageBuilder
from tests.support.installation import Installed
from tests.support.made_once import made_once

pytestmark = pytest.mark.engine
Mask = NDArray[np.bool_]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, image_of: ImageBuilder) -> Path:
    """An installation in which the kit's two programs ran to the end."""
    folder = made_once(tmp_path_factory, "regions", regions.region_home)
    installed = Installed(folder / "home")
    for name, form in ((regions.MASKS, MASKS), (regions.MARKS, POINTS)):
        digest = image_of(regions.program(COLUMNS[form]))
        installed.submit(digest, "Blob", benchmark=name)
    installed.run()
    return folder


def kit() -> ModuleType:
    """The kit's program as a module, which the test runs on the images of the commons."""
    spec = importlib.util.spec_from_file_location("kit_regions", regions.KIT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where its dataclass looks itself up
    spec.loader.exec_module(module)
    return module


def cases_of(folder: Path, benchmark: str) -> list[tuple[Mask, Mask]]:
    """What the simulation drew in each sealed case, and what the program draws in its source."""
    program, found = kit(), []
    _, cohort = Installation(folder / "home").sealed(benchmark)
    for study, _ in cohort.sources().values():
        drawn, truth = None, None
        for path in (folder / "commons" / "dicom" / study).iterdir():
            image = pydicom.dcmread(path)
            if image.Modality == "SEG":
                truth = image.pixel_array > 0
            else:
                drawn = np.array(program.regions(program.read(path)), dtype=bool)
        assert drawn is not None
        found.append((np.zeros_like(drawn) if truth is None else truth, drawn))
    return found


def release_of(folder: Path, benchmark: str) -> Release:
    ledger = Installation(folder / "home").ledger()
    try:
        (published,) = ledger.releases(benchmark)
    finally:
        ledger.close()
    return Release.from_json(published.document)


def test_masks_reach_the_board_with_the_dice_that_the_truth_gives(folder: Path) -> None:
    release = release_of(folder, regions.MASKS)
    cases = cases_of(folder, regions.MASKS)
    both = [(2 * (a & b).sum() / (a.sum() + b.sum())) if (a | b).any() else 1 for a, b in cases]
    assert len(cases) == regions.CASES
    assert release.task == "segmentation"
    dice = release.find("mean_dice")
    assert dice is not None
    assert dice.value == pytest.approx(np.mean(both), abs=0.006)  # two decimals are shown
    assert dice.low is not None
    assert dice.high is not None
    assert dice.low < np.mean(both) < dice.high
    missed = release.find("missed_masks")
    assert missed is not None
    assert missed.value == pytest.approx(
        np.mean([not b.any() for a, b in cases if a.any()]), abs=0.06
    )
    assert release.find("mean_hd") is None  # the largest distance is one pixel's
    assert release.find("mean_hd95") is not None
    assert Release.from_json(release.to_json()).to_json() == release.to_json()


def test_marks_reach_the_board_with_the_sensitivity_that_the_truth_gives(folder: Path) -> None:
    release = release_of(folder, regions.MARKS)
    hits = lesions = false = 0
    for truth, drawn in cases_of(folder, regions.MARKS):
        numbers, n = label(truth, structure=np.ones((3, 3)))
        lesions += n
        if drawn.any():
            row, column = np.rint(np.argwhere(drawn).mean(axis=0)).astype(int)
            on = int(numbers[row, column])
            hits, false = hits + (on > 0), false + (on == 0)
    found = release.find("lesion_sensitivity")
    assert found is not None
    assert found.value == pytest.approx(hits / lesions, abs=0.06)
    rate = release.find("false_marks_per_image")
    assert rate is not None
    assert rate.value == pytest.approx(false / regions.CASES, abs=0.06)
    assert release.find("wafroc") is not None


def test_the_open_part_says_where_its_lesions_lie(folder: Path) -> None:
    cases = read_open(folder / f"{regions.MASKS}-open.csv")
    assert {bool(case.regions) for case in cases if case.label} == {True}
    assert {bool(case.regions) for case in cases if not case.label} == {False}
    for case in cases:
        names = {pydicom.dcmread(f, stop_before_pixels=True).SOPInstanceUID for f in case.files}
        assert {region.source for region in case.regions} <= names
