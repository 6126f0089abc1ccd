"""Reports by TID 1500 that highdicom wrote."""

from __future__ import annotations

from pathlib import Path

import pydicom
import pytest

from cohort_selection.regions.grids import read_grids
from cohort_selection.regions.structured_reports import read_report
from tests.support import annotated_pictures
from tests.support.annotated_pictures import sr

MASS = sr.CodedConcept("4147007", "SCT", "Mass")


def test_each_measurement_group_is_a_lesion_with_the_box_around_it(tmp_path: Path) -> None:
    image = annotated_pictures.radiograph(tmp_path)
    square = [[2, 3], [7, 3], [7, 9], [2, 9], [2, 3]]
    # A circle of radius 3 about (8, 5); an ellipse of axes 8 and 4 about (8, 6), not turned.
    path = annotated_pictures.report(
        tmp_path / "report",
        pydicom.dcmread(image),
        [
            (sr.GraphicTypeValues.POLYLINE, square, None),
            (sr.GraphicTypeValues.CIRCLE, [[8, 5], [11, 5]], MASS),
            (sr.GraphicTypeValues.ELLIPSE, [[4, 6], [12, 6], [8, 4], [8, 8]], None),
        ],
    )
    grids = {grid.source: grid for grid in read_grids([image])}
    found = read_report(path, grids, "")
    assert [each.box for each in found] == [
        (2, 3, 5, 6),
        (5, 2, 6, 6),
        pytest.approx((4, 4, 8, 4)),
    ]
    assert [each.lesion for each in found] == [1, 2, 3]
    assert {(each.source, each.frame) for each in found} == {("2.25.710", 1)}
    assert [each.lesion for each in read_report(path, grids, "mass")] == [2]


def test_a_report_without_a_template_s_id_is_walked(tmp_path: Path) -> None:
    image = annotated_pictures.radiograph(tmp_path)
    path = annotated_pictures.report(
        tmp_path / "report",
        pydicom.dcmread(image),
        [(sr.GraphicTypeValues.CIRCLE, [[8, 5], [11, 5]], None)],
    )
    written = pydicom.dcmread(path)
    del written.ContentTemplateSequence
    written.save_as(path)
    grids = {grid.source: grid for grid in read_grids([image])}
    (found,) = read_report(path, grids, "")
    assert found.box == (5, 2, 6, 6)


def test_pictures_of_others_are_passed_over(tmp_path: Path) -> None:
    image = annotated_pictures.radiograph(tmp_path)
    path = annotated_pictures.report(
        tmp_path / "report",
        pydicom.dcmread(image),
        [(sr.GraphicTypeValues.CIRCLE, [[8, 5], [11, 5]], None)],
    )
    assert read_report(path, {}, "") == ()
