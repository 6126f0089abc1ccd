"""Simulated lesions: as many pixels as an ellipse has, in a segmentation that conforms."""

from __future__ import annotations

import math
import subprocess
from pathlib import Path

import numpy as np

from cohort_selection.commons.lesions import with_lesions, write_segmentation
from cohort_selection.commons.simulation import simulate
from tests.support import annotated_pictures
from tests.support.validator import dciodvfy


def test_lesions_are_ellipses_brighter_than_what_is_around_them() -> None:
    for seed in range(20):
        picture = np.full((256, 256), 0.25)
        seen, mask = with_lesions(picture, np.random.default_rng(seed))
        assert np.allclose(seen[mask], 0.70)
        assert (seen[~mask] == 0.25).all()
        # One or two ellipses with half axes of 4.5 % to 8.5 % of the picture's side.
        least, most = (math.pi * (share * 256) ** 2 for share in (0.045, 0.085))
        assert 0.98 * least < mask.sum() < 2 * 1.02 * most


def test_dciodvfy_finds_no_error_in_the_segmentation(tmp_path: Path) -> None:
    image = annotated_pictures.radiograph(tmp_path)
    path = write_segmentation(image, np.ones((12, 16), dtype=bool))
    done = subprocess.run([dciodvfy(), path], capture_output=True, text=True, check=False)
    assert "Segmentation" in done.stderr
    assert [line for line in done.stderr.splitlines() if line.startswith("Error")] == []


def test_without_lesions_the_commons_is_what_it_was(tmp_path: Path) -> None:
    for name, lesions in (("plain", False), ("lesions", True)):
        simulate(tmp_path / name, patients=4, seed=2, lesions=lesions)
    for table in ("clinical.csv", "truth.csv", "measurement.tsv"):
        assert (tmp_path / "plain" / table).read_bytes() == (
            tmp_path / "lesions" / table
        ).read_bytes()
    names = {path.name for path in (tmp_path / "plain" / "dicom").rglob("*.dcm")}
    more = {path.name: path for path in (tmp_path / "lesions" / "dicom").rglob("*.dcm")}
    assert names < set(more)
