"""Texts as codes: their order, and how often each occurs."""

from __future__ import annotations

import random

import numpy as np
import pyarrow as pa
import pytest

from cohort_selection.coded import coded, numbered, order_of


@pytest.mark.parametrize(
    ("shared", "letters"),
    [("", "ab"), ("1.2.840.", "0123456789."), ("é", "a\0é"), ("", "中a\U0001f600\ufffdz")],
)
def test_texts_are_sorted_as_python_sorts_them(shared: str, letters: str) -> None:
    """Alike in their first eight bytes or not, short, empty, and twice the same."""
    rng = random.Random(7)
    for n in (0, 1, 2, 40, 300):
        texts = [shared + "".join(rng.choices(letters, k=rng.randrange(14))) for _ in range(n)]
        column = pa.array([*texts, "zz"], pa.large_string()).slice(0, n)
        assert column.take(pa.array(order_of(column))).to_pylist() == sorted(texts)
        codes, distinct = numbered(column)
        assert distinct.to_pylist() == sorted(set(texts))
        assert distinct.take(pa.array(codes)).to_pylist() == texts


def test_texts_are_counted_in_the_order_in_which_rows_meet_them() -> None:
    column = coded(["b", "c", "b", "a", "b"])
    assert list(column.counts().items()) == [("b", 3), ("c", 1), ("a", 1)]
    assert list(column.take(np.array([3, 1])).counts().items()) == [("a", 1), ("c", 1)]
    assert coded([]).counts() == {}
