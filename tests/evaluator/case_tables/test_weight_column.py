"""A column of case weights for `score`: read by case, or refused with its line."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from evaluator.case_tables.scoring_input import ScoringInputError, read_tables

PREDICTIONS = "case_id,probability,w\nc,0.3,30\na,0.9,10\nb,0.2,20\n"
TRUTH = "case_id,label,weight\na,1,1.5\nb,0,0\nc,0,2\n"


def tables(folder: Path, predictions: str = PREDICTIONS, truth: str = TRUTH) -> tuple[Path, Path]:
    (folder / "p.csv").write_text(predictions)
    (folder / "t.csv").write_text(truth)
    return folder / "p.csv", folder / "t.csv"


@pytest.mark.parametrize(
    ("column", "expected"),
    [("weight", [1.5, 0.0, 2.0]), ("w", [10.0, 20.0, 30.0]), (None, None)],
)
def test_weights_stand_in_the_order_of_the_truth(
    tmp_path: Path, column: str | None, expected: list[float] | None
) -> None:
    found = read_tables(*tables(tmp_path), weight_column=column)["label"].weights
    assert (None if found is None else found.tolist()) == expected


@pytest.mark.parametrize("text", ["-1", "", "nan", "inf", "heavy", "1e-12"])
def test_a_weight_that_is_none_is_refused_with_its_line(tmp_path: Path, text: str) -> None:
    given = tables(tmp_path, truth=TRUTH.replace("b,0,0", f"b,0,{text}"))
    said = f"t.csv line 3: weight is '{text}'; give a weight: 0, or a number from 1e-09 to 1e+09"
    with pytest.raises(ScoringInputError, match=re.escape(said)):
        read_tables(*given, weight_column="weight")


def test_no_column_no_weight_and_no_prediction_are_one_sentence_each(tmp_path: Path) -> None:
    given = tables(tmp_path)
    with pytest.raises(ScoringInputError, match=r"t\.csv has no weight column \(mass\); its col"):
        read_tables(*given, weight_column="mass")
    nothing = tables(tmp_path, truth=re.sub(r",[\d.]+\n", ",0\n", TRUTH))
    with pytest.raises(ScoringInputError, match=r"t\.csv: every weight is 0"):
        read_tables(*nothing, weight_column="weight")
    short = tables(tmp_path, predictions="case_id,probability,w\na,0.9,1\nc,0.3,1\n")
    with pytest.raises(ScoringInputError, match=r"t\.csv line 3: this case has no prediction and"):
        read_tables(*short, missing="worst", weight_column="w")
