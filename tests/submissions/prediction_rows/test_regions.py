"""Rows of masks and marks, as containers write them and as they should not."""

from __future__ import annotations

import tracemalloc

import pytest

from cohort_selection.task.declaration import BOXES, COLUMNS, MASKS, POINTS, PredictionForm
from submissions.contract import Contract
from submissions.prediction_rows.regions import MOST_MARKS
from submissions.predictions import Predictions, parse_predictions
from submissions.submission import ContractBroken, Failure

PICTURES = {
    "a": {"2.25.1": (10, 20, 1), "2.25.2": (10, 20, 3)},
    "b": {"2.25.3": (8, 8, 1)},
}


def contract(form: str) -> Contract:
    return Contract(outputs=COLUMNS[form], form=PredictionForm(regions=form))


def parsed(form: str, *rows: str) -> Predictions:
    text = "\n".join([f"case_id,{','.join(COLUMNS[form])}", *rows]) + "\n"
    return parse_predictions(text.encode(), PICTURES.keys(), contract(form), PICTURES)


def refused(form: str, *rows: str) -> Failure:
    with pytest.raises(ContractBroken) as broken:
        parsed(form, *rows)
    return broken.value.failure


def test_masks_are_matched_to_their_pictures_by_uid() -> None:
    found = parsed(MASKS, "b,,,", "a,2.25.2,3,1 5", "a,2.25.1,1,7 2 11 1")
    assert found.values == {"a": (8.0,), "b": (0.0,)}
    assert found.regions == {"a": "2.25.1,1,7 2 11 1\n2.25.2,3,1 5", "b": ""}


def test_a_row_of_an_empty_mask_is_one_too() -> None:
    found = parsed(MASKS, "b,2.25.3,1,", "a,,,")
    assert found.values == {"a": (0.0,), "b": (0.0,)}


def test_marks_keep_six_digits_and_the_highest_counts() -> None:
    found = parsed(POINTS, "a,2.25.1,1,3.5,2.25,0.4", "a,2.25.1,1,20,10,0.8765432", "b,,,,,")
    assert found.values == {"a": (0.876543,), "b": (0.0,)}
    assert found.regions["a"] == "2.25.1,1,20.0,10.0,0.876543\n2.25.1,1,3.5,2.25,0.4"


def test_a_box_may_reach_the_edge() -> None:
    found = parsed(BOXES, "a,2.25.1,1,19.3,0,0.7,10,1", "b,,,,,,,")
    assert found.regions["a"] == "2.25.1,1,19.3,0.0,0.7,10.0,1.0"


@pytest.mark.parametrize(
    ("form", "rows", "failure"),
    [
        (MASKS, ["a,2.25.1,1,1 5"], Failure.PREDICTIONS_INCOMPLETE),
        (MASKS, ["a,,,", "b,,,", "c,,,"], Failure.PREDICTIONS_UNKNOWN_CASE),
        # The picture is another case's, or of no case.
        (MASKS, ["a,2.25.3,1,1 5", "b,,,"], Failure.PREDICTIONS_UNKNOWN_CASE),
        (MASKS, ["a,2.25.9,1,1 5", "b,,,"], Failure.PREDICTIONS_UNKNOWN_CASE),
        (MASKS, ["a,,1,1 5", "b,,,"], Failure.PREDICTIONS_UNKNOWN_CASE),
        (MASKS, ["a,2.25.1,1,1 5", "a,2.25.1,1,9 5", "b,,,"], Failure.PREDICTIONS_UNKNOWN_CASE),
        (MASKS, ["a,,,", "a,2.25.1,1,9 5", "b,,,"], Failure.PREDICTIONS_UNKNOWN_CASE),
        (MASKS, ["a,2.25.1,1,9 5", "a,,,", "b,,,"], Failure.PREDICTIONS_UNKNOWN_CASE),
        (MASKS, ["a,,,", "b,,,", "a,,,"], Failure.PREDICTIONS_UNKNOWN_CASE),
        (MASKS, ["a,2.25.1,2,1 5", "b,,,"], Failure.PREDICTIONS_OUT_OF_RANGE),
        (MASKS, ["a,2.25.1,0,1 5", "b,,,"], Failure.PREDICTIONS_OUT_OF_RANGE),
        (MASKS, ["a,2.25.1,\u0661,1 5", "b,,,"], Failure.PREDICTIONS_OUT_OF_RANGE),
        (MASKS, ["a,2.25.1,1,198 4", "b,,,"], Failure.PREDICTIONS_OUT_OF_RANGE),
        (MASKS, ["a,2.25.1,1,one", "b,,,"], Failure.PREDICTIONS_OUT_OF_RANGE),
        (MASKS, ["a,2.25.1,1,1 5,6", "b,,,"], Failure.PREDICTIONS_MALFORMED),
        (POINTS, ["a,2.25.1,1,21,1,0.5", "b,,,,,"], Failure.PREDICTIONS_OUT_OF_RANGE),
        (POINTS, ["a,2.25.1,1,1,11,0.5", "b,,,,,"], Failure.PREDICTIONS_OUT_OF_RANGE),
        (POINTS, ["a,2.25.1,1,1,1,1.5", "b,,,,,"], Failure.PREDICTIONS_OUT_OF_RANGE),
        (POINTS, ["a,2.25.1,1,nan,1,0.5", "b,,,,,"], Failure.PREDICTIONS_OUT_OF_RANGE),
        (BOXES, ["a,2.25.1,1,15,1,6,1,0.5", "b,,,,,,,"], Failure.PREDICTIONS_OUT_OF_RANGE),
        (BOXES, ["a,2.25.1,1,15,1,-1,1,0.5", "b,,,,,,,"], Failure.PREDICTIONS_OUT_OF_RANGE),
    ],
)
def test_what_breaks_the_contract_has_one_failure(
    form: str, rows: list[str], failure: Failure
) -> None:
    assert refused(form, *rows) is failure


def test_a_case_has_so_many_marks_and_no_more() -> None:
    marks = ["a,2.25.1,1,1,1,0.5"] * MOST_MARKS
    assert len(parsed(POINTS, *marks, "b,,,,,").regions["a"].split("\n")) == MOST_MARKS
    failure = refused(POINTS, *marks, "a,2.25.1,1,1,1,0.5", "b,,,,,")
    assert failure is Failure.PREDICTIONS_MALFORMED


def test_what_is_stored_is_read_again() -> None:
    found = parsed(POINTS, "a,2.25.1,1,3.5,2.25,0.4", "b,,,,,")
    assert Predictions.of_document(found.as_document()) == found
    plain = Predictions({"a": (0.25, 0.5)})
    assert plain.as_document() == {"a": [0.25, 0.5]}
    assert Predictions.of_document({"a": [0.25, 0.5]}) == plain


def test_a_file_of_empty_lines_is_refused_at_the_first() -> None:
    text = b"case_id,sop_instance_uid,frame,runs\n" + b"\n" * 3_900_000
    with pytest.raises(ContractBroken, match="line 2 has 1 cells"):
        parse_predictions(text, PICTURES.keys(), contract(MASKS), PICTURES)


@pytest.mark.parametrize("form", [MASKS, POINTS])
def test_a_file_of_short_lines_costs_no_more_memory_than_its_text(form: str) -> None:
    header = f"case_id,{','.join(COLUMNS[form])}\n"
    text = (header + "ab\n" * 1_000_000).encode()
    cases = {f"case-{i}": {"2.25.1": (8, 8, 1000)} for i in range(1000)}
    tracemalloc.start()
    try:
        with pytest.raises(ContractBroken, match="line 2"):
            parse_predictions(text, cases, contract(form), cases)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 3 * len(text)
