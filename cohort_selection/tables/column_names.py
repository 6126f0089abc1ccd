"""Lists the names that tables give their columns; the only place that knows them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

NAMES: Mapping[str, tuple[str, ...]] = {
    # In a study-level download of MIDRC submitter_id is the study's and case_ids the patient's.
    "patient": (
        "case_ids", "cases.submitter_id", "patient_id", "patient", "subject_id", "subject",
        "participant_id", "person_id", "empi_anon", "submitter_id", "record_id",
    ),
    "study": ("study_uid", "study_instance_uid"),
    "age": (
        "age_at_imaging", "age_at_index", "age", "patient_age", "age_at_study", "age_years",
    ),
    "over_89": ("age_at_imaging_gt89", "age_at_index_gt89"),
    "sex": ("sex", "patient_sex", "gender", "patient_gender", "patient_sex_dicom"),
    "race": ("race", "patient_race", "primary_race"),
    "ethnicity": ("ethnicity", "patient_ethnicity"),
    "race_ethnicity": ("race_ethnicity",),
    "site": ("site_id", "site"),
    "study_day": ("days_to_study",),
    "test_name": ("test_name",),
    "test_result": ("test_result_text",),
    "test_day": ("test_days_from_index",),
    # Two signs are in use: the dictionary's, test minus study, and that of MIDRC's challenge
    # notebook, study minus test.
    "test_before_study": ("days_from_test_to_study",),
    "positive_days": ("days_from_study_to_pos_covid_test",),
    "negative_days": ("days_from_study_to_neg_covid_test",),
}  # fmt: skip
"""Our name of a field of a clinical table, and the names in tables; earlier names win."""

IMAGE_NAMES: Mapping[str, tuple[str, ...]] = {
    "image": (
        "file", "file_name", "image", "image_index", "image_id", "path", "sop_instance_uid",
        "dicom_id",
    ),
    **{field: NAMES[field] for field in ("patient", "age", "sex", "race", "ethnicity")},
    "view": ("view", "view_position", "projection", "view_position_dicom"),
    "site": (*NAMES["site"], "institution", "hospital"),
    "study": (*NAMES["study"], "study_id", "study", "follow_up", "follow_up_#", "offset"),
    "spacing_x": ("pixel_spacing_x_mm", "pixel_spacing_x", "originalimagepixelspacing[x"),
    "spacing_y": ("pixel_spacing_y_mm", "pixel_spacing_y", "y]"),
    "original_width": ("original_width", "originalimage[width"),
    "original_height": ("original_height", "height]"),
}  # fmt: skip
"""The fields of a table of pictures (MIDRC, NIH ChestX-ray14, PadChest, VinDr, Cohen)."""

CASE_NAMES = (
    "case_id", "image_id", "study_uid", "study_instance_uid", "case_name", "case", "image_index",
    "image", "file_name", "file", "sop_instance_uid", "dicom_id", "path", "id",
)  # fmt: skip
"""Names of the case column in tables of scores and labels."""

LABEL_NAMES = ("label", "y", "y_true", "truth", "ground_truth", "outcome", "target")
SCORE_NAMES = ("probability", "prob", "score", "prediction", "y_score", "y_prob", "p")
READER_NAMES = ("reader", "reader_id", "rater", "radiologist", "observer", "annotator")
MODALITY_NAMES = ("modality", "arm", "reading_condition", "treatment", "aid")
RATING_NAMES = ("rating", "confidence", "likelihood", "grade")
CALL_NAMES = ("call", "calls", "decision", "called", "recall", "recalled")
"""The further columns of a table of readers."""

LABELLED_NAMES = (
    "label_name", "finding_name", "finding", "class_name", "class", "disease", "condition",
)  # fmt: skip
"""The column of a long table, one row a case and label, that names the label."""

ROW_A_FINDING = (
    "label_name", "finding_name", "class_name", "class_id", "lesion_id", "x_min", "xmin",
    "bbox", "bounding_box", "annotation_id", "annotation_number", "redcap_repeat_instance",
    "redcap_repeat_instrument",
)  # fmt: skip
"""Columns that only tables with a row for each finding of a picture or patient have."""


_LISTS = ("patient", "study", "race_ethnicity", "view")
"""Fields that exports spread over columns, ``case_ids_0`` and on; ``score_0`` is no score."""


def key(name: str) -> str:
    """A name without case, blanks and marks: ``Patient ID``, ``PatientID`` and ``patient_id``."""
    return re.sub(r"[\s_.*/-]+", "", name.casefold()) or name.casefold()


_SPREAD = frozenset(key(name) for field in _LISTS for name in {**NAMES, **IMAGE_NAMES}[field])


def find(columns: Sequence[str], names: Iterable[str]) -> str | None:
    """The column that has the first of these names, however it is spelled; None if none has.

    A column of exactly the name goes before one that differs in case, blanks or marks.
    """
    by_key: dict[str, str] = {}
    for column in reversed(columns):
        by_key[key(column)] = column
    for column in columns:
        first_of_list = key(column.removesuffix("_0"))
        if first_of_list in _SPREAD:
            by_key.setdefault(first_of_list, column)
    for name in names:
        if name in columns:
            return name
        if key(name) in by_key:
            return by_key[key(name)]
    return None


def field_of(column: str) -> str | None:
    """Which of sex, race, ethnicity, age and the other fields a column is, by its name."""
    wanted = key(column)
    if wanted == "agegroup":
        return None
    return next((f for f, names in NAMES.items() if wanted in map(key, names)), None)


def has_row_a_finding(columns: Sequence[str]) -> bool:
    """Whether a table has a row for each finding, so that a picture or study may have several."""
    there = {key(column) for column in columns}
    boxes = {"x", "y", "width", "height"}
    return boxes <= there or any(key(name) in there for name in ROW_A_FINDING)
