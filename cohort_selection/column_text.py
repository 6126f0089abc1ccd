"""Columns written as text, row by row: as JSON, as CSV, as lines, in blocks that fit in memory."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

BLOCK = 1 << 16
"""Rows that are written at once."""

_NOT_PLAIN_JSON = r"[^ !#-\[\]-~]"
_NOT_PLAIN_CSV = r'[,"\r\n]'


def blocks(n: int) -> Iterator[slice]:
    """The rows of a column of ``n``, some at a time."""
    for start in range(0, n, BLOCK):
        yield slice(start, min(start + BLOCK, n))


def spread(texts: Sequence[str], codes: NDArray[np.integer]) -> pa.LargeStringArray:
    """The text of each row; ``codes`` (n,) point into ``texts``."""
    return pa.array(texts, pa.large_string()).take(pa.array(codes))


def numbers(
    values: NDArray[np.float64], write: Callable[[float | None], str]
) -> pa.LargeStringArray:
    """The number of each row as ``write`` has it, which is asked once a number; None for NaN."""
    found, codes = np.unique(values, return_inverse=True)
    texts = [write(None if np.isnan(value) else value) for value in found.tolist()]
    return spread(texts, codes.reshape(-1))


def joined(*columns: pa.LargeStringArray | str) -> pa.LargeStringArray:
    """The texts of each row one after the other; a text alone stands in every row."""
    parts = [pa.scalar(c, pa.large_string()) if isinstance(c, str) else c for c in columns]
    return pc.binary_join_element_wise(*parts, pa.scalar("", pa.large_string()))


def data_of(texts: pa.LargeStringArray) -> memoryview:
    """The bytes of all texts, one after the other, in UTF-8; none may be null."""
    if texts.null_count:
        raise ValueError(f"{texts.null_count} of {len(texts)} rows have no text")
    if not len(texts):
        return memoryview(b"")
    _, offsets, data = texts.buffers()
    ends = np.frombuffer(offsets, np.int64)[[texts.offset, texts.offset + len(texts)]]
    return memoryview(data)[ends[0] : ends[1]] if data is not None else memoryview(b"")


def as_json(texts: pa.LargeStringArray) -> pa.LargeStringArray:
    """Each text as ``json.dumps`` writes it."""
    plain, odd = joined('"', texts, '"'), pc.match_substring_regex(texts, _NOT_PLAIN_JSON)
    if not pc.any(odd).as_py():
        return plain
    changed = [json.dumps(text) for text in texts.filter(odd).to_pylist()]
    return pc.replace_with_mask(plain, odd, pa.array(changed, pa.large_string()))


def as_csv(texts: pa.LargeStringArray) -> pa.LargeStringArray:
    """Each text as a cell of several in a row: in quotes where any reader needs them (RFC 4180)."""
    odd = pc.match_substring_regex(texts, _NOT_PLAIN_CSV)
    if not pc.any(odd).as_py():
        return texts
    return pc.if_else(odd, joined('"', pc.replace_substring(texts, '"', '""'), '"'), texts)
