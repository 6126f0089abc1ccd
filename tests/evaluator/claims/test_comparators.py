"""What a comparator said of each case, as steward's tables have it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cohort_selection.cases import Case
from evaluator.claims.comparators import calls_at, read_comparator
from evaluator.claims.declaration import ClaimsError, Comparator


def case(number: int, patient: int | None = None) -> Case:
    return Case(f"1.2.{number}", f"P{number if patient is None else patient}", (), 1, {})


def said(folder: Path, text: str, drawn: list[Case], keys: dict[str, object]) -> dict[str, float]:
    (folder / "t.csv").write_text(text)
    declared = Comparator(file="t.csv", **keys)  # type: ignore[arg-type]
    return read_comparator("device", declared, folder).of(drawn)


@pytest.mark.parametrize(
    ("text", "keys", "values"),
    [
        ("study_uid,score\n1.2.2,0.7\n1.2.1,0.2\n1.2.9,1\n", {}, (0.2, 0.7)),
        ("Study UID;Probability\n1.2.1;0,25\n1.2.2;0,5\n", {}, (0.25, 0.5)),
        ("id,risk\n1.2.1,-3.5\n1.2.2,12\n", {"scores": "risk"}, (-3.5, 12.0)),
        ("patient_id,score\nP1,0.1\nP2,0.9\n", {}, (0.1, 0.9)),
        ("mrn,score\n1.2.1,0.1\n1.2.2,0.9\n", {"cases": "mrn"}, (0.1, 0.9)),
        ("case_id,call\n1.2.1,No\n1.2.2,YES\n", {"calls": "call"}, (0.0, 1.0)),
        ("case_id,call\n1.2.1,negative\n1.2.2,negative\n", {"calls": "call"}, (0.0, 0.0)),
    ],
)
def test_a_table_is_matched_by_study_or_patient(
    tmp_path: Path, text: str, keys: dict[str, object], values: tuple[float, float]
) -> None:
    found = said(tmp_path, text, [case(1), case(2)], keys)
    assert (found["1.2.1"], found["1.2.2"]) == values
    assert len(found) == 2


@pytest.mark.parametrize(
    ("text", "keys", "told"),
    [
        (
            "case_id,score\n1.2.1,0.2\n1.2.3,\n",
            {},
            "t.csv has no score for 2 of 3 cases, 1 of them blank; the first is '1.2.2'",
        ),
        ("case_id,score\n01.2.1,0.2\n", {}, "some would meet, zeros in front aside"),
        ("case_id,score\n1.2.1,high\n", {}, "t.csv line 2: score is 'high'; give a finite number"),
        ("case_id,score\n1.2.1,inf\n", {}, "t.csv line 2: score is 'inf'; give a finite number"),
        ("case_id,call\n1.2.1,2\n", {"calls": "call"}, "t.csv line 2: call is '2'; give 0 or 1"),
        ("case_id,score\n1.2.1,0\n1.2.1,1\n", {}, "line 3: the case of line 2 again"),
        ("case_id,risk\n1.2.1,0\n", {}, "t.csv has no score column"),
        ("case_id,score\n1.2.1,0\n", {"calls": "call"}, "t.csv has no column of calls (call)"),
        ("name,score\n1.2.1,0\n", {}, "t.csv has no case column"),
        ("patient_id,score\nP1,0\n", {}, "patient 'P1' has several cases; name each study"),
        ("case_id,score\n", {}, "t.csv has a header and no row"),
    ],
)
def test_a_table_that_does_not_do_is_refused_in_one_sentence(
    tmp_path: Path, text: str, keys: dict[str, object], told: str
) -> None:
    by_patient = text.startswith("patient")
    cases = [case(1), case(2, 1) if by_patient else case(2), case(3)]
    with pytest.raises(ClaimsError) as refused:
        said(tmp_path, text, cases, keys)
    assert str(refused.value).startswith("[comparators.device]: ")
    assert told in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_score_at_the_operating_point_is_a_call() -> None:
    """As everywhere: at or above, and 0.1 + 0.2 is 0.3."""
    scores = np.array([0.29, 0.1 + 0.2, np.float32(0.3), 0.31])
    at = Comparator(file="t.csv", call_at=0.3)
    assert calls_at(scores, at).tolist() == [False, True, True, True]
    reader = Comparator(file="t.csv", calls="call")
    assert calls_at(np.array([0.0, 1.0]), reader).tolist() == [False, True]
