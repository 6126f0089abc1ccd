"""Two CSV files in: what is refused, with file and line, and what is paired."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from evaluator.scoring import ScoringInputError, read_tables

TRUTH = "case_id,patient_id,label,sex,age\na,p1,1,F,39\nb,p2,0,,40\nc,p2,0,M,\n"
PREDICTIONS = "case_id,probability\nc,0.3\na,0.9\nb,0.2\n"


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_rows_are_matched_by_case_not_by_position(tmp_path: Path) -> None:
    found = read_tables(
        write(tmp_path, "p.csv", PREDICTIONS),
        write(tmp_path, "t.csv", TRUTH),
        subgroups=("sex", "age"),
    )
    given = found["label"]
    assert given.case_id.tolist() == ["a", "b", "c"]
    assert given.scores.tolist() == [0.9, 0.2, 0.3]
    assert given.y.tolist() == [True, False, False]
    assert given.patient_id is not None
    assert given.patient_id.tolist() == ["p1", "p2", "p2"]
    assert given.attributes["sex"].tolist() == ["F", "Not Reported", "M"]
    assert given.attributes["age_group"].tolist() == ["0-39", "40-59", "Not Reported"]


def test_several_labels_pair_with_their_columns_in_one_gzipped_file(tmp_path: Path) -> None:
    path = tmp_path / "both.csv.gz"
    with gzip.open(path, "wt") as file:
        file.write("image_id,Mass,Nodule,prob_Nodule,prob_Mass\n1,0,1,0.6,0.1\n2,1,0,0.5,0.2\n")
    found = read_tables(path, path)
    assert list(found) == ["Nodule", "Mass"]
    assert found["Mass"].scores.tolist() == [0.1, 0.2]
    assert found["Nodule"].y.tolist() == [True, False]
    assert found["Mass"].patient_id is None
    assert list(read_tables(path, path, labels=("Mass",))) == ["Mass"]


def test_a_dropped_case_is_refused_or_scored_as_the_worst(tmp_path: Path) -> None:
    short = write(tmp_path, "p.csv", "case_id,probability\na,0.9\nc,0.3\n")
    truth = write(tmp_path, "t.csv", TRUTH)
    with pytest.raises(ScoringInputError, match=r"1 of 3 cases in t.csv .* line 3"):
        read_tables(short, truth)
    given = read_tables(short, truth, missing="worst")["label"]
    assert given.scores.tolist() == [0.9, 1.0, 0.3]
    assert given.n_missing == 1
    lost_positive = write(tmp_path, "q.csv", "case_id,probability\nb,0.2\nc,0.3\n")
    assert read_tables(lost_positive, truth, missing="worst")["label"].scores[0] == 0.0


@pytest.mark.parametrize(
    ("predictions", "truth", "message"),
    [
        ("case_id,risk\na,0.9\nb,0.2\nc,0.3\n", TRUTH, r"p.csv has no .*found are: case_id, risk"),
        (PREDICTIONS, "case_id,sex\na,F\nb,F\nc,M\n", r"t.csv has no .*label.*: case_id, sex"),
        (PREDICTIONS, "name,label\na,1\n", r"t.csv has no case column"),
        (
            PREDICTIONS,
            TRUTH.replace("b,p2,0", "b,p2,2"),
            r"t.csv line 3: label is '2'; give 0 or 1",
        ),
        (PREDICTIONS, TRUTH.replace("b,p2,0", "b,p2,"), r"t.csv line 3: label is ''"),
        (PREDICTIONS + "a,0.1\n", TRUTH, r"p.csv line 5: the case of line 3 again"),
        (PREDICTIONS, TRUTH + "c,p9,1,F,3\n", r"t.csv line 5: the case of line 4 again"),
        (PREDICTIONS + "z,0.1\n", TRUTH, r"p.csv line 5: this case is not in t.csv"),
        (PREDICTIONS.replace("0.9", "nan"), TRUTH, r"p.csv line 3: probability is 'nan'"),
        (PREDICTIONS.replace("0.9", "1.9"), TRUTH, r"p.csv line 3: probability is '1.9'"),
        (PREDICTIONS.replace("0.9", "high"), TRUTH, r"p.csv line 3: probability is 'high'"),
        (PREDICTIONS.replace("0.9", "0.9,1"), TRUTH, r"p.csv line 3: 3 fields, the header has 2"),
        ("", TRUTH, r"p.csv is empty"),
        ("case_id,probability\n", TRUTH, r"no row"),
        (PREDICTIONS, TRUTH.replace("39", "-3"), r"t.csv line 2: age is '-3'"),
        (PREDICTIONS, TRUTH.replace("39", "890"), r"t.csv line 2: age is '890'"),
        (PREDICTIONS, TRUTH.replace("sex", "label"), r"column 'label' stands there twice"),
    ],
)
def test_what_is_wrong_is_named_with_file_and_line(
    tmp_path: Path, predictions: str, truth: str, message: str
) -> None:
    with pytest.raises(ScoringInputError, match=message):
        read_tables(
            write(tmp_path, "p.csv", predictions),
            write(tmp_path, "t.csv", truth),
            subgroups=("age",),
        )


def test_line_numbers_count_blank_lines(tmp_path: Path) -> None:
    truth = write(tmp_path, "t.csv", TRUTH.replace("\nb,p2,0", "\n\nb,p2,7"))
    with pytest.raises(ScoringInputError, match=r"t.csv line 4: label is '7'"):
        read_tables(write(tmp_path, "p.csv", PREDICTIONS), truth)


def test_a_file_that_is_no_csv_is_said_to_be_none(tmp_path: Path) -> None:
    zipped = tmp_path / "p.csv"
    zipped.write_bytes(b"PK\x03\x04\xff\xfe\x00")
    with pytest.raises(ScoringInputError, match=r"p.csv is not a CSV file in UTF-8"):
        read_tables(zipped, write(tmp_path, "t.csv", TRUTH))
    plain = write(tmp_path, "p.csv.gz", PREDICTIONS)
    with pytest.raises(ScoringInputError, match=r"p.csv.gz is not a CSV file"):
        read_tables(plain, write(tmp_path, "t.csv", TRUTH))


def test_a_missing_subgroup_column_shows_what_there_is(tmp_path: Path) -> None:
    with pytest.raises(ScoringInputError, match=r"subgroup column \(race\).*sex, age"):
        read_tables(
            write(tmp_path, "p.csv", PREDICTIONS),
            write(tmp_path, "t.csv", TRUTH),
            subgroups=("race",),
        )


def test_scores_survive_a_byte_order_mark_and_spaces(tmp_path: Path) -> None:
    path = tmp_path / "p.csv"
    path.write_text("case_id , probability\nc, 0.3\na,0.9\nb,0.2\n", encoding="utf-8-sig")
    given = read_tables(path, write(tmp_path, "t.csv", TRUTH))["label"]
    assert np.array_equal(given.scores, [0.9, 0.2, 0.3])
