"""Labels from words, from lists, and by a declared policy for what is uncertain or blank."""

from __future__ import annotations

from pathlib import Path

import pytest

from cohort_selection.clinical.records import read
from cohort_selection.dicom.studies import Study
from cohort_selection.eligibility.criteria import Criteria, FlowStep, SelectionError, select
from cohort_selection.plan.cohort_plan import CohortPlanError, read_cohort_plan
from cohort_selection.study_table.commons import Commons


def criteria(label: object, *, inverted: bool = False) -> Criteria:
    table = {"label": label, "invert_label": inverted}
    return read_cohort_plan(table, Path("b.toml")).criteria


def labels(
    folder: Path,
    cells: list[str],
    label: object,
    name: str = "Pneumonia",
    *,
    inverted: bool = False,
) -> list[object]:
    """The label of each cell of a clinical table, None where the study is left out."""
    path = folder / "clinical.tsv"
    rows = "".join(f"p{i}\t{cell}\n" for i, cell in enumerate(cells))
    path.write_text(f"patient_id\t{name}\n{rows}")
    studies = [
        Study(
            study_uid=f"s{i}",
            patient_id=f"p{i}",
            modality="DX",
            body_part="CHEST",
            description="",
            loinc="",
            manufacturer="GE",
            view="PA",
            acquired="",
            sex="Female",
            age=50,
            files=(Path("x"),),
        )
        for i in range(len(cells))
    ]
    asked = criteria(label, inverted=inverted)
    found = {c.case_id: c.label for c in select(Commons.of(studies, read(path)), asked).cases}
    return [found.get(f"s{i}") for i in range(len(cells))]


CHEXPERT = ["1.0", "0.0", "-1.0", "", "1"]


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        ({"uncertain": "positive"}, [1, 0, 1, None, 1]),
        ({"uncertain": "negative"}, [1, 0, 0, None, 1]),
        ({"uncertain": "exclude"}, [1, 0, None, None, 1]),
        ({"uncertain": "exclude", "blank": "negative"}, [1, 0, None, 0, 1]),
        ({"uncertain": "positive", "blank": "negative"}, [1, 0, 1, 0, 1]),
    ],
)
def test_chexperts_cells_count_as_the_file_says(
    tmp_path: Path, policy: dict[str, str], expected: list[object]
) -> None:
    assert labels(tmp_path, CHEXPERT, {"column": "Pneumonia", **policy}) == expected


def test_an_inverted_label_leaves_what_is_declared_of_blank_and_uncertain_cells(
    tmp_path: Path,
) -> None:
    """Column "No Finding": 0 is positive; a blank cell that counts as negative is negative."""
    rule = {"column": "Pneumonia", "uncertain": "positive", "blank": "negative"}
    found = labels(tmp_path, CHEXPERT, rule, inverted=True)
    assert found == [0, 1, 1, 0, 0]
    listed = {"column": "Pneumonia", "contains": "No Finding", "blank": "negative"}
    assert labels(tmp_path, ["No Finding", "Mass", ""], listed, inverted=True) == [0, 1, 0]


def test_an_uncertain_cell_without_a_policy_is_refused_with_what_to_write(tmp_path: Path) -> None:
    with pytest.raises(SelectionError, match=r"is '-1.0' in 1 of 4 .*uncertain = \"positive\""):
        labels(tmp_path, CHEXPERT, "Pneumonia")


@pytest.mark.parametrize(
    ("contains", "expected"),
    [
        ("Mass", [1, 0, 0, 1, None]),
        ("no  finding", [0, 1, 0, 0, None]),
        (["Mass", "Pleural Thickening"], [1, 0, 1, 1, None]),
    ],
)
def test_a_list_column_is_positive_where_it_has_the_item(
    tmp_path: Path, contains: object, expected: list[object]
) -> None:
    cells = ["Nodule|Mass", "No Finding", "Pleural Thickening", "['mass', 'edema']", ""]
    rule = {"column": "Finding Labels", "contains": contains}
    assert labels(tmp_path, cells, rule, "Finding Labels") == expected


def test_a_mass_is_no_massive_effusion_and_an_item_may_hold_a_comma(tmp_path: Path) -> None:
    cells = ["Massive effusion|Edema", "Mass, solid|Edema", "Mass"]
    assert labels(tmp_path, cells, {"column": "Pneumonia", "contains": "Mass, solid"}) == [0, 1, 0]


def test_images_of_a_study_that_disagree_are_told_what_makes_it_positive(tmp_path: Path) -> None:
    """Not ``contains = "0"``, which would turn the label round."""
    cells = ["0|1", "0", "1"]
    with pytest.raises(SelectionError, match=r"rows disagree.*contains = \"1\"") as told:
        labels(tmp_path, cells, "Pneumonia")
    assert 'contains = "0"' not in str(told.value)
    assert labels(tmp_path, cells, {"column": "Pneumonia", "contains": "1"}) == [1, 0, 1]


def test_an_item_that_nobody_has_and_a_list_read_as_a_word_say_what_to_write(
    tmp_path: Path,
) -> None:
    cells = ["Nodule|Mass", "Mass", "Edema"]
    with pytest.raises(SelectionError, match="contains 'Masses' in no record; its items are Mass,"):
        labels(tmp_path, cells, {"column": "Pneumonia", "contains": "Masses"})
    with pytest.raises(SelectionError, match=r"is '.*contains = \"Nodule\""):
        labels(tmp_path, ["Nodule|Mass"], "Pneumonia")


@pytest.mark.parametrize(
    "words",
    [("yes", "No"), ("TRUE", "false"), ("Positive", "negative"), ("pos", "NEG"), ("Y", "n"),
     ("1", "0"), ("1.0", "0.0"), ("1.0000000000000002", "-1e-17"), ("present", "absent")],
)  # fmt: skip
def test_words_for_yes_and_no_are_those_of_every_door(
    tmp_path: Path, words: tuple[str, str]
) -> None:
    assert labels(tmp_path, [*words, "NA"], "Pneumonia") == [1, 0, None]


def test_a_row_a_finding_makes_one_list(tmp_path: Path) -> None:
    """VinDr's annotations: several rows an image, one a reader's box."""
    path = tmp_path / "annotations.csv"
    path.write_text(
        "image_id,rad_id,class_name,x_min\na,R1,Nodule,1\na,R2,Mass,2\nb,R1,No finding,\n"
    )
    records = read(path, columns={"patient": "image_id"})
    assert {r.patient_id: r.findings["class_name"] for r in records} == {
        "a": "Mass|Nodule",
        "b": "No finding",
    }


def test_rows_with_a_box_each_agree_on_the_target(tmp_path: Path) -> None:
    """RSNA's boxes: two rows of one patient, one Target."""
    path = tmp_path / "stage_2_train_labels.csv"
    path.write_text("patientId,x,y,width,height,Target\na,1,2,3,4,1\na,5,6,7,8,1\nb,,,,,0\n")
    assert {r.patient_id: r.findings["Target"] for r in read(path)} == {"a": "1", "b": "0"}


def test_the_flow_names_what_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "clinical.csv"
    path.write_text("patient_id,Edema\na,-1\nb,1\n")
    studies = [
        Study(
            study_uid=f"s{p}",
            patient_id=p,
            modality="DX",
            body_part="CHEST",
            description="",
            loinc="",
            manufacturer="GE",
            view="PA",
            acquired="",
            sex="Female",
            age=50,
            files=(Path("x"),),
        )
        for p in "ab"
    ]
    found = select(
        Commons.of(studies, read(path)), criteria({"column": "Edema", "uncertain": "exclude"})
    )
    assert found.flow[-1] == FlowStep("Edema is recorded", 1, 1, 1, 1)


@pytest.mark.parametrize(
    ("label", "said"),
    [
        ({"contains": "x"}, "has no column; give the name of a column"),
        ({"column": "x", "contain": "y"}, "'contain', which is no key .did you mean 'contains'"),
        ({"column": "x", "contains": []}, r"contains is \[\]; give a text in quotes, or a list"),
        ({"column": "x", "contains": 3}, "contains is 3; give a text in quotes, or a list"),
        (
            {"column": "x", "uncertain": "maybe"},
            "uncertain is 'maybe'; give one of 'refuse', 'positive'",
        ),
        (
            {"column": "x", "blank": "positive"},
            "blank is 'positive'; give one of 'exclude', 'negative'",
        ),
        (
            {"column": "x", "contains": "y", "uncertain": "positive"},
            "contains and uncertain are both given; give one",
        ),
        ({"column": "covid19", "blank": "negative"}, "whose days covid_window says"),
    ],
)
def test_a_label_that_cannot_be_followed_names_file_and_key(label: object, said: str) -> None:
    with pytest.raises(CohortPlanError, match=r"b\.toml: \[cohort\.label\].*" + said):
        criteria(label)
