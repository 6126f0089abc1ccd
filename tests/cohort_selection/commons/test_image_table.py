"""Tables of pictures: a row a finding, two images a study, and ids that meet no picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
import pytest
from PIL import Image

from cohort_selection.catalog import catalog
from cohort_selection.clinical import records as clinical
from cohort_selection.commons.conversion import ConversionError, Imported, import_images
from cohort_selection.dicom import studies
from tests.support.commands import succeed

GREY = np.arange(30, dtype=np.uint8).reshape(5, 6) * 8


def imported(root: Path, table: str, *names: str, **columns: str) -> Imported:
    """Import the pictures of these names by the table, into ``root/out``."""
    directory = root / "images"
    directory.mkdir(exist_ok=True)
    for at, name in enumerate(names or ("a.png", "b.png")):
        Image.fromarray(GREY + at).save(directory / name)
    (root / "table.csv").write_text(table, encoding="utf-8")
    return import_images(directory, root / "table.csv", root / "out", columns=columns)


def only(found: Imported) -> clinical.ClinicalRecord:
    (record,) = clinical.read(found.clinical)
    return record


def test_boxes_of_one_picture_make_one_image(tmp_path: Path) -> None:
    """RSNA's table: nine rows of boxes, six pictures."""
    table = "patientId,x,y,width,height,Target\n"
    boxes = {"a": 1, "b": 2, "c": 3, "d": 1, "e": 1, "f": 1}
    table += "".join(f"{n},{i},{i},5,5,1\n" for n, boxes_ in boxes.items() for i in range(boxes_))
    names = [f"{name}.png" for name in boxes]
    found = imported(tmp_path, table, *names, image="patientId")
    assert (found.n_images, found.n_studies, found.n_patients) == (6, 6, 6)
    assert len(list(found.dicom.rglob("*.dcm"))) == 6
    assert "9 rows name 6 pictures" in found.notes[0]
    targets = {r.patient_id: r.findings["Target"] for r in clinical.read(found.clinical)}
    assert targets == dict.fromkeys(boxes, "1")


def test_the_findings_of_a_pictures_rows_are_joined_whatever_their_order(tmp_path: Path) -> None:
    """VinDr's table: three readers, some of whom mark two findings."""
    rows = ["a,R8,Nodule", "a,R9,Mass", "a,R10,Nodule", "b,R8,No finding", "b,R9,No finding"]
    written = []
    for order in (rows, rows[::-1]):
        table = "image_id,rad_id,class_name\n" + "\n".join(order) + "\n"
        found = imported(tmp_path, table, patient="image_id")
        assert found.n_images == 2
        written.append(found.clinical.read_bytes())
        records = {r.patient_id: r.findings["class_name"] for r in clinical.read(found.clinical)}
        assert records == {"a": "Mass|Nodule", "b": "No finding"}
    assert written[0] == written[1]


def test_a_name_with_and_without_its_suffix_is_one_picture(tmp_path: Path) -> None:
    found = imported(tmp_path, "file,patient_id,class_name\na,P,Mass\na.png,P,Edema\n")
    assert found.n_images == 1
    assert only(found).findings == {"class_name": "Edema|Mass"}


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("file,patient_id\na.png,P\na.png,Q\n", "line 3: patient is 'Q', but line 2 says 'P'"),
        ("file,patient_id,age\na.png,P,40\na.png,P,41\n", "line 3: age is 41, but line 2 says 40"),
        ("file,patient_id,view\na.png,P,PA\nb.png,P,PA\na.png,P,AP\n",
         "line 4: view is 'AP', but line 2 says 'PA' for the same picture"),
        ("file,patient_id,study_id\na.png,P,1\na.png,P,2\n", "line 3: study is '2', but line 2"),
        ("file,patient_id,study_id,race\na.png,P,1,White\nb.png,P,1,Asian\n",
         "line 3: race is 'Asian', but line 2 says 'White' for the same study"),
        ("file,patient_id,study_id,age\na.png,P,1,40\nb.png,P,1,45\n",
         "line 3: age is 45, but line 2 says 40 for the same study"),
        ("file,patient_id,study_id,site\na.png,P,1,N\nb.png,P,1,S\n", "line 3: site is 'S', but"),
        ("file,patient_id\na.png\n", "line 2: 1 fields, but the header names 2 columns"),
        ('file,patient_id,note\na.png,P,"x\nb.png,P,y\n', "line 2: unexpected end of data"),
        ("file,patient_id,file\na.png,P,b.png\n", "two columns are named 'file'"),
        ("file,patient_id\na.png,1.23E+11\n", r"line 2: patient_id is '1\.23E\+11'; a spreadsheet"),
        ("file,patient_id\na.png,nan\n", "line 2: no patient; fill the cell"),
    ],
)  # fmt: skip
def test_rows_that_contradict_each_other_name_both_lines(
    tmp_path: Path, table: str, said: str
) -> None:
    with pytest.raises(ConversionError, match=said):
        imported(tmp_path, table)
    assert not (tmp_path / "out").exists()


def test_one_image_without_sex_or_race_says_nothing_against_the_other(tmp_path: Path) -> None:
    found = imported(
        tmp_path,
        "file,patient_id,study_id,sex,race,age,site\na.png,P,1,M,,45,N\nb.png,P,1,,White,,\n",
    )
    record = only(found)
    assert (record.sex, record.race, record.age, record.site) == ("Male", "White", 45, "N")
    headers = [pydicom.dcmread(path) for path in found.dicom.rglob("*.dcm")]
    assert {(h.PatientSex, h.PatientAge) for h in headers} == {("M", "045Y")}


def test_ages_a_year_apart_in_one_study_are_the_lower_and_told(tmp_path: Path) -> None:
    found = imported(tmp_path, "file,patient_id,study_id,age\na.png,P,1,46\nb.png,P,1,45.9\n")
    assert only(found).age == 45
    assert "in 1 studies the ages of the images are a year apart" in found.notes[0]


def test_images_whose_study_is_not_known_are_studies_of_their_own(tmp_path: Path) -> None:
    found = imported(tmp_path, "file,patient_id,study_id\na.png,P,\nb.png,P,NA\n")
    assert found.n_studies == 2


def test_pictures_that_are_not_there_are_told_with_an_example_of_each_side(tmp_path: Path) -> None:
    found = imported(tmp_path, "image,patient_id\n00012,P\n13,Q\n", "00012.png", "00013.png")
    assert found.notes[0].startswith("1 of the table's 2 pictures are not in")
    assert found.notes[0].endswith("as '13' of line 3; 1 files there are in no row, as '00013.png'")
    with pytest.raises(ConversionError, match=r"none of its 1 images.*as '12' of line 2; 2 files"):
        imported(tmp_path, "image,patient_id\n12,P\n", "00012.png", "00013.png")


def test_a_column_that_index_would_take_for_its_own_keeps_a_name_of_its_own(tmp_path: Path) -> None:
    found = imported(tmp_path, "file,patient_id,case_ids,gender,sex\na.png,P,other,F,M\n",
                     patient="patient_id", sex="sex")  # fmt: skip
    record = only(found)
    assert (record.patient_id, record.sex) == ("P", "Male")
    assert record.findings == {"source_case_ids": "other", "source_gender": "F"}


def test_semicolons_and_decimal_commas_are_read(tmp_path: Path) -> None:
    found = imported(
        tmp_path,
        "file;Patient ID;Patient Age;pixel_spacing_x_mm;pixel_spacing_y_mm\na.png;P;45,6;0,2;0,3\n",
    )
    assert only(found).age == 45
    (path,) = found.dicom.rglob("*.dcm")
    assert list(pydicom.dcmread(path).ImagerPixelSpacing) == [0.3, 0.2]


def test_index_takes_what_import_images_wrote(tmp_path: Path) -> None:
    found = imported(tmp_path, "file,patient_id,study_id,sex\na.png,P,1,M\nb.png,P,1,\n")
    records = clinical.read(found.clinical)
    told = catalog.update(found.dicom, records, tmp_path / "catalog", workers=1)
    assert (told.n_studies, told.n_records, told.harmonised.sex) == (1, 1, 0)
    assert not [note for note in told.notes if "meet no study" in note]
    assert len(studies.index(found.dicom)[0]) == 1


def test_index_says_at_once_when_no_clinical_row_meets_a_study(tmp_path: Path) -> None:
    found = imported(tmp_path, "file,patient_id\na.png,00012\nb.png,00013\n")
    (tmp_path / "clinical.csv").write_text("PatientID,opacity\n12,1\n13,0\n14,0\n")
    printed = succeed(
        *("index", found.dicom, "--clinical", tmp_path / "clinical.csv"),
        *("--output", tmp_path / "catalog"),
    )
    said = " ".join(printed.split())
    assert "no row of the clinical tables meets a study: 3 of 3 clinical records meet no" in said
    assert "as patient '12'; 2 of 2 studies have no clinical record, as patient '00012'" in said
    assert "some would meet, zeros in front aside" in said


def test_index_counts_the_rows_that_meet_no_study(tmp_path: Path) -> None:
    found = imported(tmp_path, "file,patient_id\na.png,A\nb.png,B\n")
    (tmp_path / "clinical.csv").write_text("PatientID,opacity\nA,1\nb,0\n")
    records = clinical.read(tmp_path / "clinical.csv")
    told = catalog.update(found.dicom, records, tmp_path / "catalog", workers=1)
    assert "1 of 2 clinical records meet no study, as patient 'b'; 1 of 2 studies" in told.notes[0]
    assert told.notes[0].endswith("some would meet, capitals aside")
