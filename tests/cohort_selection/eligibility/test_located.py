"""Cases get their lesions from the commons, and go where nobody knows where the lesions lie."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pydicom
import pytest

from cohort_selection.clinical.records import read
from cohort_selection.commons.simulation import simulate
from cohort_selection.dicom.studies import index
from cohort_selection.eligibility.criteria import Criteria, SelectionError
from cohort_selection.eligibility.label_rule import LabelRule
from cohort_selection.eligibility.located import of_commons
from cohort_selection.sealing.cohort import open_cohort, seal, verify
from cohort_selection.sequestration.open_list import read_open, write_open
from cohort_selection.sequestration.open_part import write_copies
from cohort_selection.study_table.commons import Commons
from cohort_selection.task.declaration import LOCALISATION, SEGMENTATION, Task
from cohort_selection.task.runs import painted, read_runs
from tests.support.made_once import made_once

MASKS = Task(SEGMENTATION, structure="Opacity", both_empty=1.0, false_mask=0.0, missed_mask=0.0)
MARKS = Task(LOCALISATION, structure="Opacity", hit="inside", rates=(1.0,))


@pytest.fixture(scope="module")
def commons(tmp_path_factory: pytest.TempPathFactory) -> Commons:
    """Ten simulated patients, some with lesions."""

    def make(folder: Path) -> None:
        simulate(folder / "commons", patients=10, seed=5, lesions=True)

    made = made_once(tmp_path_factory, "ten-with-lesions", make) / "commons"
    studies, quarantined = index(made / "dicom")
    paths = [each.path for each in quarantined]
    found = Commons.of(studies, read(made / "clinical.csv"))
    return replace(found, kept_out=lambda: iter(paths))


def criteria(task: Task) -> Criteria:
    return Criteria(label=LabelRule("opacity"), attributes=("sex",), task=task)


def truth(commons: Commons) -> dict[str, int]:
    """Image -> pixels of its lesions, by the segmentations as pydicom reads them."""
    found = {}
    for path in commons.kept_out():
        seg = pydicom.dcmread(path)
        (source,) = seg.ReferencedSeriesSequence[0].ReferencedInstanceSequence
        found[str(source.ReferencedSOPInstanceUID)] = int((seg.pixel_array > 0).sum())
    return found


def test_each_positive_case_gets_the_pixels_of_its_segmentation(commons: Commons) -> None:
    cases = of_commons(commons, criteria(MASKS)).cases
    drawn = {
        region.source: int(read_runs(region.runs, 1 << 20)[:, 1].sum())
        for case in cases
        for region in case.regions
    }
    assert drawn == truth(commons)
    assert all(bool(case.regions) == bool(case.label) for case in cases)


def test_for_marks_each_part_is_a_lesion_of_its_own(commons: Commons) -> None:
    lesions = {1: 0, 2: 0}
    for case in of_commons(commons, criteria(MARKS)).cases:
        if case.regions:
            lesions[len({region.lesion for region in case.regions})] += 1
    assert min(lesions.values()) > 0  # the simulation gives one or two


def test_who_is_not_annotated_or_contradicts_itself_is_put_out(commons: Commons) -> None:
    first, *others = commons.kept_out()
    lost = first.parent.name
    fewer = replace(commons, kept_out=lambda: iter(others))
    found = of_commons(fewer, criteria(MASKS))
    assert lost not in {case.case_id for case in found.cases}
    assert (found.flow[-1].rule, found.flow[-1].excluded) == ("label and annotations agree", 1)
    turned = replace(criteria(MASKS), invert_label=True)
    with pytest.raises(SelectionError, match="no positive case has a region"):
        of_commons(commons, turned)
    other = replace(MASKS, structure="Fracture")
    with pytest.raises(SelectionError, match=r"check \[task\] structure"):
        of_commons(commons, criteria(other))


def test_sealed_regions_name_the_copies_and_are_encrypted(commons: Commons, tmp_path: Path) -> None:
    cases = of_commons(commons, criteria(MASKS)).cases
    seal(cases, tmp_path / "cohort", name="c", seed=1, criteria={}, target=None)
    cohort = open_cohort(tmp_path / "cohort")
    sealed = [case for case in cohort.cases() if case.regions]
    runs = {region.runs for case in cases for region in case.regions}
    assert {region.runs for case in sealed for region in case.regions} == runs
    sources = {region.source for case in cases for region in case.regions}
    for case in sealed:
        (file,) = case.files
        image = pydicom.dcmread(file)
        (region,) = case.regions
        assert region.source == image.SOPInstanceUID
        assert region.source not in sources
        mask = painted(read_runs(region.runs, image.Rows * image.Columns), image.pixel_array.shape)
        assert mask.any()
    for path in (tmp_path / "cohort").rglob("*"):
        if path.is_file() and path.suffix != ".dcm":
            assert not any(text.encode() in path.read_bytes() for text in runs)
    assert verify(cohort) == []


def test_the_open_part_has_its_regions_beside_its_list(commons: Commons, tmp_path: Path) -> None:
    cases = of_commons(commons, criteria(MASKS)).cases
    write_open(tmp_path / "open.csv", cases, ("sex",))
    assert list(read_open(tmp_path / "open.csv")) == list(cases)
    part = write_copies(read_open(tmp_path / "open.csv"), tmp_path / "copies")
    for case in read_open(part.table):
        names = {pydicom.dcmread(file).SOPInstanceUID for file in case.files}
        assert {region.source for region in case.regions} <= names
    assert sum(bool(case.regions) for case in read_open(part.table)) == len(truth(commons))
    write_open(tmp_path / "open.csv", [replace(case, regions=()) for case in cases], ("sex",))
    assert not (tmp_path / "open-regions.csv").exists()


def test_a_table_of_boxes_among_the_images_gives_lesions(commons: Commons, tmp_path: Path) -> None:
    positive = [case for case in of_commons(commons, criteria(MARKS)).cases if case.label]
    rows = [f"{case.files[0].stem},10,20,30,40" for case in positive]
    rows.append(f"{positive[0].files[0].stem},1,2,3,4")
    table = tmp_path / "boxes.csv"
    table.write_text("sop_instance_uid,x,y,width,height\n" + "\n".join(rows) + "\n")
    (tmp_path / "other.csv").write_text("name\nx\n")  # no table of regions: passed over
    only_table = replace(commons, kept_out=lambda: iter([table, tmp_path / "other.csv"]))
    found = {case.case_id: case.regions for case in of_commons(only_table, criteria(MARKS)).cases}
    assert {region.box for region in found[positive[1].case_id]} == {(10, 20, 30, 40)}
    assert sorted(region.lesion for region in found[positive[0].case_id]) == [1, 2]
    table.write_text(f"sop_instance_uid,x,y,width,height\n{positive[0].files[0].stem},1,2,500,4\n")
    with pytest.raises(SelectionError, match="500 x 4 pixels for"):
        of_commons(only_table, criteria(MARKS))
    table.write_text(f"sop_instance_uid,x,y,width,height\n{positive[0].files[0].stem},1,2,,4\n")
    with pytest.raises(SelectionError, match="line 2: lesion and frame are whole numbers"):
        of_commons(only_table, criteria(MARKS))
