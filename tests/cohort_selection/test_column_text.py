"""Columns are written as the standard library writes the same rows, whatever they hold."""

from __future__ import annotations

import csv
import io
import json

import numpy as np
import pyarrow as pa
import pytest

from cohort_selection import column_text
from cohort_selection.column_text import as_csv, as_json, blocks, data_of, joined, numbers, spread

HOSTILE = [
    "", "a", " a ", "a,b", 'say "a"', '"', '""', "a\nb", "a\rb", "a\r\nb", "\n", "a\tb", "\0",
    "a\0b", "\x01", "\x7f", "\x85", "\u2028", "é", "Straße", "患者", "\U0001f600", "\ufeffa",
    "back\\slash", "\\", '\\"', "x, ", ", ", '", "', ": 1", "}", "=1+1", "null", "NaN",
]  # fmt: skip


def column(texts: list[str]) -> pa.LargeStringArray:
    """The texts as a slice of a longer column, whose bytes do not begin with theirs."""
    return pa.array(["before", *texts, "after"], pa.large_string()).slice(1, len(texts))


def test_json_is_that_of_the_standard_library() -> None:
    assert as_json(column(HOSTILE)).to_pylist() == [json.dumps(text) for text in HOSTILE]
    assert as_json(column(["a", "b"])).to_pylist() == ['"a"', '"b"']
    assert as_json(column([])).to_pylist() == []


def test_csv_is_read_back_whole_and_in_its_rows() -> None:
    rows = joined(as_csv(column(HOSTILE)), ",", as_csv(column(HOSTILE[::-1])), "\n")
    read = list(csv.reader(io.StringIO(bytes(data_of(rows)).decode(), newline="")))
    assert read == [list(row) for row in zip(HOSTILE, HOSTILE[::-1], strict=True)]


def test_csv_has_quotes_where_the_standard_library_puts_them() -> None:
    """Its writer for lines that end in either mark, as Excel has them: it quotes both marks."""
    written = io.StringIO(newline="")
    csv.writer(written, lineterminator="\r\n").writerows([text, "z"] for text in HOSTILE)
    rows = joined(as_csv(column(HOSTILE)), ",z\r\n")
    assert bytes(data_of(rows)).decode() == written.getvalue()


def test_a_column_is_cut_into_blocks_that_follow_each_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(column_text, "BLOCK", 3)
    assert list(blocks(0)) == []
    assert list(blocks(3)) == [slice(0, 3)]
    assert list(blocks(7)) == [slice(0, 3), slice(3, 6), slice(6, 7)]


def test_bytes_of_a_column_are_those_of_its_rows_alone() -> None:
    assert bytes(data_of(column(["a", "é", ""]))) == "aé".encode()
    assert bytes(data_of(column([]))) == b""
    assert bytes(data_of(column(["", ""]))) == b""


def test_a_row_without_a_text_is_not_left_out_in_silence() -> None:
    absent = pa.array(["a", None, "b"], pa.large_string())
    with pytest.raises(ValueError, match="1 of 3 rows have no text"):
        data_of(joined(absent, "\n"))


def test_numbers_and_codes_are_written_row_by_row() -> None:
    values = np.array([0.1, np.nan, 1e-300, 0.1, -0.0, 1 / 3])
    read = [json.loads(text) for text in numbers(values, json.dumps).to_pylist()]
    assert read == [0.1, None, 1e-300, 0.1, 0.0, 1 / 3]
    assert numbers(np.zeros(0), json.dumps).to_pylist() == []
    assert spread(["no", "yes"], np.array([1, 0, 1])).to_pylist() == ["yes", "no", "yes"]
