"""Tables of reads as readers' programs write them: order, names, calls, other cases."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from evaluator.case_tables.case_table import ScoringInputError
from evaluator.readers.reads_table import ReadsColumns, read_reads


def table(folder: Path, text: str) -> Path:
    (folder / "r.csv").write_text(text)
    return folder / "r.csv"


def test_rows_may_come_in_any_order_and_names_in_any_spelling(tmp_path: Path) -> None:
    text = "Case ID;Radiologist;Score\nb;A;0,5\na;B;0,2\na;A;0,9\nb;B;0,1\n"
    found = read_reads(table(tmp_path, text), ["a", "b"])
    assert found.readers == ("A", "B")
    assert found.modalities == ("",)
    assert found.scores is not None
    assert found.scores.tolist() == [[[0.9, 0.5], [0.2, 0.1]]]
    assert found.calls is None


def test_calls_are_words_of_one_pair(tmp_path: Path) -> None:
    text = "reader,case,call\nA,a,Yes\nA,b,no\nB,a,NO\nB,b,no\n"
    found = read_reads(table(tmp_path, text), ["a", "b"])
    assert found.scores is None
    assert found.calls is not None
    assert found.calls.tolist() == [[[1, 0], [0, 0]]]
    with pytest.raises(ScoringInputError, match="line 3: call is '1', and line 2 has 'yes'"):
        read_reads(table(tmp_path, "reader,case,call\nA,a,yes\nA,b,1\n"), ["a", "b"])


def test_scores_of_0_and_1_alone_are_calls_and_said_to_be(tmp_path: Path) -> None:
    told: list[str] = []
    text = "reader,case,score\nA,a,1\nA,b,0\nB,a,0\nB,b,0\n"
    found = read_reads(table(tmp_path, text), ["a", "b"], tell=told.append)
    assert found.scores is None
    assert found.calls is not None
    assert told == ["the scores of r.csv are all 0 or 1; they are taken as calls"]


def test_rows_of_other_cases_may_be_left_aside(tmp_path: Path) -> None:
    text = "reader,case,score\nA,a,0.2\nA,b,0.3\nA,z,0.9\nB,a,0.4\nB,b,0.5\n"
    with pytest.raises(ScoringInputError, match="the case 'z' is not among the labels"):
        read_reads(table(tmp_path, text), ["a", "b"])
    found = read_reads(table(tmp_path, text), ["a", "b"], others=True)
    assert found.scores is not None
    assert np.all(found.scores == [[[0.2, 0.3], [0.4, 0.5]]])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("reader,case,score\nA,a,\nB,a,1\n", "line 2: score is ''; give a finite number"),
        ("reader,case,score\n,a,1\nB,a,1\n", "line 2: reader is empty"),
        ("reader,case,score\nA,,1\nB,a,1\n", "line 2: case is empty"),
        (
            "reader,case,score\nA,a,1\nA,a,2\n",
            "line 3: the read of line 2 again (reader 'A', case 'a'); give each read once, or name "
            "what it was read with in a column modality",
        ),
        ("reader,case\nA,a\n", "r.csv has no column of scores or calls"),
        ("reader,score\nA,1\n", "r.csv has no case column"),
        ("reader,case,score\nA,0a,1\n", "some would meet, zeros in front aside"),
        ("reader,case,score\n", "r.csv has a header and no row"),
    ],
)
def test_tables_that_cannot_be_read(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ScoringInputError, match=r"r\.csv") as refusal:
        read_reads(table(tmp_path, text), ["a"])
    assert said in str(refusal.value)


def test_a_named_column_must_be_there(tmp_path: Path) -> None:
    path = table(tmp_path, "reader,case,score\nA,a,1\nB,a,0\n")
    with pytest.raises(ScoringInputError, match=r"has no score column \(risk\)"):
        read_reads(path, ["a"], ReadsColumns(score="risk"))
    with pytest.raises(ScoringInputError, match=r"has no modality column \(arm\)"):
        read_reads(path, ["a"], ReadsColumns(modality="arm"))
